# SPDX-License-Identifier: MIT
"""Whom a domain takes no mail from: batchload-policy behind a real Postfix, over a real directory;
and the program alone, fed by hand."""

import os
import pwd
import re
import smtplib
import subprocess

import tap
from harness import World, mail, wait_for, write
from harness.gate import LOSE_ANSWER, SILENCE, Trap
from harness.gate import REFUSE as REFUSED_ANSWER
from harness.ldapgate import SEARCH, UNAVAILABLE, LdapGate
from harness.milter import replace_setting

DOMAIN, OTHER = "somedomain.example", "otherdomain.example"
NAME = "othername.example"  # a further name of DOMAIN
BLOCKED = ("EMAIL:bad@x.example", "DOMAIN:spam.example", "DOMAIN:xn--bcher-kva.example",
           "IP:127.0.0.66", "IP:2001:db8::66")
REFUSED = (554, b"5.7.1")
LIMIT = 65536  # of a request, in bytes
SECRET = "Sommer-Regen-42"

PASS = "action=DUNNO"
LATER = "action=DEFER_IF_PERMIT 4.3.0"
REFUSE = "action=REJECT 5.7.1 %s takes no mail" % DOMAIN


class BlockedWorld(World):
    def __init__(self):
        super().__init__(slapd_tells="stats")
        self.postfix.configure(extra="smtpd_authorized_xclient_hosts = 127.0.0.0/8\n")
        path = self.postfix.conf + "/main.cf"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        # or it knows no IPv6 addresses
        write(path, text.replace("\ninet_protocols = ipv4\n", "\ninet_protocols = all\n"))
        # where nothing but the service has a say
        self.asking_port = self.nursery.port()
        with open(self.postfix.conf + "/master.cf", "a", encoding="utf-8") as file:
            file.write("127.0.0.1:%d inet n - n - - smtpd\n    -o smtpd_recipient_restrictions="
                       "check_policy_service,unix:private/batchload-policy,permit_mynetworks\n"
                       % self.asking_port)
        self.postfix.restart()
        self.block(*BLOCKED)
        self.slapd.add("dn: %s\nobjectClass: organizationalUnit\nobjectClass: batchloadDomainAlias\n"
                       "ou: %s\nbatchloadTargetDomain: %s\n" % (
                           self.slapd.domain_dn(NAME), NAME, DOMAIN))

        # a configuration by which the directory is asked through a gate
        self.gate = LdapGate(self.nursery, self.slapd.port)
        with open(self.milter.conf, encoding="utf-8") as file:
            lines = replace_setting(file.read().splitlines(), "directory.uri", self.gate.uri)
        self.gated = self.nursery.path("gated.conf")
        write(self.gated, "\n".join(replace_setting(lines, "directory.answer_seconds", "1")) + "\n")

    def change(self, what, *values, domain=DOMAIN):
        self.slapd.modify("dn: %s\nchangetype: modify\n%s: batchloadBlocked\n%s" % (
            self.slapd.domain_dn(domain), what,
            "".join("batchloadBlocked: %s\n" % value for value in values)))

    def block(self, *values, domain=DOMAIN):
        self.change("add", *values, domain=domain)

    def unblock(self, *values):
        self.change("delete", *values)

    def client(self, source="127.0.0.1", port=None):
        return smtplib.SMTP("127.0.0.1", port or self.postfix.port, "client.example", timeout=60,
                            source_address=(source, 0))

    def told(self):
        """The service's log lines."""
        return self.log_lines("batchload-policy[")

    def searches(self, domain):
        """How often slapd was asked for a domain's own entry."""
        with open(self.slapd.output(), encoding="utf-8", errors="replace") as file:
            return len(re.findall(r'SRCH base="ou=%s,ou=domains,%s" scope=0 ' % (
                re.escape(domain), re.escape(self.base)), file.read()))


def is_refused(answer):
    return (answer[0], answer[1].split()[0]) == REFUSED and b"takes no mail" in answer[1]


def ask(world, sender, recipients, source="127.0.0.1", xclient=None):
    """What Postfix answers for each recipient, in one transaction."""
    with world.client(source) as client:
        client.ehlo()
        if xclient:
            tap.equal(client.docmd("XCLIENT", "ADDR=" + xclient)[0], 220, "XCLIENT")
            client.ehlo()
        # as it is: smtplib would write it in another form
        tap.equal(client.docmd("MAIL", "FROM:<%s>" % sender)[0], 250, "MAIL")
        return [client.docmd("RCPT", "TO:<%s>" % each) for each in recipients]


