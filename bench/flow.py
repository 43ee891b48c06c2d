# SPDX-License-Identifier: MIT
"""Mail by mail: how long a small request takes, how many are taken in, and how little mail that is
not ours feels of the filter; beside Postfix alone."""

import contextlib
import os
import secrets
import statistics
import threading
import time

from harness import HarnessError, mail, message_id_of, run, wait_for
from harness.big import hashed
from harness.flood import held
from figures import at_least, at_most
from ground import SETTINGS, Used
from session import Bench
from tools import Arrivals, smtp_source

ROWS = 10       # of a small request
REQUESTS = 200
AT_A_TIME = 50


# --- how long a small request takes ---

class Person:
    """An administrator with a domain of his own."""

    def __init__(self, ground, number):
        self.domain = "domain%d.example" % number
        self.address = "admin@" + self.domain
        self.password = secrets.token_urlsafe(12)
        ground.slapd.add(ground.slapd.domain_ldif(self.domain))
        self.identifier = ground.add_account(self.address, self.password)
        ground.passwords[self.address] = self.password
        self.folder = os.path.join(ground.dovecot.mail_root, self.domain, self.identifier,
                                   "Maildir", "new")

    def request(self, ground, word):
        """Ten new accounts."""
        return ground.request(
            [{"DOMAIN": self.domain, "USER": "%s%d" % (word, n), "TYPE": "FULL", "ACTION": "ADD",
              "PASSWORD": hashed("%s%d" % (word, n)), "GIVENNAME": "Jane", "SURNAME": "Doe"}
             for n in range(ROWS)], sender=self.address)


