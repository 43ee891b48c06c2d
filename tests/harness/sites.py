# SPDX-License-Identifier: MIT
"""A site that has its directory already: slapd with such a schema, and Postfix and Dovecot by the
sample tables of its profile."""

import os
import shutil
import subprocess

from .process import render, write
from .servers import Slapd, salted
from .world import World

FIXTURES = os.path.join(
    os.environ.get("top_srcdir", os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__))))), "test-fixtures", "schema")


class Site:
    """What is known of a site beside its profile: below which folder that puts mailboxes (None:
    nowhere, Dovecot's own is taken), who they belong to, and what the administrator's account has
    there, "%s" being that folder and the administrator's domain."""

    def __init__(self, folder=None, owner="mail", admin=()):
        self.folder = folder
        self.owner = owner
        self.admin = admin


SITES = {
    "inetlocal": Site(),
    "iredmail": Site("/var/vmail/vmail1", admin=(
        "homeDirectory: %s", "enabledService: mail", "enabledService: imap", "enabledService: smtp")),
    "open-xchange": Site(),
    "postfix-book": Site("/srv/vmail", 5000, (
        "mailHomeDirectory: %s", "mailStorageDirectory: maildir:%s/Maildir", "mailUidNumber: 5000",
        "mailGidNumber: 5000")),
    "qmail-ldap": Site("/var/qmail/maildirs", admin=("mailMessageStore: %s/Maildir/",))}


class SiteSlapd(Slapd):
    """Has the entries of test-fixtures/schema for each domain, with an administrator."""

    def __init__(self, world):
        self.world = world
        super().__init__(world.nursery, world.tree.policy, world.base, world.root_password,
                         world.service_password, world.mail_password, world.domains)

    def _configure(self, policy, values, sync):
        conf = super()._configure(policy, values, sync)
        with open(conf, encoding="utf-8") as file:
            text = file.read()
        ours = "include /etc/ldap/schema/inetorgperson.schema\n"
        assert ours in text
        text = text.replace(ours, ours + "include /etc/ldap/schema/nis.schema\ninclude %s/%s.schema\n"
                            % (FIXTURES, self.world.site))
        # Domains lie elsewhere.
        write(conf, text.replace('"ou=domains,', '"'), 0o600)
        return conf

    def _first_entries(self, policy, values, domains):
        ldif = render(policy + "/openldap/base.ldif", self.folder + "/base.ldif", values, 0o600)
        with open(ldif, encoding="utf-8") as file:
            base = file.read().partition("\ndn: ou=%s," % domains[0])[0]
        with open("%s/%s.ldif" % (FIXTURES, self.world.site), encoding="utf-8") as file:
            entries = file.read().replace("@BASE@", self.base).strip().split("\n\n")
        for entry in entries:
            if "userPassword" in entry:
                entry += "".join("\n" + line for line in self.world.admin_lines())
            for domain in domains if "@DOMAIN@" in entry else ("",):
                password = self.world.passwords.get("admin@" + domain, "")
                base += "\n\n" + entry.replace("@DOMAIN@", domain).replace("@ADMINPW@",
                                                                          salted(password))
        write(ldif, base + "\n", 0o600)
        return ldif

    def dn(self, address):
        """Of what has the address as its own."""
        return next(iter(self.search("(mail=%s)" % address)), "cn=nobody," + self.base)


class SiteWorld(World):
    """The daemon works with the profile of that name."""

    def __init__(self, site, **options):
        self.site = site
        self.about = SITES[site]
        super().__init__(**options)

    def make_slapd(self, policy, sync):
        self.domains = [self.domain, self.other_domain]
        self.mail_store = self.nursery.path("v")
        os.mkdir(self.mail_store, 0o700)
        shutil.chown(self.mail_store, self.about.owner, self.about.owner)
        return SiteSlapd(self)

    def admin_lines(self):
        return [line.replace("%s", self.mail_store + "/@DOMAIN@") for line in self.about.admin]

    def make_milter(self, values, settings):
        """The profile, but for where the mailboxes are."""
        with open("%s/profiles/%s.conf" % (self.tree.policy, self.site), encoding="utf-8") as file:
            text = file.read()
        if self.about.folder:
            assert self.about.folder in text
            text = text.replace(self.about.folder, self.mail_store)
        self.profile = self.nursery.path("profile.conf")
        write(self.profile, text)
        return super().make_milter(values, {"profile": self.profile, **(settings or {})})

    def reconfigure(self, settings=None):
        super().reconfigure({"profile": self.profile, **(settings or {})})

    def add_account(self, address, password, mailbox_id=None, enabled=None):
        """The administrators are there from the beginning."""
        assert address in self.passwords

    def expresses(self):
        """{"FULL": "ADD DELETE …" or "yes" or "no", "FULL QUOTA": "yes" …}, as the program says."""
        told = subprocess.run(
            [self.tree.command, "profile", "--table", "--folder", self.tree.policy + "/profiles"],
            capture_output=True, text=True, timeout=60, check=True).stdout
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in told.splitlines()]
        column = rows[0].index(self.site)
        return {row[0]: row[column] for row in rows[2:]}
