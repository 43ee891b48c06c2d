# SPDX-License-Identifier: MIT
"""What was measured: figures of several rounds, ours beside a peer's, as a table and as JSON."""

import statistics

HEAD = ("what", "ours", "peer", "ratio", "wanted", "spread")


class Wanted:
    """What a figure must show: of "ratio" (ours / peer) or of "ours"."""

    def __init__(self, sign, bound, of="ratio"):
        self.sign, self.bound, self.of = sign, bound, of

    def met(self, figure):
        value = figure.ratio() if self.of == "ratio" else figure.median(figure.ours)
        return value >= self.bound if self.sign == ">=" else value <= self.bound

    def __str__(self):
        return "%s %s%s" % (self.sign, number(self.bound), "" if self.of == "ratio" else " (ours)")


def at_least(bound, of="ratio"):
    return Wanted(">=", bound, of)


def at_most(bound, of="ratio"):
    return Wanted("<=", bound, of)


class Figure:
    """One thing measured. peer names with whom it is compared; without one the figure is only
    stated, or wanted says something of ours."""

    def __init__(self, what, unit, peer=None, wanted=None):
        self.what, self.unit, self.peer, self.wanted = what, unit, peer, wanted
        self.ours, self.theirs = [], []

    def add(self, ours, theirs=None):
        """One round."""
        self.ours.append(float(ours))
        if self.peer is not None:
            self.theirs.append(float(theirs))

    @staticmethod
    def median(values):
        return statistics.median(values)

    def ratios(self):
        """Of each round: what disturbs the machine disturbs both."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs) if theirs]

    def ratio(self):
        ratios = self.ratios()
        return self.median(ratios) if ratios else float("nan")

    def missed(self):
        return self.wanted is not None and not self.wanted.met(self)

    def spread(self):
        """Smallest and largest: of the ratios, or of ours where there is no peer."""
        values = self.ratios() if self.theirs else self.ours
        return (min(values), max(values)) if values else (0.0, 0.0)

    def row(self):
        low, high = self.spread()
        return ("%s, %s" % (self.what, self.unit),
                number(self.median(self.ours)),
                "%s %s" % (self.peer, number(self.median(self.theirs))) if self.theirs else "",
                "%.2f" % self.ratio() if self.theirs else "",
                (str(self.wanted) + (" MISSED" if self.missed() else "")) if self.wanted else "",
                "%s .. %s" % (number(low), number(high)) if len(self.ours) > 1 else "")

    def told(self):
        """For JSON."""
        low, high = self.spread()
        return {"what": self.what, "unit": self.unit, "ours": self.median(self.ours),
                "peer": self.peer, "theirs": self.median(self.theirs) if self.theirs else None,
                "ratio": self.ratio() if self.theirs else None,
                "wanted": str(self.wanted) if self.wanted else None, "missed": self.missed(),
                "spread": [low, high], "rounds": {"ours": self.ours, "theirs": self.theirs}}


def number(value):
    """Three digits that count, no more."""
    if value != value:
        return "-"
    if abs(value) >= 1000:
        return "{:,.0f}".format(value)
    if abs(value) >= 100:
        return "%.0f" % value
    if abs(value) >= 10:
        return "%.1f" % value
    return "%.2f" % value


def table(figures, head=True):
    """Lines of text, the columns one below the other."""
    rows = ([HEAD] if head else []) + [figure.row() for figure in figures]
    widths = [max([len(row[n]) for row in rows] + [len(HEAD[n])]) for n in range(len(HEAD))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) if n in (0, 2, 4, 5) else cell.rjust(width)
                 for n, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return lines
