# SPDX-License-Identifier: MIT
"""The proofs that a grant can ask for, through Postfix with real logins (Dovecot), real TLS, and
header_checks that do what a filter before ours does: remove foreign results, add its own."""

import json
import smtplib
import ssl

import tap
from harness import World, message_id_of, run, which, write
from rows import DOMAIN, at

OURS = "mx.hoster.example"
ELSEWHERE = "127.0.0.66"
INSIDE = "127.0.0.20"
GOOD = "dkim=pass header.d=" + DOMAIN
GRANTS = {
    "sasl": "auth=sasl",
    "both": "auth=password+sasl",
    "stls": "auth=sasl+tls",
    "ptls": "tls",
    "net": "client=127.0.0.16/28,2001:db8::/32",
    "snet": "auth=sasl+client=127.0.0.16/28",
    "dkim": "auth=dkim domain_proof=yes",
    "pdkim": "auth=password+dkim",
    "all": "auth=password+sasl+dkim+tls client=127.0.0.16/28",
}
LOGIN_MAP = "inline:{ %s, { boss@%s = sasl@%s snet@%s } }" % (
    ", ".join("%s@%s=%s@%s" % (name, DOMAIN, name, DOMAIN) for name in GRANTS), DOMAIN, DOMAIN,
    DOMAIN)
SETTINGS = {"refusal_pause": 0, "lockout_pause": 0, "login_map": LOGIN_MAP, "authserv_id": OURS,
            "authserv_trusted": "yes"}

OK, DROP, REFUSE = "processed ok", "dropped", "refused"
WRONG = "not the one"