def by_hand(world, data, conf=None, user="daemon"):
    """The program as spawn(8) runs it, but for its log's way: (exit status, answers, words)."""
    group = str(pwd.getpwnam(user).pw_gid)
    done = subprocess.run(
        ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", world.tree.policy_program,
         "-c", conf or world.milter.conf], input=data, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=60, check=False, cwd="/")
    text = done.stdout.decode()
    tap.equal(text == "" or text.endswith("\n\n"), True, "whole answers: %r" % text)
    return done.returncode, text.split("\n\n")[:-1], done.stderr.decode()


def request(sender="good@x.example", recipient="admin@" + DOMAIN, client="192.0.2.1",
            state="RCPT", **more):
    values = {"request": "smtpd_access_policy", "protocol_state": state, "client_address": client,
              "sender": sender, "recipient": recipient, **more}
    return ("".join("%s=%s\n" % each for each in values.items() if each[1] is not None) +
            "\n").encode()


# --- behind Postfix ---

@tap.table([
    ("R8.40 an address", "bad@x.example", "127.0.0.1"),
    ("R8.40 a domain", "any@spam.example", "127.0.0.1"),
    ("R8.40 what is below a domain", "any@very.deep.spam.example", "127.0.0.1"),
    ("R8.40 a client", "good@x.example", "127.0.0.66"),
    ("R8.46 a client, whose mail is from nobody", "", "127.0.0.66"),
    ("R8.41 upper case", "BAD@X.Example", "127.0.0.1"),
    ("R8.41 a dot at the end", "bad@x.example.", "127.0.0.1"),
    ("R8.41 a route", "@relay.example:bad@x.example", "127.0.0.1"),
    ("R8.41 a bang path", "x.example!bad", "127.0.0.1"),
    ("R8.41 percent", "bad%x.example", "127.0.0.1"),
    ("R8.41 quotes", '"bad"@x.example', "127.0.0.1"),
    ("R8.41 a domain in A-labels", "any@XN--BCHER-KVA.example", "127.0.0.1"),
])
def refused(world, sender, source):
    ours, other, unlike = ask(world, sender, [world.admin, world.other_admin,
                                              "Admin@SomeDomain.example"], source)
    tap.equal((is_refused(ours), other[0], is_refused(unlike)), (True, 250, True), "answers")


@tap.test("R8.41 a domain with letters beyond ASCII, and IPv6 in another form")
def other_forms(world):
    with world.client() as client:
        client.ehlo()
        client.send("MAIL FROM:<any@b\u00fccher.example> SMTPUTF8\r\n".encode())
        tap.equal(client.getreply()[0], 250, "MAIL")
        tap.equal(is_refused(client.rcpt(world.admin)), True, "refused")
    for address, wanted in (("IPV6:2001:DB8:0:0::66", True), ("IPV6:2001:db8::67", False),
                            ("[UNAVAILABLE]", False)):
        answer = ask(world, "good@x.example", [world.admin], xclient=address)[0]
        tap.equal(is_refused(answer), wanted, "%s: %r" % (address, answer))


@tap.table([
    ("R8.40 another address of the domain", "good@x.example", "127.0.0.1"),
    ("R8.40 a domain that only ends so", "any@notspam.example", "127.0.0.1"),
    ("R8.40 a domain above", "any@example", "127.0.0.1"),
    ("R8.40 another client", "good@x.example", "127.0.0.6"),
    ("R8.46 nobody", "", "127.0.0.1"),
])
def taken(world, sender, source):
    tap.equal(ask(world, sender, [world.admin], source)[0][0], 250, "answer")


@tap.test("R8.40 of one mail to two domains the other's users get it, the domain's own do not")
def delivered(world):
    identifier, fence = mail.message_id(), mail.message_id()
    text = "From: %s\r\nTo: you\r\nMessage-ID: %s\r\n\r\nHello\r\n"
    with world.client() as client:
        said = client.sendmail("bad@x.example", [world.admin, world.other_admin],
                               text % ("bad@x.example", identifier))
        tap.equal(list(said), [world.admin], "refused")
    world.mailbox(world.other_admin).wait("Message-ID", identifier)
    tap.equal(world.send((text % ("good@x.example", fence)).encode(), "good@x.example",
                         [world.admin]).code, 250, "a good one")
    world.mailbox(world.admin).wait("Message-ID", fence)
    tap.equal(world.mailbox(world.admin).find("Message-ID", identifier), [], "the bad one")