def plain(person, size):
    """A mail of this size to the same mailbox."""
    head = ("From: someone@elsewhere.example\r\nTo: %s\r\nSubject: hello\r\nMessage-ID: %s\r\n\r\n"
            % (person.address, mail.message_id()))
    line = "x" * 74 + "\r\n"
    return (head + line * max(1, (size - len(head)) // len(line))).encode()


def send(ground, port, raw, sender, recipient):
    """One mail by a connection of its own; the moment at which its last byte had left."""
    with ground.postfix.client(port) as client:
        client.ehlo()
        client.mail(sender)
        client.rcpt(recipient)
        code, _ = client.docmd("DATA")
        if code == 354:
            client.send(raw + b".\r\n")  # no line of it begins with a dot
            sent = time.monotonic()
            code, text = client.getreply()
            if code == 250:
                return sent
        raise HarnessError("a mail was not taken: %d" % code)


class Mails:
    """What one person sends, one after the other, and how long each took."""

    def __init__(self, ground, person, arrivals, plain_size=None):
        self._ground, self._person, self._arrivals = ground, person, arrivals
        self._plain_size = plain_size

    def one(self, word):
        """Milliseconds from the end of DATA to the mailbox."""
        ground, person = self._ground, self._person
        if self._plain_size:
            raw = plain(person, self._plain_size)
            sent = send(ground, ground.postfix.bare_port, raw, "someone@elsewhere.example",
                        person.address)
        else:
            raw = person.request(ground, word)
            sent = send(ground, ground.postfix.port, raw, person.address, ground.batch_address)
        return (self._arrivals.wait(message_id_of(raw)) - sent) * 1000


def together(jobs):
    """Each of jobs, functions, in a thread of its own."""
    faults = []

    def work(job):
        try:
            job()
        except (HarnessError, TimeoutError, OSError) as error:
            faults.append(error)
    threads = [threading.Thread(target=work, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise HarnessError("%d of %d failed: %s" % (len(faults), len(jobs), faults[0]))


def series(mails, count, word):
    return [mails.one("%s%dx" % (word, n)) for n in range(count)]


def crowd(mails, count, word):
    """count in all, each of mails sending again when it has its answer."""
    times, each = [], max(1, count // len(mails))
    together([lambda m=m, k=k: times.extend(series(m, each, "%s%dx" % (word, k)))
              for k, m in enumerate(mails)])
    return times


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class LatencyFigures:
    def __init__(self, session, what):
        self._half = session.figure(what + ", p50", "ms", "plain mail", at_most(3))
        self._most = session.figure(what + ", p99", "ms", "plain mail")

    def add(self, ours, theirs):
        self._half.add(statistics.median(ours), statistics.median(theirs))
        self._most.add(percentile(ours, 0.99), percentile(theirs, 0.99))


def latency(session):
    ground = session.ground("synced")
    ground.prepare()
    ground.reset()
    count, crowded = session.count(REQUESTS, 2), session.count(AT_A_TIME, 2)
    people = [Person(ground, n) for n in range(crowded)]
    ground.milter.write_senders("".join(
        "%s allow\n" % each for each in [ground.admin, *[one.address for one in people]]))
    ground.milter.restart()
    alone = LatencyFigures(session, "one after another")
    one = LatencyFigures(session, "%d at a time, one administrator" % crowded)
    many = LatencyFigures(session, "%d at a time, as many administrators" % crowded)
    with contextlib.ExitStack() as stack:
        for person in people:  # what is done at the first mail to a mailbox
            send(ground, ground.postfix.bare_port, plain(person, 100), "someone@elsewhere.example",
                 person.address)
        arrivals = {}
        for person in people:
            wait_for(lambda p=person: os.path.isdir(p.folder) and os.listdir(p.folder),
                     "the first mail")
            arrivals[person] = stack.enter_context(Arrivals(person.folder))
        size = len(people[0].request(ground, "size"))
        ours = [Mails(ground, each, arrivals[each]) for each in people]
        theirs = [Mails(ground, each, arrivals[each], size) for each in people]
        for number in range(session.rounds):
            word = "r%d" % number
            alone.add(series(ours[0], count, word + "a"), series(theirs[0], count, ""))
            one.add(crowd(ours[:1] * crowded, count, word + "b"),
                    crowd(theirs[:1] * crowded, count, ""))
            many.add(crowd(ours, count, word + "c"), crowd(theirs, count, ""))


# --- how many are taken in ---

def taken(ground, count):
    """That all mails became jobs."""
    found = len(ground.log_lines("action=accept"))
    if found != count:
        raise HarnessError("%d of %d requests became jobs" % (found, count))


def intake(session):
    """Accepting alone: nobody works on the requests meanwhile, and what Postfix alone accepts is put
    on hold."""
    ground = session.ground("synced")
    ground.prepare()
    figures = {sessions: session.figure(
        "accepted, %d session%s" % (sessions, "s" if sessions > 1 else ""), "mails/s",
        "no filter", at_least(0.5)) for sessions in (1, 10, 50)}
    with held(ground, SETTINGS):
        for _ in range(session.rounds):
            for sessions, figure in figures.items():
                count = session.count(500, sessions)
                ground.reset(fence=False)
                ours, theirs = [smtp_source(
                    ground, port, count, sessions, 3000, sender=ground.admin,
                    recipient=ground.batch_address, subject="PROCESS")
                                for port in (ground.postfix.port, ground.postfix.holding_port)]
                taken(ground, count)
                ground.postfix.remove_held()
                figure.add(ours, theirs)
        ground.milter.kill()  # those who stand still would not end


# --- mail that is not ours ---

# How many mails take Postfix two seconds and more, by one session and by ten.
SIZES = (("2 kB", 2000, {1: 1500, 10: 3000}), ("1 MB", 1000000, {1: 400, 10: 600}))
WARMING = 3  # mails a session before the clock starts


@contextlib.contextmanager
def taking_filter(session, ground):
    """The filter that takes everything: its process."""
    path = ground.postfix.other_socket
    process = ground.nursery.spawn([session.program("bench-take"), "unix:" + path],
                                   log=ground.nursery.path("take.log"))
    try:
        wait_for(lambda: os.path.exists(path), "the other filter")
        os.chmod(path, 0o666)
        yield process
    finally:
        ground.nursery.stop(process)


class Foreign:
    """Mails of one size that come in one way."""

    def __init__(self, session, name, size, count, sessions, reuse):
        self._size, self._sessions, self._reuse = size, sessions, reuse
        self._count = session.count(count, sessions)
        what = "%s, %d session%s, %s connections" % (
            name, sessions, "s" if sessions > 1 else "", "reused" if reuse else "new")
        self._beside_none = session.figure(what, "mails/s", "no filter",
                                           at_least(0.9 if reuse else 0.8))
        self._beside_taking = session.figure(what, "mails/s", "taking all", at_least(1.5))
        self._most = session.figure(what + ", no filter", "mails/s", "taking all")
        self._time = session.figure(what + ", filter's own time", "µs/mail", "taking all")

    def _send(self, ground, port, count):
        return smtp_source(ground, port, count, self._sessions, self._size, self._reuse)

    def _measure(self, ground, port, pid):
        """Mails a second; and processor time of the filter pid a mail, in µs."""
        warming = self._sessions * WARMING
        self._send(ground, port, warming)
        used = Used(pid)
        rate = self._send(ground, port, self._count)
        micros = used.seconds()[0] / self._count * 1e6
        found = ground.postfix.held()
        if found != warming + self._count:
            raise HarnessError("%d of %d mails came through" % (found, warming + self._count))
        ground.postfix.remove_held()
        return rate, micros

    def round(self, ground, number, taking):
        """taking: the other filter's process."""
        postfix, ours = ground.postfix, ground.milter.pid
        peers = {"ours": (postfix.holding_filtered_port, ours),
                 "none": (postfix.holding_port, ours),
                 "taking": (postfix.holding_other_port, taking.pid)}
        found = {name: self._measure(ground, *peers[name])
                 for name in sorted(peers, reverse=number % 2)}
        self._beside_none.add(found["ours"][0], found["none"][0])
        self._beside_taking.add(found["ours"][0], found["taking"][0])
        self._most.add(found["none"][0], found["taking"][0])
        self._time.add(found["ours"][1], found["taking"][1])


def foreign(session):
    """Accepting alone, as in intake: whatever comes is put on hold, so that delivery takes nothing
    of the processors."""
    ground = session.ground("synced")
    ground.prepare()
    ground.reset()
    cases = [Foreign(session, name, size, counts[sessions], sessions, reuse)
             for name, size, counts in SIZES for sessions in (1, 10) for reuse in (True, False)]
    with taking_filter(session, ground) as taking:
        for number in range(session.rounds):
            for case in cases:
                case.round(ground, number, taking)


# --- whom a domain takes no mail from ---

BLOCKED = 1000  # senders of the domain


class Asked:
    """Mails to a domain that blocks some, none of which is blocked, that come in one way."""

    def __init__(self, session, sessions, reuse):
        self._sessions, self._reuse = sessions, reuse
        self._count = session.count(1500 if sessions == 1 else 3000, sessions)
        what = "%d session%s, %s connections" % (sessions, "s" if sessions > 1 else "",
                                                 "reused" if reuse else "new")
        self._rate = session.figure(what, "mails/s", "no service", at_least(0.8))

    def _measure(self, ground, port):
        """Mails a second."""
        warming = self._sessions * WARMING
        rate = [smtp_source(ground, port, count, self._sessions, 2000, self._reuse,
                            recipient=ground.admin) for count in (warming, self._count)][1]
        found = ground.postfix.held()
        if found != warming + self._count:
            raise HarnessError("%d of %d mails came through" % (found, warming + self._count))
        ground.postfix.remove_held()
        return rate

    def round(self, ground, number):
        postfix = ground.postfix
        ports = [postfix.holding_asking_port, postfix.holding_port]
        found = {port: self._measure(ground, port) for port in (ports[::-1] if number % 2 else ports)}
        self._rate.add(found[ports[0]], found[ports[1]])


def question(ground, count):
    """Processor time that the service alone takes for one of so many questions, its start with them,
    in µs."""
    asked = ("request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address=192.0.2.1\n"
             "sender=someone@elsewhere.example\nrecipient=%s\n\n" % ground.admin).encode()
    before = os.times()
    said = run(["setpriv", "--reuid", ground.milter.user, "--regid", ground.milter.user,
                "--clear-groups", ground.tree.policy_program, "-c", ground.milter.conf],
               asked * count).stdout
    after = os.times()
    if said != b"action=DUNNO\n\n" * count:
        raise HarnessError("other answers came: %r" % said[:100])
    return (after.children_user - before.children_user + after.children_system -
            before.children_system) / count * 1e6


def policy(session):
    """As in foreign: whatever comes is put on hold."""
    ground = session.ground("synced")
    ground.prepare()
    ground.reset()
    ground.slapd.modify("dn: %s\nchangetype: modify\nadd: batchloadBlocked\n%s" % (
        ground.slapd.domain_dn(ground.domain),
        "".join("batchloadBlocked: EMAIL:blocked%d@elsewhere.example\n" % n
                for n in range(BLOCKED))))
    cases = [Asked(session, sessions, reuse) for sessions in (1, 10) for reuse in (True, False)]
    own = session.figure("a question, service's own time", "µs")
    for number in range(session.rounds):
        for case in cases:
            case.round(ground, number)
        own.add(question(ground, session.count(5000)))


BENCHES = [
    Bench("latency", "requests of %d rows, from the end of DATA to the response in the mailbox"
          % ROWS, latency, "synced"),
    Bench("intake", "requests that are accepted, new connections", intake, "synced"),
    Bench("foreign", "mail that is not ours", foreign, "synced"),
    Bench("policy", "mail to a domain that blocks %d senders, each recipient asked about" % BLOCKED,
          policy, "synced"),
]
