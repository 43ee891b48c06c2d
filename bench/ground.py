# SPDX-License-Identifier: MIT
"""Where is measured: the tests' World, its directory synced on a disk or on a tmpfs, which can be
brought back to the same beginning again and again; and what the machine tells of who did what."""

import os
import re
import shutil
import time

from harness import HarnessError, Nursery, Postfix, World, run, which, write
from harness.big import copy

TICKS = os.sysconf("SC_CLK_TCK")
# For a place to be of use: Postfix takes no mail where less than 1.5 message_size_limit is free, and
# 600 MB of them are on hold in one bench.
FREE_BYTES = 5 << 29
# Limits that are no part of what is measured here.
SETTINGS = {"spool.jobs_max": 1000000, "spool.client_jobs_max": 1000000,
            "spool.requester_jobs_max": 1000000, "spool.bytes_max": "64G",
            "spool.client_bytes_max": "64G", "spool.requester_bytes_max": "64G"}
MONITOR = "cn=Operations,cn=Monitor"


# --- places ---

def file_system(path):
    return run(["stat", "-f", "-c", "%T", path]).stdout.decode().strip()


def _runs_programs(path):
    return not os.statvfs(path).f_flag & os.ST_NOEXEC


def find_place(kind, wanted=None):
    """The folder for a place: "synced" (not a tmpfs) or "tmpfs". wanted: of the command line."""
    candidates = [wanted] if wanted else {
        "synced": ["/var/tmp", "/tmp"], "tmpfs": ["/dev/shm", "/tmp"]}[kind]
    for path in candidates:
        free = os.statvfs(path).f_bavail * os.statvfs(path).f_frsize
        if (_runs_programs(path) and free >= FREE_BYTES
                and (file_system(path) == "tmpfs") == (kind == "tmpfs")):
            return path
    raise HarnessError("%s is no place for what is to be %s: it takes a folder that is %sa tmpfs, "
                       "may hold programs and has 2.5 GB free; name one with --%s" % (
                           " or ".join(candidates), kind, "" if kind == "tmpfs" else "not ", kind))


# --- who did what ---

