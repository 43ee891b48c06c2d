# SPDX-License-Identifier: MIT
"""What a postmaster installs: Postfix and Dovecot with the shipped files, entries made by hand."""

import os
import uuid

import tap
from harness import World

DOMAIN = "somedomain.example"


def name(local):
    return "%s@%s" % (local, DOMAIN)


def delivered(world, sent, identifier, address, password):
    tap.equal(sent.code, 250, repr(sent))
    world.mailbox(address, password).wait("Message-ID", identifier, 30)


def refused(world, address, code=550):
    sent, _ = world.send_plain(address)
    tap.equal((sent.stage, sent.code), ("rcpt", code), repr(sent))


@tap.test("an account receives, logs in with its password only")
def account(world):
    world.add_account(name("jane"), "jane's secret")
    sent, identifier = world.send_plain(name("jane"))
    delivered(world, sent, identifier, name("jane"), "jane's secret")
    tap.equal(world.can_login(name("jane"), "another"), False, "login")
    tap.equal(world.can_login(name("nobody"), "another"), False, "login of a stranger")
    tap.equal(world.can_login("jane@unknown.example", "another"), False, "unknown domain")


@tap.test("letter case of an address does not matter")
def case(world):
    sent, identifier = world.send_plain("JANE@SomeDomain.Example")
    delivered(world, sent, identifier, name("jane"), "jane's secret")


@tap.test("unknown addresses and addresses of unknown domains are refused")
def unknown(world):
    refused(world, name("nobody"))
    sent, _ = world.send_plain("jane@unknown.example")
    # Within mynetworks an unknown domain would be relayed; nothing leaves the tests.
    tap.equal(sent.code, 550, repr(sent))


@tap.test("a forward reaches each of its targets and has no login")
def forward(world):
    world.add_account(name("joe"), "joe's secret")
    world.add_forward(name("both"), name("jane"), name("joe"))
    sent, identifier = world.send_plain(name("both"))
    delivered(world, sent, identifier, name("jane"), "jane's secret")
    delivered(world, sent, identifier, name("joe"), "joe's secret")
    tap.equal(world.can_login(name("both"), "x"), False, "login")


@tap.test("a list reaches its members, through a forward too, each once")
def members(world):
    world.add_list(name("team"), name("jane"), name("both"))
    sent, identifier = world.send_plain(name("team"))
    delivered(world, sent, identifier, name("joe"), "joe's secret")
    delivered(world, sent, identifier, name("jane"), "jane's secret")
    world.wait_queue(lambda queue: not queue, "the queue to be empty")
    tap.equal(world.mailbox(name("jane"), "jane's secret").count(
        "HEADER", "Message-ID", '"%s"' % identifier), 1, "copies")


@tap.test("a list without members refuses mail")
def empty_list(world):
    world.add_list(name("empty"))
    refused(world, name("empty"))


@tap.test("a disabled account neither receives nor logs in; enabled it does")
def disabled(world):
    world.add_account(name("gone"), "gone's secret", enabled=False)
    refused(world, name("gone"))
    tap.equal(world.can_login(name("gone"), "gone's secret"), False, "login")
    world.slapd.modify("dn: %s\nchangetype: modify\nreplace: batchloadEnabled\n"
                       "batchloadEnabled: TRUE\n" % world.slapd.dn(name("gone")))
    sent, identifier = world.send_plain(name("gone"))
    delivered(world, sent, identifier, name("gone"), "gone's secret")


@tap.test("disabled forwards and lists refuse mail")
def disabled_others(world):
    for local, add in (("off1", world.add_forward), ("off2", world.add_list)):
        add(name(local), name("jane"))
        world.slapd.modify("dn: %s\nchangetype: modify\nadd: batchloadEnabled\n"
                           "batchloadEnabled: FALSE\n" % world.slapd.dn(name(local)))
        refused(world, name(local))


@tap.test("a disabled domain: no mail, no login")
def disabled_domain(world):
    domain = "sleeping.example"
    world.slapd.add(world.slapd.domain_ldif(domain) + "batchloadEnabled: FALSE\n")
    world.add_account("jane@" + domain, "secret")
    sent, _ = world.send_plain("jane@" + domain)
    tap.equal(sent.code, 550, repr(sent))
    tap.equal(world.can_login("jane@" + domain, "secret"), False, "login")
    world.slapd.modify("dn: %s\nchangetype: modify\nreplace: batchloadEnabled\n"
                       "batchloadEnabled: TRUE\n" % world.slapd.domain_dn(domain))
    tap.equal(world.can_login("jane@" + domain, "secret"), True, "login after enabling")


@tap.test("an address used again does not come with the mail of its first owner")
def used_again(world):
    first = world.add_account(name("again"), "first secret")
    sent, identifier = world.send_plain(name("again"))
    delivered(world, sent, identifier, name("again"), "first secret")
    world.slapd.delete(world.slapd.dn(name("again")))
    refused(world, name("again"))
    second = world.add_account(name("again"), "second secret")
    assert first != second
    tap.equal(world.can_login(name("again"), "first secret"), False, "old password")
    tap.equal(world.mailbox(name("again"), "second secret").count(), 0, "mails")
    sent, identifier = world.send_plain(name("again"))
    delivered(world, sent, identifier, name("again"), "second secret")