@tap.test("R8.42 a further name of the domain takes no mail from them either")
def further_name(world):
    for sender, source, wanted in (("bad@x.example", "127.0.0.1", True),
                                   ("good@x.example", "127.0.0.66", True),
                                   ("good@x.example", "127.0.0.1", False)):
        answer = ask(world, sender, ["admin@" + NAME], source)[0]
        tap.equal(is_refused(answer), wanted, "%s: %r" % (sender, answer))


@tap.test("R8.47 what is blocked from now on is refused at the next recipient, and taken again later")
def felt_at_once(world):
    with world.client() as client:
        client.ehlo()
        client.mail("new@x.example")
        tap.equal(client.rcpt(world.admin)[0], 250, "before")
        world.block("EMAIL:new@x.example")
        tap.equal(is_refused(client.rcpt(world.admin)), True, "refused")
        world.unblock("EMAIL:new@x.example")
        tap.equal(client.rcpt(world.admin)[0], 250, "after")


@tap.test("R8.22 a sender that a request blocks is refused, until a request takes him off again")
def by_request(world):
    row = {"DOMAIN": DOMAIN, "USER": "", "TYPE": "SPAMFILTER", "ACTION": "ADD",
           "FILTER": "asked.example", "FILTERTYPE": "DOMAIN"}
    def answer():
        with world.client() as client:
            client.ehlo()
            client.mail("somebody@mail.asked.example")
            return client.rcpt(world.admin)
    tap.equal(answer()[0], 250, "before")
    tap.equal(world.ask([row]).results, ["created"], "ADD")
    tap.equal(is_refused(answer()), True, "refused")
    tap.equal(world.ask([row]).results, ["unchanged"], "ADD again")
    tap.equal(world.ask([{**row, "ACTION": "DELETE"}]).results, ["deleted"], "DELETE")
    tap.equal(answer()[0], 250, "after")
    tap.equal(world.ask([{**row, "ACTION": "DELETE"}]).results, ["failed"], "DELETE again")