class Used:
    """Processor seconds of a process, its children that ended apart, since this was made."""

    def __init__(self, pid):
        self._pid = pid
        self._before = self._now()

    def _now(self):
        with open("/proc/%d/stat" % self._pid, "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        user, system, below_user, below_system = [int(each) for each in fields[11:15]]
        return (user + system) / TICKS, (below_user + below_system) / TICKS

    def seconds(self):
        return tuple(now - before for now, before in zip(self._now(), self._before))


class MeasuredPostfix(Postfix):
    """Has a port more that has no filter, and four where all that comes is put on hold: without a
    filter, with ours, with another, and with our policy service alone, which the others are without.
    sink@discarded.example is somebody they know."""

    def __init__(self, nursery, *arguments):
        self.bare_port = nursery.port()
        self.holding_port = nursery.port()
        self.holding_filtered_port = nursery.port()
        self.holding_other_port = nursery.port()
        self.holding_asking_port = nursery.port()
        self.other_socket = nursery.path("m", "other")
        super().__init__(nursery, *arguments)

    def configure(self, milter=True, extra=""):
        super().configure(milter, extra)
        own = """message_size_limit = 1000000000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
virtual_mailbox_domains = discarded.example, %(domain)s,
    proxy:ldap:%(conf)s/batchload-domains.cf
virtual_mailbox_maps = inline:{ { sink@discarded.example = sink } },
    proxy:ldap:%(conf)s/batchload-mailboxes.cf
transport_maps = inline:{ { discarded.example = discard: } },
    texthash:%(conf)s/batchload-transport
""" % {"domain": self.domain, "conf": self.conf}
        path = self.conf + "/main.cf"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        # A setting that stands there twice is a warning of each process, postlogd's own at start,
        # too, which may wait for itself then.
        for name in re.findall(r"(?m)^(\w+) =", own):
            text = re.sub(r"(?m)^%s =.*\n(?:[ \t].*\n)*" % name, "", text)
        write(path, text + own)

    def _plain_master(self, milter):
        smtpd = "127.0.0.1:%d inet n - n - - smtpd\n"
        hold = ("    -o { smtpd_recipient_restrictions = %scheck_sender_access static:hold,\n"
                "    permit_mynetworks, reject }\n")
        asking = hold % "check_policy_service unix:private/batchload-policy, "
        hold %= ""
        milters = "    -o smtpd_milters=%s\n"
        return "".join([
            super()._plain_master(milter),
            smtpd % self.bare_port, milters % "",
            smtpd % self.holding_port, hold, milters % "",
            smtpd % self.holding_filtered_port, hold,
            smtpd % self.holding_other_port, hold, milters % ("unix:" + self.other_socket),
            smtpd % self.holding_asking_port, asking, milters % ""])

    def held(self):
        """How many mails are on hold."""
        return len(os.listdir(os.path.join(self.queue_folder, "hold")))

    def remove_held(self):
        run([which("postsuper"), "-c", self.conf, "-d", "ALL", "hold"])


class Ground(World):
    """place: "synced" or "tmpfs", in folder."""

    def __init__(self, tree, place, folder):
        self.place = place
        super().__init__(tree=tree, sync=True, settings=SETTINGS, nursery=Nursery(above=folder))
        try:
            self._extend_directory()
            self._begin = self._pristine = self._keep("pristine")
        except BaseException:
            self.close()
            raise

    def make_mta(self, policy, values):
        return MeasuredPostfix(self.nursery, policy, values, self.log, self.batch_domain)

    # --- the same beginning ---

    def _extend_directory(self):
        """Room for a million entries, and counters of operations."""
        with open(self.slapd.conf, encoding="utf-8") as file:
            text = file.read()
        text = text.replace("\nmaxsize 4294967296\n", "\nmaxsize 17179869184\n")
        with open(self.slapd.conf, "w", encoding="utf-8") as file:
            file.write(text + "\ndatabase monitor\n")
        self.slapd.restart()

    def _keep(self, name):
        kept = os.path.join(self.slapd.folder, name)
        self.slapd.stop()
        shutil.rmtree(kept, ignore_errors=True)
        os.mkdir(kept)
        copy(self.slapd.folder + "/data", kept)
        self.slapd.start()
        return kept

    def prepare(self, ldif="", settings=None, name="begin"):
        """What each measurement begins with: these entries more, and the daemon's settings. Where
        several are kept by a name each, what this returns is what restore() takes."""
        self._begin = self._pristine
        self.restore(start=False)
        if ldif:
            self.load(ldif)
        self._begin = self._keep(name)
        self.milter.kill()
        self.milter.configure({**SETTINGS, **(settings or {})})
        return self._begin

    def load(self, ldif, *options):
        """Entries by slapadd, the server being down."""
        path = os.path.join(self.slapd.folder, "load.ldif")
        with open(path, "w", encoding="utf-8") as file:
            file.write(ldif)
        run([which("slapadd"), "-q", *options, "-f", self.slapd.conf, "-l", path], seconds=600)

    def restore(self, start=True, begin=None):
        """The directory as it was when a measurement was prepared."""
        self.slapd.stop()
        copy(begin or self._begin, self.slapd.folder + "/data")
        if start:
            self.slapd.start()

    def reset(self, fence=True):
        """Directory, spool and daemon as they were; what is done once after a start is done."""
        if self.milter.running():
            self.milter.kill()
        shutil.rmtree(self.milter.spool, ignore_errors=True)
        os.truncate(self.log, 0)
        self.restore()
        self.milter.start()
        if fence:
            self.fence()

    # --- the directory ---

    @property
    def bind(self):
        """Options with which OpenLDAP's tools do as the daemon does: address, name, password."""
        return ["-x", "-H", self.slapd.uri, "-D", self.milter.own["directory.bind_dn"], "-y",
                self.milter.own["directory.bind_password_file"]]

    def operations(self):
        """What slapd has done since its start: {"Search": number, …}."""
        found = self.slapd.search(base=MONITOR, scope="one",
                                  attributes=("cn", "monitorOpCompleted"))
        return {entry["cn"][0]: int(entry["monitoropcompleted"][0]) for entry in found.values()}

    def sent(self):
        """Bytes that slapd has sent since its start."""
        found = self.slapd.search(base="cn=Bytes,cn=Statistics,cn=Monitor", scope="base",
                                  attributes=("monitorCounter",))
        return int(list(found.values())[0]["monitorcounter"][0])

    def dump(self):
        """{first line: all lines} of each entry, as slapd's own tool writes them, in the order in
        which they were made."""
        text = run([which("slapcat"), "-f", self.slapd.conf, "-b", self.base, "-o",
                    "ldif-wrap=no"], seconds=600).stdout.decode()
        blocks = [block.split("\n") for block in text.split("\n\n") if block]
        return {block[0]: block for block in blocks}

    # --- a request, start to end ---

    def hand_over(self, raw, sender=None):
        """Sends a request; the moment at which it was accepted."""
        sender = sender or self.admin
        with self.postfix.client() as client:
            client.ehlo()
            client.mail(sender)
            client.rcpt(self.batch_address)
            code, text = client.data(raw)
            accepted = time.monotonic()
        if code != 250:
            raise HarnessError("a request was not taken: %d %r" % (code, text))
        return accepted