@tap.test("signs that mean something to LDAP are literal")
def literal(world):
    for local in ("*", "j*", "a,b", "jane)(mail=*", "#jane"):
        sent, _ = world.send_plain('"%s"@%s' % (local, DOMAIN))
        tap.equal((sent.stage, sent.code), ("rcpt", 550), local + ": " + repr(sent))
    for login in ("*@" + DOMAIN, "j*@" + DOMAIN, "jane@*", "*"):
        tap.equal(world.can_login(login, "jane's secret"), False, login)


@tap.test("the directory away: mail is put off, then delivered")
def directory_away(world):
    world.slapd.kill()
    sent, _ = world.send_plain(name("jane"))
    tap.equal(sent.code, 451, repr(sent))
    world.slapd.start()

    def again():
        sent, identifier = world.send_plain(name("jane"))
        return identifier if sent.code == 250 else None
    identifier = tap.wait_for(again, "mail to be taken again")
    world.mailbox(name("jane"), "jane's secret").wait("Message-ID", identifier, 30)


@tap.test("a login by SMTP is told to the filter's port (SASL by Dovecot)")
def sasl(world):
    with world.postfix.client(world.postfix.port) as client:
        client.ehlo()
        code, text = client.login(name("jane"), "jane's secret")
        tap.equal(code, 235, repr(text))


def batch_mail():
    identifier = "<%s@client.example>" % uuid.uuid4().hex
    return identifier, ("From: admin@%s\r\nTo: batch_load@ibpmail.example\r\nSubject: PROCESS\r\n"
                        "Message-ID: %s\r\n\r\nPassword: canary\r\n" % (
                            DOMAIN, identifier)).encode()


def nowhere(world, identifier):
    """No mailbox of the hoster has it."""
    for folder, _, files in os.walk(world.dovecot.mail_root):
        for each in files:
            with open(os.path.join(folder, each), "rb") as file:
                if identifier.encode() in file.read():
                    raise AssertionError("delivered: " + os.path.join(folder, each))


@tap.test("R2.1 the filter away: the batch mail gets 451, is delivered to nobody")
def filter_away(world):
    world.set_filter(True)
    identifier, raw = batch_mail()
    sent = world.send(raw)
    tap.equal(sent.code, 451, repr(sent))
    sent, _ = world.send_plain(name("jane"))
    tap.equal(sent.code, 451, repr(sent))
    tap.equal(world.postfix.queue(), [], "queue")
    world.set_filter(False)
    nowhere(world, identifier)


@tap.test("R2.1 the filter away: a batch mail by sendmail(1) waits, is delivered to nobody")
def filter_away_local(world):
    world.set_filter(True)
    identifier, raw = batch_mail()
    world.postfix.sendmail(raw, name("jane"), world.batch_address)
    world.wait_log("milter-reject", seconds=30)
    world.set_filter(False)
    nowhere(world, identifier)
    clear(world)


@tap.test("R2.1 no filter configured: the batch mail waits in the queue, is delivered to nobody")
def filter_forgotten(world):
    identifier, raw = batch_mail()
    sent = world.send(raw, recipients=[world.batch_address, name("jane")])
    tap.equal(sent.code, 250, repr(sent))
    world.mailbox(name("jane"), "jane's secret").wait("Message-ID", identifier, 30)

    def deferred(queue):
        return [r for each in queue if each["queue_name"] == "deferred"
                for r in each["recipients"] if r["address"] == world.batch_address]
    waiting = world.wait_queue(deferred, "the batch mail in the queue")
    tap.contains(waiting[0]["delay_reason"], "The batch service is not available now")
    world.log_lines("4.3.0", world.batch_address)
    boxes = [each for each in os.listdir(world.dovecot.mail_root)]
    tap.absent(boxes, world.batch_domain)
    clear(world)


@tap.test("a mail of 40 MB is taken")
def large(world):
    sent, identifier = world.send_plain(name("jane"), text=("x" * 75 + "\n") * 540000)
    delivered(world, sent, identifier, name("jane"), "jane's secret")


@tap.test("responses have a port of their own, for this machine only, without the filter")
def response_port(world):
    world.set_filter(True)
    identifier, raw = batch_mail()
    sent = world.send(raw, "", [name("jane")], port=world.postfix.response_port)
    tap.equal(sent.code, 250, repr(sent))
    world.mailbox(name("jane"), "jane's secret").wait("Message-ID", identifier, 30)
    world.set_filter(False)


def clear(world):
    for each in world.postfix.queue():
        world.postfix.remove(each["queue_id"])


class PolicyWorld(World):
    """Without a daemon; Postfix has the shipped filter setting only where a test asks for it."""

    def __init__(self):
        super().__init__(milter=False)
        self.set_filter(False)

    def set_filter(self, on):
        self.postfix.configure(milter=on)
        self.postfix.restart()


if __name__ == "__main__":
    tap.main(PolicyWorld)
