# SPDX-License-Identifier: MIT
"""A small disk that can be filled: a tmpfs that only this process and what it starts see, so that
it goes with them."""

import ctypes
import errno
import os

from .process import HarnessError, MissingError, need_root, run

CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
PIECE = 4096

_libc = ctypes.CDLL(None, use_errno=True)


class Disk:
    """At folder, which is made. Only one thread of this process may run yet; what nursery started
    before does not see it. Use as a context."""

    def __init__(self, folder, size):
        need_root()
        self.folder = folder
        self._filler = os.path.join(folder, "filler")
        if _libc.unshare(CLONE_NEWNS) != 0:
            raise MissingError("missing: a mount namespace can't be made here")
        # In a chroot "/" is no mount point.
        if _libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0 and \
                ctypes.get_errno() != errno.EINVAL:
            raise HarnessError("mounts can't be made private")
        os.mkdir(folder)
        run(["mount", "-t", "tmpfs", "-o", "mode=755,size=%d" % size, "tmpfs", folder])

    def room(self):
        """Bytes that are free."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def fill(self, left=0):
        """Until there is room for so many bytes only."""
        with open(self._filler, "ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(PIECE))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
            file.truncate(max(0, file.tell() - left))

    def free(self):
        try:
            os.unlink(self._filler)
        except FileNotFoundError:
            pass

    def close(self):
        run(["umount", "-l", self.folder], check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
