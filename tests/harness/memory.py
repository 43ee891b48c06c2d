# SPDX-License-Identifier: MIT
"""The memory of a process, as a core would have it, and secrets that are found again in it."""

import base64
import os
import re
import secrets
import struct
import string

PAGE = os.sysconf("SC_PAGE_SIZE")
PRESENT = 62  # bits of /proc/PID/pagemap from here on: swapped, in memory
# A sanitizer's shadow is no memory that a program has put something into, but terabytes.
AREA_MAX = 64 << 30
KERNELS = ("[vvar]", "[vvar_vclock]", "[vsyscall]", "[vdso]")


def areas(pid):
    """(begin, end, name) of what may hold something of the process's own."""
    with open("/proc/%d/maps" % pid, encoding="utf-8") as file:
        for line in file:
            words = line.split(None, 5)
            begin, end = (int(each, 16) for each in words[0].split("-"))
            name = words[5].strip() if len(words) > 5 else ""
            shared = name.startswith("/") and "w" not in words[1]
            if "r" in words[1] and name not in KERNELS and not shared and end - begin < AREA_MAX:
                yield begin, end, name


def runs(pagemap, begin, end):
    """(address, bytes) of the pages between begin and end that are there."""
    pagemap.seek(begin // PAGE * 8)
    data = pagemap.read((end - begin) // PAGE * 8)
    there = [bits >> PRESENT for bits in struct.unpack("%dQ" % (len(data) // 8), data)]
    number = 0
    while number < len(there):
        first = number
        while number < len(there) and there[number]:
            number += 1
        if number > first:
            yield begin + first * PAGE, (number - first) * PAGE
        number += 1


class Image:
    """All pages of a process, those included that a core leaves out."""

    def __init__(self, pid):
        self.parts = []
        with open("/proc/%d/mem" % pid, "rb", 0) as memory, \
                open("/proc/%d/pagemap" % pid, "rb", 0) as pagemap:
            for begin, end, name in areas(pid):
                for address, size in runs(pagemap, begin, end):
                    try:
                        memory.seek(address)
                        self.parts.append((name, address, memory.read(size)))
                    except OSError:
                        pass  # given back meanwhile

    def size(self):
        return sum(len(data) for _, _, data in self.parts)

    def count(self, needle):
        return sum(data.count(needle) for _, _, data in self.parts)

    def places(self, needle):
        """(where, 40 bytes before and 80 from there on) of each."""
        for name, address, data in self.parts:
            at = data.find(needle)
            while at >= 0:
                yield "%s %x" % (name, address + at), data[max(0, at - 40):at], data[at:at + 80]
                at = data.find(needle, at + len(needle))


def base64_inside(data):
    """The characters that data is sure to make, wherever it stands in what is encoded."""
    for skip in range(3):
        coded = base64.b64encode(b"\0" * skip + data)
        yield coded[4 if skip else 0:len(coded) - (4 if (skip + len(data)) % 3 else 0)]


class Canaries:
    """Passwords that all bear one mark four times, so that a few searches find any of them, also a
    quarter of one that was overwritten, and tell which it is."""

    UNIT = 12  # a multiple of 3: base64 looks alike for each

    def __init__(self):
        letters = string.ascii_letters
        self.mark = "".join(secrets.choice(letters) for _ in range(self.UNIT - 3))
        plain = self.mark.encode()
        self._forms = {"UTF-16": self.mark.encode("utf-16-le"),
                       "UTF-16 (BE)": self.mark.encode("utf-16-be"),
                       "in lower case": plain.lower(), "in hex": plain.hex().encode()}
        for name, data in (("base64", plain), ("base64 of UTF-16", self._forms["UTF-16"])):
            for number, form in enumerate(base64_inside(data)):
                self._forms["%s, %d" % (name, number)] = form

    def text(self, kind, number=0):
        """kind is a letter or a digit."""
        return ("%s%s%02d" % (self.mark, kind, number)) * 4

    def found(self, image):
        """({(kind, number): count} of those in plain, [words about each other one])"""
        plain, others = {}, []
        unit = re.compile(re.escape(self.mark.encode()) + rb"(\w)(\d\d)")
        for where, before, after in image.places(self.mark.encode()):
            match = unit.match(after)
            if match:
                key = match.group(1).decode(), int(match.group(2))
                plain[key] = plain.get(key, 0) + 1
            else:
                others.append("cut off: %s: %r" % (where, before + after))
        for form, needle in self._forms.items():
            others += ["%s: %s: %r" % (form, where, before + after)
                       for where, before, after in image.places(needle)]
        return plain, others


def hash_pieces(text):
    """What is looked for of a hash: it has no mark."""
    plain = text.encode()
    return [plain[at:at + 16] for at in range(plain.index(b"}") + 1, len(plain) - 15, 16)]