@tap.test("R8.43 while the directory is away mail is put off with 4xx, and is taken again by itself")
def away(world):
    before = len(world.told())
    with world.client() as client, world.client(port=world.asking_port) as asking:
        for each in (client, asking):
            each.ehlo()
            each.mail("good@x.example")
            tap.equal(each.rcpt(world.admin)[0], 250, "before")
        world.slapd.kill()
        try:
            tap.equal(client.rcpt(world.admin)[0] // 100, 4, "all restrictions, while it is away")
            for recipient in (world.admin, "somebody@elsewhere.example"):
                code, text = asking.rcpt(recipient)
                tap.equal((code, text[:6]), (450, b"4.3.0 "), "while it is away: %r" % text)
            # R8.44
            for each in (client, asking):
                tap.equal(each.rcpt(world.batch_address)[0], 250, "the batch address")
        finally:
            world.slapd.start()
        for each in (client, asking):
            tap.equal(each.rcpt(world.admin)[0], 250, "after")
            each.rset()
            each.mail("bad@x.example")
            tap.equal(is_refused(each.rcpt(world.admin)), True, "a blocked one, after")
    lines = [line for line in world.told()[before:] if "from=good@x.example" in line]
    tap.equal(len(lines), 2, "lines")
    tap.contains(lines[0], ": warning: action=defer from=good@x.example to=%s client=127.0.0.1 "
                           'reason="The directory is not reachable' % world.admin)


@tap.test("R8.43 a service that can't be started puts mail off, and says why")
def broken(world):
    conf, kept = world.milter.conf, world.milter.conf + ".kept"
    os.rename(conf, kept)
    try:
        world.postfix.restart()
        code, text = ask(world, "good@x.example", [world.admin])[0]
        tap.equal((code, text[:6]), (451, b"4.3.0 "), "without a configuration")
        status, answers, words = by_hand(world, request())
        tap.equal((status, answers), (78, []), "by hand")
        tap.contains(words, "not started: ")
    finally:
        os.rename(kept, conf)
    tap.equal(ask(world, "good@x.example", [world.admin])[0][0], 250, "with it")


@tap.test("R8.44 mail to a batch address is asked of nobody")
def batch_address(world):
    for address in (world.batch_address, world.batch_address.upper()):
        tap.equal(ask(world, "bad@x.example", [address], "127.0.0.66")[0][0], 250, address)
    tap.equal(world.searches(world.batch_domain), 0, "searches")


@tap.test("R8.49 one line for each that is refused, with the queue's number where there is one, and "
          "nothing of who logged in")
def logged(world):
    before = len(world.told())
    with world.client() as client:
        client.ehlo()
        client.login(world.admin, world.passwords[world.admin])
        client.mail("bad@x.example")
        client.rcpt(world.other_admin)
        tap.equal(is_refused(client.rcpt(world.admin)), True, "refused")
    lines = world.told()[before:]
    tap.equal(len(lines), 1, "lines")
    wanted = (r"^\w{3} [ \d]\d [\d:]{8} \S+ batchload-policy\[\d+\]: [0-9A-F]{6,}: action=reject "
              r"from=bad@x\.example to=admin@somedomain\.example client=127\.0\.0\.1 "
              r'reason="the domain blocks it"$')
    tap.equal(bool(re.match(wanted, lines[0])), True, lines[0])
    tap.equal(len(world.log_lines("NOQUEUE: reject", "takes no mail")) > 0, True, "Postfix's own")


@tap.test("R8.49 it runs without rights, writes no core, and nobody looks into it")
def confined(world):
    with world.client() as client:
        client.ehlo()
        client.mail("good@x.example")
        client.rcpt(world.admin)
        found = world.postfix.services()
        tap.equal(len(found) > 0, True, "services")
        for pid in found:
            status = status_of(pid)
            tap.equal((status["NoNewPrivs"], int(status["CapEff"], 16), int(status["CapPrm"], 16)),
                      ("1", 0, 0), "rights")
            tap.equal(status["Uid"].split()[0], str(os.stat(world.milter.spool).st_uid), "user")
            with open("/proc/%d/limits" % pid, encoding="ascii") as file:
                limit = re.search(r"Max core file size +(\S+) +(\S+)", file.read()).groups()
            tap.equal(limit, ("0", "0"), "core")
            tap.equal(os.stat("/proc/%d/fd" % pid).st_uid, 0, "who may look")
    # R8.45 They end with those who ask.
    world.postfix.stop()
    wait_for(lambda: not [pid for pid in found if runs(pid)], "their end")
    world.postfix.start()


def runs(pid):
    try:
        return not status_of(pid)["State"].startswith("Z")
    except OSError:
        return False


def status_of(pid):
    with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


# --- by hand ---

BAD = request(sender="bad@x.example")

@tap.table([
    ("R8.45 several requests at once", request() + BAD + request(state="DATA") + BAD, 0,
     [PASS, REFUSE, PASS, REFUSE]),
    ("R8.46 other places than RCPT", b"".join(
        request(sender="bad@x.example", state=each)
        for each in ("CONNECT", "EHLO", "MAIL", "DATA", "END-OF-MESSAGE", "VRFY", "rcpt")), 0,
     [PASS] * 7),
    ("R8.45 nothing at all", b"", 0, []),
    ("R8.45 the end in the middle", BAD + b"request=smtpd_access_pol", 76, [REFUSE]),
    ("R8.45 the end before the empty line", BAD[:-1], 76, []),
    ("R8.45 what is missing", b"".join(
        request(**{each: None}) for each in ("sender", "recipient", "client", "state")) + BAD, 0,
     [LATER] * 4 + [REFUSE]),
    ("R8.45 what is there twice", request(more="\nsender=other@x.example") + BAD, 0,
     [LATER, REFUSE]),
    ("R8.45 junk", b"\n\njunk\n\n=\n\n\x80\xff=\x01\n\n" + BAD, 0, [LATER] * 5 + [REFUSE]),
    ("R8.45 a NUL byte", request(helo_name="a\0b") + BAD, 0, [LATER, REFUSE]),
    ("R8.45 a request that is nearly too large",
     request(more="x" * (LIMIT - 1 - len(request(more="")))) + BAD, 0, [PASS, REFUSE]),
    ("R8.45 a line without end", request(more="x" * LIMIT) + BAD, 76, [LATER]),
    ("R8.45 lines without end", request()[:-1] + b"a=b\n" * LIMIT, 76, [LATER]),
    ("R8.46 clients that have no address", request(client="unknown") + request(client="") +
     request(client="fe80::1%eth0") + request(client="127.0.0.66/8"), 0, [PASS] * 4),
    ("R8.41 IPv4 that is written within IPv6", request(client="::ffff:127.0.0.66"), 0, [REFUSE]),
    ("R8.46 recipients without a domain, and of domains that are not ours",
     request(recipient="") + request(recipient="postmaster") + request(recipient="a@[192.0.2.1]") +
     request(recipient="a@b..example") + request("bad@x.example", "a@sub." + DOMAIN), 0, [PASS] * 5),
])
def fed(world, data, status, wanted):
    ended, answers, words = by_hand(world, data)
    tap.equal((ended, len(answers)), (status, len(wanted)), "exit status, answers: %r" % answers)
    for answer, begin in zip(answers, wanted):
        tap.equal(answer.startswith(begin) and "\n" not in answer, True, answer)
    tap.equal(words, "", "standard error")


@tap.table([
    ("R8.43 a connection that breaks in the middle of a question, which is asked again", LOSE_ANSWER,
     1, 0, [PASS, REFUSE, REFUSE]),
    ("R8.43 and breaks again", LOSE_ANSWER, 2, 0, [PASS, LATER, REFUSE]),
    ("R8.43 an answer that does not come in time, twice", SILENCE, 2, 0, [PASS, LATER, REFUSE]),
    ("R8.43 a server that is being shut down", REFUSED_ANSWER, 1, UNAVAILABLE,
     [PASS, LATER, REFUSE]),
    ("R8.43 a server that is busy", REFUSED_ANSWER, 1, 51, [PASS, LATER, REFUSE]),
    ("R8.43 a server that may not tell", REFUSED_ANSWER, 1, 50, [PASS, LATER, REFUSE]),
])
def gate(world, what, times, code, wanted):
    world.gate.set(Trap(what, 2, kinds=(SEARCH,), times=times, code=code))
    status, answers, _ = by_hand(world, request() + BAD + BAD, world.gated)
    tap.equal(status, 0, "exit status")
    for answer, begin in zip(answers, wanted):
        tap.equal(answer.startswith(begin), True, "%s, wanted %s" % (answer, wanted))
    tap.equal(len(answers), len(wanted), "answers")


@tap.test("R8.45 what can't be understood is logged, and nothing of it is repeated")
def unclear(world):
    before = len(world.told())
    by_hand(world, request(sender=None, sasl_username=SECRET) + (SECRET + "\n\n").encode())
    lines = world.told()[before:]
    tap.equal([line.partition("]: ")[2] for line in lines],
              ['warning: action=defer reason="a request can\'t be understood: %s"' % words
               for words in ("sender is missing", "a line has no name and value")], "log")
    tap.absent(world.log_text(), SECRET)


@tap.test("R8.47 a domain that is not in the directory is asked for once")
def strange(world):
    by_hand(world, request(recipient="a@strange.example") * 5)
    tap.equal(world.searches("strange.example"), 1, "searches")


@tap.test("R8.48 10,000 blocked senders: one search for each recipient, which returns none of them")
def many(world):
    world.block(*["EMAIL:bad%d@x.example" % n for n in range(10000)], domain=OTHER)
    before = world.searches(OTHER)
    status, answers, _ = by_hand(world, b"".join(
        request(sender="bad%s@x.example" % each, recipient=world.other_admin)
        for each in ("0", "9999", "10000", "")))
    tap.equal((status, [each.split()[0] for each in answers]),
              (0, ["action=REJECT", "action=REJECT", "action=DUNNO", "action=DUNNO"]), "answers")
    tap.equal(world.searches(OTHER) - before, 4, "searches")


@tap.test("the user that the configuration names, or none: others are told so")
def other_user(world):
    status, answers, words = by_hand(world, request(), user="nobody")
    tap.equal((status, answers), (78, []), "by another user")
    tap.contains(words, "not started: ")
    for words, wanted, text in ((["-V"], 0, "batchload-policy "), (["--help"], 0, "-c, --config"),
                                (["-x"], 64, ""), (["more"], 64, "")):
        done = subprocess.run([world.tree.policy_program, *words], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False)
        tap.equal(done.returncode, wanted, "exit status of %r" % words)
        tap.contains(done.stdout.decode(), text)


if __name__ == "__main__":
    tap.main(BlockedWorld)
