# SPDX-License-Identifier: MIT
"""A private 389 Directory Server."""

import os
import re
import shutil

from .process import run, which, write
from .servers import Server, Slapd

ROOT = "cn=Directory Manager"
DATA = "/usr/share/dirsrv/data"
BACKEND = """
dn: cn=userroot,cn=ldbm database,cn=plugins,cn=config
objectClass: top
objectClass: extensibleObject
objectClass: nsBackendInstance
cn: userroot
nsslapd-suffix: @BASE@

dn: cn="@BASE@",cn=mapping tree,cn=config
objectClass: top
objectClass: extensibleObject
objectClass: nsMappingTree
cn: "@BASE@"
nsslapd-state: backend
nsslapd-backend: userroot
"""


class Ds389(Slapd):
    """A private one, on loopback, with our schema in its form."""
    name = "ns-slapd"
    user = "dirsrv"

    def __init__(self, nursery, policy, base):
        Server.__init__(self, nursery)
        which(self.name)
        self.root_dn = ROOT
        self.folder = nursery.path("ds")
        self.base = base
        self.port = nursery.port()
        self.uri = "ldap://127.0.0.1:%d" % self.port
        self.password_file = self.folder + "/password"
        folders = {name: self.folder + "/" + name for name in (
            "config", "config/schema", "db", "log", "run", "tmp", "lock", "ldif", "bak", "inst")}
        for path in (self.folder, *folders.values()):
            os.mkdir(path, 0o755)
            shutil.chown(path, self.user)
        self._configure(folders)
        self._schema(policy, folders["config/schema"])
        write(self.password_file, "Directory-1", 0o600)

    def _configure(self, folders):
        values = {name + "_dir": path for name, path in folders.items()}
        values.update(
            schema_dir=folders["config/schema"],
            cert_dir=folders["config"], db_home_dir=folders["db"], db_lib="bdb",
            ds_passwd=run(["pwdhash", "-s", "SSHA512", "Directory-1"]).stdout.decode().strip(),
            ds_port=str(self.port), ds_suffix=self.base, ds_user=self.user, fqdn="localhost",
            ldapi=self.folder + "/i", ldapi_autobind="off", ldapi_enabled="off", rootdn=ROOT)
        with open(DATA + "/template-dse.ldif", encoding="utf-8") as file:
            text = file.read().replace("\n ", "")
        # The tests compare what they wrote: else a login makes another hash of a password.
        text = text.replace("\ncn: config\n", "\ncn: config\nnsslapd-enable-upgrade-hash: off\n", 1)
        # A login of its own may give hashes.
        text = text.replace("\ncn: config\n", "\ncn: config\nnsslapd-allow-hashed-passwords: on\n", 1)
        # A machine that stops is not what they look at.
        text = text.replace("\nnsslapd-mode: 600\n",
                            "\nnsslapd-mode: 600\nnsslapd-db-durable-transaction: off\n", 1)
        # It keeps no number that changes with each change of an entry but this one's.
        text = re.sub(r"(?is)(\ndn: cn=USN,.*?pluginEnabled: )off", r"\1on", text, count=1)
        for name, value in values.items():
            text = text.replace("%%%s%%" % name, value)
        write(folders["config"] + "/dse.ldif",
              text.rstrip("\n") + "\n" + BACKEND.replace("@BASE@", self.base), 0o600)
        shutil.chown(folders["config"] + "/dse.ldif", self.user)
        for name in ("slapd-collations.conf", "certmap.conf"):
            shutil.copy("/etc/dirsrv/config/" + name, folders["config"])

    def _schema(self, policy, folder):
        """Ours, in the form of this server."""
        shutil.copy("/etc/dirsrv/schema/99user.ldif", folder)
        shutil.chown(folder + "/99user.ldif", self.user)
        with open(policy + "/schema/batchload.ldif", encoding="utf-8") as file:
            lines = [line for line in file.read().splitlines()
                     if line.startswith((" ", "olcAttributeTypes:", "olcObjectClasses:"))]
        text = "\n".join(lines).replace("olcAttributeTypes:", "attributeTypes:")
        write(folder + "/98batchload.ldif",
              "dn: cn=schema\n" + text.replace("olcObjectClasses:", "objectClasses:") + "\n")

    def command(self):
        return [which("ns-slapd"), "-D", self.folder + "/config", "-i", self.folder + "/run/pid",
                "-d", "0"]

    def up(self):
        return run(self._tool("ldapwhoami"), check=False).returncode == 0

    def profile(self, shipped):
        """The path of the shipped profile with this server's names for what it keeps itself."""
        path = self.folder + "/profile.conf"
        with open(shipped, encoding="utf-8") as file:
            text = file.read().replace("entryCSN", "entryUSN").replace("entryUUID", "nsUniqueId")
        write(path, text)
        return path