class Proofs(World):
    def __init__(self):
        super().__init__(settings=SETTINGS, senders="".join(
            "%s@%s allow %s\n" % (name, DOMAIN, words) for name, words in GRANTS.items()))
        for name in list(GRANTS) + ["boss", "eve"]:
            address = "%s@%s" % (name, DOMAIN)
            self.passwords[address] = "%s's own" % name
            self.add_account(address, self.passwords[address])
        self._set_up_postfix()

    def _set_up_postfix(self):
        checks, pem = self.nursery.path("checks"), self.nursery.path("tls.pem")
        write(checks, "/^Authentication-Results: *%s/ IGNORE\n"
              "/^X-Filter: (.*)$/ REPLACE Authentication-Results: %s; $1\n" % (
                  OURS.replace(".", "\\."), OURS))
        run([which("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=mail.example", "-keyout", pem, "-out", pem + ".crt"])
        with open(pem, "a", encoding="ascii") as both, open(pem + ".crt", encoding="ascii") as crt:
            both.write(crt.read())
        self.postfix.configure(extra="header_checks = regexp:%s\nsmtpd_tls_security_level = may\n"
                               "smtpd_tls_chain_files = %s\n" % (checks, pem))
        self.postfix.restart()


def forward(user):
    return {"DOMAIN": DOMAIN, "USER": user, "TYPE": "FORWARD", "ACTION": "ADD",
            "MAILFORWARD": "x@elsewhere.example"}


def hand_over(world, raw, sender, client, login, tls):
    """By SMTP from this address of loopback; the queue id of the mail, which is taken."""
    with smtplib.SMTP("127.0.0.1", world.postfix.port, "client.example", 60,
                      (client, 0)) as connection:
        connection.ehlo()
        if tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection.starttls(context=context)
            connection.ehlo()
        if login:
            address = "%s@%s" % (login, DOMAIN)
            connection.login(address, world.passwords[address])
        connection.mail(sender)
        connection.rcpt(world.batch_address)
        code, text = connection.data(raw)
    tap.equal(code, 250, "reply")
    return text.decode().rpartition(" queued as ")[2].strip()


def case(sender, fate, client="127.0.0.1", login=None, tls=False, password=None, headers=(),
         why=None):
    """password: None for none, True for the right one."""
    return sender, fate, client, login, tls, password, headers, why


def filtered(*results):
    return ["X-Filter: " + each for each in results]


CASES = [
    ("R7.10 sasl: the login owns the address", case("sasl", OK, login="sasl")),
    ("R7.10 sasl: another login that owns it, too", case("sasl", OK, login="boss")),
    ("R7.10 sasl: a login that does not", case("sasl", DROP, login="eve", why="login")),
    ("R7.10 sasl: nobody logged in", case("sasl", DROP, password=True, why="nobody logged in")),
    ("R7.10 sasl: a login that owns others only", case("stls", DROP, login="boss", tls=True,
                                                       why="does not own")),
    ("R7.10 sasl: a wrong password is of no interest", case("sasl", OK, login="sasl",
                                                            password=WRONG)),
    ("R7.5 password+sasl: both", case("both", OK, login="both", password=True)),
    ("R7.5 password+sasl: the login only", case("both", REFUSE, login="both")),
    ("R7.5 password+sasl: with a wrong one", case("both", REFUSE, login="both", password=WRONG)),
    ("R7.5 password+sasl: the password only", case("both", DROP, password=True)),
    ("R7.5 password+sasl: another's login", case("both", DROP, login="eve", password=True)),
    ("R7.9 sasl+tls: both", case("stls", OK, login="stls", tls=True)),
    ("R7.9 sasl+tls: in clear", case("stls", DROP, login="stls", why="encrypted")),
    ("R7.9 sasl+tls: TLS only", case("stls", DROP, tls=True, password=True)),
    ("R7.9 tls with a password", case("ptls", OK, tls=True, password=True)),
    ("R7.9 tls: a wrong password", case("ptls", REFUSE, tls=True, password=WRONG)),
    ("R7.9 tls: in clear", case("ptls", DROP, password=True, why="encrypted")),
    ("R7.9 client: inside", case("net", OK, client=INSIDE, password=True)),
    ("R7.9 client: inside, a wrong password", case("net", REFUSE, client=INSIDE, password=WRONG)),
    ("R7.9 client: elsewhere", case("net", DROP, client=ELSEWHERE, password=True, why="client")),
    ("R7.9 sasl+client: both", case("snet", OK, client=INSIDE, login="snet")),
    ("R7.9 sasl+client: elsewhere", case("snet", DROP, client=ELSEWHERE, login="snet")),
    ("R7.11 dkim: our filter says so", case("dkim", OK, headers=filtered(GOOD))),
    ("R7.11 dkim: without the filter's word", case("dkim", DROP, why="has left no")),
    ("R7.11 dkim: it failed", case("dkim", DROP, headers=filtered("dkim=fail header.d=" + DOMAIN),
                                   why="does not say")),
    ("R7.11 dkim: another domain signed", case(
        "dkim", DROP, headers=filtered("dkim=pass header.d=evil.example"))),
    ("R7.11 dkim: a part of the domain signed", case(
        "dkim", DROP, headers=filtered("dkim=pass header.d=sub." + DOMAIN))),
    ("R7.11 dkim: forged under our name, and taken away", case(
        "dkim", DROP, headers=["Authentication-Results: %s; %s" % (OURS, GOOD)],
        why="has left no")),
    ("R7.11 dkim: forged so that the filter passed it over", case(
        "dkim", DROP, headers=["Authentication-Results: (x) %s; %s" % (OURS, GOOD)]
        + filtered("dkim=none"), why="several")),
    ("R7.11 dkim: the same behind the filter's own", case(
        "dkim", DROP, headers=filtered("dkim=none") + [
            "Authentication-Results: (x) %s; %s" % (OURS, GOOD)], why="several")),
    ("R7.11 dkim: two good ones of ours", case("dkim", DROP, headers=filtered(GOOD, GOOD),
                                               why="several")),
    ("R7.11 dkim: another host's", case(
        "dkim", DROP, headers=["Authentication-Results: mx.other.example; " + GOOD])),
    ("R7.11 dkim: another host's beside ours", case(
        "dkim", OK, headers=["Authentication-Results: mx.other.example; dkim=fail"]
        + filtered(GOOD))),
    ("R7.11 password+dkim: both", case("pdkim", OK, password=True, headers=filtered(GOOD))),
    ("R7.11 password+dkim: no password", case("pdkim", REFUSE, headers=filtered(GOOD))),
    ("R7.11 password+dkim: not signed", case("pdkim", DROP, password=True)),
    ("R7.5 all at once", case("all", OK, INSIDE, "all", True, True, filtered(GOOD))),
    ("R7.5 all but the client", case("all", DROP, ELSEWHERE, "all", True, True, filtered(GOOD))),
    ("R7.5 all but the login", case("all", DROP, INSIDE, None, True, True, filtered(GOOD))),
    ("R7.5 all but the encryption", case("all", DROP, INSIDE, "all", False, True,
                                         filtered(GOOD))),
    ("R7.5 all but the signature", case("all", DROP, INSIDE, "all", True, True)),
    ("R7.5 all but the password", case("all", REFUSE, INSIDE, "all", True, None, filtered(GOOD))),
]


def proof_of(world, user):
    """As the audit has it."""
    done = run([world.tree.command, "-c", world.milter.conf, "log", "-j"])
    return next(line["proof"] for line in map(json.loads, done.stdout.splitlines())
                if line["address"] == at(user))


def check_dropped(world, name, queue_id, why):
    lines = world.wait_log("batchload-milter[", queue_id, "action=ignore")
    tap.contains(lines[0], "job=-", name)
    tap.contains(lines[0], why or "reason=", name)


@tap.test("R7.5 R7.12 every proof and what narrows it, alone and together: %d mails" % len(CASES), 300)
def proofs(world):
    sent = []
    for number, (name, row) in enumerate(CASES):
        sender, fate, client, login, tls, password, headers, why = row
        address = "%s@%s" % (sender, DOMAIN)
        raw = world.request([forward("proof%d" % number)], sender=address, password=password,
                            headers=headers)
        queue_id = hand_over(world, raw, address, client, login, tls)
        sent.append((number, name, address, fate, raw, queue_id, why))
    for number, name, address, fate, raw, queue_id, why in sent:
        if fate == DROP:
            check_dropped(world, name, queue_id, why)
            continue
        text = world.response(raw, address=address).text
        tap.equal(OK in text, fate == OK, name + ": " + text)
    world.fence()
    for number, name, address, fate, raw, _, _ in sent:
        tap.equal(world.entry(at("proof%d" % number)) is not None, fate == OK, name + ": entry")
        if fate == OK:
            asked = [word for word in ("password", "sasl", "dkim")
                     if word in GRANTS[address.partition("@")[0]]] or ["password"]
            tap.equal(proof_of(world, "proof%d" % number), "+".join(asked), name + ": audit")
        if fate == DROP:
            found = world.mailbox(address).count("HEADER", "In-Reply-To",
                                                 '"%s"' % message_id_of(raw))
            tap.equal(found, 0, name + ": responses")


@tap.test("R7.10 who logged in is not held up by a flood from the same client, nor by guesses")
def logged_in(world):
    world.milter.configure({**SETTINGS, "lockout_after": 2, "spool.client_jobs_max": 3,
                            "lockout_pause": "1h"})
    world.milter.restart()
    address = "both@" + DOMAIN
    for number in range(3):
        raw = world.request([forward("evil")], sender=world.admin, password=WRONG)
        hand_over(world, raw, world.admin, ELSEWHERE, None, False)
    raw = world.request([forward("loggedin")], sender=address)
    hand_over(world, raw, address, ELSEWHERE, "both", False)
    tap.contains(world.response(raw, address=address).text, "processed ok")
    world.milter.configure(SETTINGS)
    world.milter.restart()


@tap.test("R7.5 what can't be told is a configuration error: smime and pgp (not available yet), a "
          "proof of nobody, sasl without a map, dkim without the postmaster's word")
def refused(world):
    with open(world.milter.senders, encoding="utf-8") as file:
        shipped = file.read()
    rows = [("auth=smime", {}, "not available yet"), ("auth=pgp+sasl", {}, "not available yet"),
            ("auth=dkim", {}, "domain_proof=yes"), ("auth=tls", {}, "password or sasl"),
            ("auth=sasl", {"login_map": None}, "login_map"),
            ("auth=password+dkim", {"authserv_trusted": None}, "authserv_trusted"),
            ("auth=password", {"authserv_id": None}, "authserv_id is not set"),
            ("auth=password", {"login_map": "inline:{ x=nobody }"}, "no address")]
    try:
        for words, changes, said in rows:
            write(world.milter.senders, "x@%s allow %s\n" % (DOMAIN, words))
            world.milter.configure({**SETTINGS, **changes})
            code, text = world.milter.check()
            tap.equal(code, 78, "%s: %s" % (words, text))
            tap.contains(text, said, words)
        write(world.milter.senders, "x@%s allow auth=sasl\n" % DOMAIN)
        world.milter.configure(SETTINGS)
        tap.equal(world.milter.check(), (0, ""), "good ones")
    finally:
        write(world.milter.senders, shipped)
        world.milter.configure(SETTINGS)


if __name__ == "__main__":
    tap.main(Proofs)
