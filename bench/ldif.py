# SPDX-License-Identifier: MIT
"""What a run has written, as LDIF for OpenLDAP's own tools, byte for byte."""

# What the server adds by itself.
SERVERS_OWN = {"structuralObjectClass", "entryUUID", "creatorsName", "createTimestamp", "entryCSN",
               "modifiersName", "modifyTimestamp", "contextCSN"}


def attribute(line):
    return line.partition(":")[0]


def given(block):
    """An entry's lines without what the server adds."""
    return [line for line in block if attribute(line) not in SERVERS_OWN]


def contents(dump):
    """For comparing two dumps."""
    return {name: sorted(given(block)) for name, block in dump.items()}


def text(blocks):
    return "".join("\n".join(block) + "\n\n" for block in blocks)


def added(before, after):
    """Blocks of the entries that are new, in the order in which they were made."""
    return [given(block) for name, block in after.items() if name not in before]


def removed(before, after):
    """Names (without "dn: ") of the entries that are gone."""
    return [name.partition(": ")[2] for name in before if name not in after]


def _values(block):
    found = {}
    for line in given(block)[1:]:
        found.setdefault(attribute(line), []).append(line)
    return found


def modified(before, after):
    """Blocks for ldapmodify: each attribute that differs is replaced."""
    blocks = []
    for name, block in after.items():
        if name not in before or before[name] == block:
            continue
        old, new = _values(before[name]), _values(block)
        lines = []
        for key in sorted(set(old) | set(new)):
            if old.get(key) != new.get(key):
                lines += ["replace: " + key, *new.get(key, []), "-"]
        if lines:
            blocks.append([name, "changetype: modify", *lines])
    return blocks


def grown(before, after, key, mark):
    """Blocks for ldapmodify that make each new entry with the first value of key, and then add one
    value after the other, in the order in which they stand. mark is the attribute that ends in the
    line of the row that wrote last: one line a value."""
    blocks = []
    for name, block in after.items():
        if name in before:
            continue
        found = _values(block)
        values = found.pop(key)
        job, _, last = found.pop(mark)[0].rpartition("/")
        marks = ["%s/%d" % (job, int(last) - behind) for behind in reversed(range(len(values)))]
        blocks.append([name, "changetype: add", *sum(found.values(), []), marks[0], values[0]])
        blocks += [[name, "changetype: modify", "add: " + key, value, "-", "replace: " + mark,
                    line, "-"] for line, value in zip(marks[1:], values[1:])]
    return blocks
