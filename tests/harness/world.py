# SPDX-License-Identifier: MIT
"""Everything together: a hoster with two customers, from the shipped files."""

import contextlib
import imaplib
import os
import secrets
import shutil
import sqlite3
import uuid

from . import mail
from .milter import Milter, Tree
from .process import Nursery, need_root, wait_for
from .servers import Dovecot, Postfix, Slapd, salted

SPOOL_KINDS = ("mail", "rows", "response")  # as the spool numbers them

BASE = "dc=hoster,dc=example"
BATCH_ADDRESS = "batch_load@ibpmail.example"
DOMAIN = "somedomain.example"
OTHER_DOMAIN = "otherdomain.example"


class World:
    """Use as a context. milter False leaves the daemon out; settings are added to its
    configuration; senders are further lines of the sender table; sync gives slapd a synced
    database; slapd_tells is its debug level. A nursery that is given ends with the world."""
    site = None  # the name of a profile for a directory of another kind (harness.sites)

    def __init__(self, tree=None, milter=True, settings=None, senders="", sync=False,
                 nursery=None, slapd_tells="0"):
        self.nursery = nursery
        self.milter = None
        self._mailboxes = {}
        need_root()
        self.tree = tree or Tree.from_environment()
        self.base = BASE
        self.batch_address = BATCH_ADDRESS
        self.batch_domain = BATCH_ADDRESS.partition("@")[2]
        self.domain = DOMAIN
        self.other_domain = OTHER_DOMAIN
        self.admin = "admin@" + DOMAIN
        self.other_admin = "admin@" + OTHER_DOMAIN
        self.passwords = {self.admin: secrets.token_urlsafe(12),
                          self.other_admin: secrets.token_urlsafe(12)}
        self.root_password = secrets.token_urlsafe(18)
        self.service_password = secrets.token_urlsafe(18)
        self.mail_password = secrets.token_urlsafe(18)
        self.nursery = self.nursery or Nursery()
        try:
            self._build(milter, settings, senders, sync, slapd_tells)
        except BaseException:
            self.close()
            raise

    def _build(self, milter, settings, senders, sync, slapd_tells):
        policy = self.tree.policy
        self.log = self.nursery.path("mail.log")
        self.slapd = self.make_slapd(policy, sync)
        self.slapd.tells = slapd_tells
        values = {"LDAP_URI": self.slapd.uri, "BASE": self.base, "MAILPW": self.mail_password,
                  "BATCH_ADDRESS": self.batch_address, "BATCH_DOMAIN": self.batch_domain,
                  "MILTER_SOCKET": "unix:" + self.nursery.path("m", "sock")}
        # Without a daemon there is no configuration that the service could read.
        values["POLICY_PROGRAM"] = ""
        if milter:
            self.tree.bring_within_reach(self.nursery.path("reach"))
            values["POLICY_PROGRAM"] = "%s -c %s" % (
                self.tree.policy_program, Milter.conf_path(self.nursery))
        self.postfix = self.make_mta(policy, values)
        values["SMTP"] = "127.0.0.1:%d" % self.postfix.port
        self.dovecot = Dovecot(self.nursery, policy, values, self.site)
        # Postfix and the daemon write to one file.
        with open(self.log, "ab"):
            os.chmod(self.log, 0o644)
        shutil.chown(self.log, Milter.user)
        self.slapd.start(wait=False)
        self.postfix.start(wait=False)
        self.dovecot.start(wait=False)
        self.slapd.wait()
        for address, password in self.passwords.items():
            self.add_account(address, password)
        if milter:
            values["RESPONSE_PORT"] = self.postfix.response_port
            self.milter = self.make_milter(values, settings)
            self.milter.write_senders("%s allow\n%s allow\n%s" % (
                self.admin, self.other_admin, senders))
            self.milter.start(wait=False)
            self.milter.wait()
        self.postfix.wait()
        self.dovecot.wait()

    def make_slapd(self, policy, sync):
        return Slapd(self.nursery, policy, self.base, self.root_password, self.service_password,
                     self.mail_password, [self.domain, self.other_domain], sync)

    def make_mta(self, policy, values):
        return Postfix(self.nursery, policy, values, self.log, self.batch_domain, site=self.site)

    def make_milter(self, values, settings):
        return Milter(self.nursery, self.tree, values, self.log, self.service_password, settings)

    def close(self):
        for box in self._mailboxes.values():
            box.close()
        self._mailboxes = {}
        self.nursery.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- the directory, by hand ---

    def add_account(self, address, password, mailbox_id=None, enabled=None):
        """An account as a hoster's own tools would make it; returns its mailbox identifier."""
        mailbox_id = mailbox_id or str(uuid.uuid4())
        local, _, _ = address.partition("@")
        self.slapd.add(
            "dn: %s\nobjectClass: inetOrgPerson\nobjectClass: batchloadAccount\nmail: %s\n"
            "cn: %s\nsn: %s\nuserPassword: %s\nbatchloadMailboxId: %s\n%s" % (
                self.slapd.dn(address), address, local, local, salted(password), mailbox_id,
                "" if enabled is None else "batchloadEnabled: %s\n" % str(enabled).upper()))
        return mailbox_id

    def add_forward(self, address, *targets):
        self._add_plain(address, "batchloadForward", "batchloadTarget", targets)

    def add_list(self, address, *members):
        self._add_plain(address, "batchloadList", "batchloadMember", members)

    def _add_plain(self, address, kind, attribute, values):
        local, _, _ = address.partition("@")
        self.slapd.add("dn: %s\nobjectClass: inetOrgPerson\nobjectClass: %s\nmail: %s\ncn: %s\n"
                       "sn: %s\n%s" % (self.slapd.dn(address), kind, address, local, local,
                                       "".join("%s: %s\n" % (attribute, v) for v in values)))

    def entry(self, address):
        return self.slapd.entry(address)

    # --- mail ---

    def request(self, rows=(), csv=None, sender=None, password=True, reference=None,
                subject="PROCESS", mode=None, headers=(), body=None, to=None, parts=None,
                message_id=None):
        """A request as bytes. password True is the sender's own; None leaves the line out. body
        replaces the text part, parts all parts."""
        sender = sender or self.admin
        if password is True:
            password = self.passwords[sender]
        if body is None:
            body = ""
            for keyword, value in (("Password", password), ("Batchload", reference),
                                   ("Mode", mode)):
                if value is not None:
                    body += "%s: %s\n" % (keyword, value)
        lines = ["From: " + sender, "To: " + (to or self.batch_address)]
        if subject is not None:
            lines.append("Subject: " + subject)
        lines += ["Date: Tue, 01 Jul 2025 10:00:00 +0200",
                  "Message-ID: " + (message_id or mail.message_id())]
        lines += list(headers)
        if parts is None:
            content = csv if csv is not None else mail.table(rows)
            parts = [mail.text_part(body), mail.attachment(content)]
        return mail.multipart(lines, parts)

    def send(self, raw, sender=None, recipients=None, login=None, port=None):
        """Hands raw to Postfix; returns mail.Sent."""
        return mail.send(port or self.postfix.port, raw,
                         self.admin if sender is None else sender,
                         recipients or [self.batch_address], login)

    def send_plain(self, recipient, sender="someone@elsewhere.example", text="Hello\n"):
        """An ordinary mail; returns (Sent, Message-ID)."""
        identifier = mail.message_id()
        raw = ("From: %s\r\nTo: %s\r\nSubject: hello\r\nMessage-ID: %s\r\n\r\n%s" % (
            sender, recipient, identifier, text.replace("\n", "\r\n"))).encode()
        return self.send(raw, sender, [recipient]), identifier

    def mailbox(self, address, password=None):
        """The account's INBOX, a connection kept until the end."""
        key = (address, password)
        if key not in self._mailboxes:
            self._mailboxes[key] = mail.Mailbox(self.dovecot.port, address,
                                                password or self.passwords[address])
        return self._mailboxes[key]

    def can_login(self, address, password):
        """Whether Dovecot takes this login. Only a refusal is a no."""
        try:
            mail.Mailbox(self.dovecot.port, address, password).close()
            return True
        except imaplib.IMAP4.error as error:
            if "AUTHENTICATIONFAILED" in str(error) or "Authentication failed" in str(error):
                return False
            raise

    def response(self, raw, seconds=120, address=None):
        """Waits for the response to the request raw."""
        identifier = message_id_of(raw)
        box = self.mailbox(address or address_of(raw))
        return mail.Response(box.wait("In-Reply-To", identifier, seconds))

    def ask(self, rows=(), seconds=120, **options):
        """Sends a request, waits for its response."""
        raw = self.request(rows, **options)
        sent = self.send(raw, options.get("sender"))
        if sent.code != 250:
            raise AssertionError("the request was not taken: %r" % sent)
        return self.response(raw, seconds)

    def fence(self, sender=None):
        """A good request that changes nothing lasting, answered: what was sent before by the same
        sender and was to make a job or an answer has made it by now."""
        sender = sender or self.admin
        name = "fence" + uuid.uuid4().hex[:8]
        domain = sender.partition("@")[2]
        response = self.ask([
            {"DOMAIN": domain, "USER": name, "TYPE": "FORWARD", "ACTION": "ADD",
             "MAILFORWARD": sender},
            {"DOMAIN": domain, "USER": name, "TYPE": "FORWARD", "ACTION": "DELETE"}],
            sender=sender)
        if "processed ok" not in response.text:
            raise AssertionError("the fence was not processed: " + response.text)
        return response

    def reconfigure(self, settings=None):
        """The daemon takes up the configuration with these settings, and nobody waits for a start."""
        before = len(self.log_lines("reload: "))
        self.milter.configure(settings)
        self.milter.reload()
        wait_for(lambda: len(self.log_lines("reload: ")) > before, "the reload")
        line = self.log_lines("reload: ")[-1]
        if "were taken up" not in line:
            raise AssertionError("the configuration was not taken up: " + line)

    # --- what is left behind ---

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def log_lines(self, *words):
        return [line for line in self.log_text().splitlines()
                if all(word in line for word in words)]

    @contextlib.contextmanager
    def store(self, spool=None):
        """The database of the spool, or of another one; what is changed is committed."""
        path = os.path.join(spool or self.milter.spool, "spool.db")
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as store, store:
            yield store

    def contents(self, identifier=None, spool=None):
        """What the spool (or another one) holds of jobs beside their records, be it small (in the store) or large
        (files): {"mail", "rows", "response"}."""
        with self.store(spool) as store:
            found = {SPOOL_KINDS[kind] for job, kind in store.execute("SELECT job, kind FROM content")
                     if identifier in (None, job)}
        return found | {kind for kind in SPOOL_KINDS
                        for name in os.listdir(os.path.join(spool or self.milter.spool, kind))
                        if identifier in (None, name)}

    def damage(self, kind, identifier, gone=False):
        """A byte of what is small becomes another one, or all of it goes."""
        one = (identifier, SPOOL_KINDS.index(kind))
        with self.store() as store:
            sealed = store.execute("SELECT sealed FROM content WHERE job=? AND kind=?",
                                   one).fetchone()[0]
            middle = len(sealed) // 2
            changed = sealed[:middle] + bytes([sealed[middle] ^ 1]) + sealed[middle + 1:]
            store.execute("DELETE FROM content WHERE job=? AND kind=?", one)
            if not gone:
                store.execute("INSERT INTO content VALUES(?, ?, ?)", (*one, changed))

    def search_spool(self, secret):
        """Raises when any file of the spool holds secret in clear."""
        for folder, _, names in os.walk(self.milter.spool):
            for name in names:
                try:
                    with open(os.path.join(folder, name), "rb") as file:
                        if secret.encode() in file.read():
                            raise AssertionError("a secret is in the spool: " + name)
                except FileNotFoundError:
                    pass  # the daemon is at work

    def wait_log(self, *words, seconds=60):
        return wait_for(lambda: self.log_lines(*words), "a log line with %r" % (words,), seconds)

    def wait_queue(self, question, what, seconds=60):
        return wait_for(lambda: question(self.postfix.queue()), what, seconds, 0.05)

    def diagnostics(self):
        """For a failed test: the last lines of every log."""
        lines = ["mail.log: " + line for line in self.log_text().splitlines()[-40:]]
        for server in (self.milter, self.dovecot, self.slapd, self.postfix):
            if server is not None:
                lines += ["%s: %s" % (server.name, line)
                          for line in server.tail().splitlines()[-15:]]
        return lines


def message_id_of(raw):
    head = raw.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    for line in head.split("\r\n"):
        if line.lower().startswith("message-id:"):
            return line.partition(":")[2].strip()
    raise ValueError("the request has no Message-ID")


def address_of(raw):
    head = raw.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    for line in head.split("\r\n"):
        if line.lower().startswith("from:"):
            return line.partition(":")[2].strip().rpartition("<")[2].rstrip(">")
    raise ValueError("the request has no From")
