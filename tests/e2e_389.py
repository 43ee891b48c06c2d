# SPDX-License-Identifier: MIT
"""389 Directory Server instead of slapd, with the default profile and our schema in its form: what
is new is added; what would need a condition waits, and it is told why."""

import json
import os
import re
import shutil
import subprocess

import tap
from harness import World
from harness.process import run, which, write
from harness.servers import Server

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


class Ds389(Server):
    """A private one, on loopback."""
    name = "ns-slapd"
    user = "dirsrv"

    def __init__(self, nursery, policy, base):
        super().__init__(nursery)
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

    def _tool(self, name, *more):
        return [which(name), "-x", "-H", self.uri, "-D", ROOT, "-y", self.password_file, *more]

    def up(self):
        return run(self._tool("ldapwhoami"), check=False).returncode == 0

    def add(self, ldif):
        run(self._tool("ldapadd"), ldif.encode())

    def targets(self):
        return run(self._tool("ldapsearch", "-LLL", "-b", self.base, "(mail=*)",
                              "batchloadTarget", "entryUSN")).stdout


def entries(world):
    domain = "ou=%s,ou=domains,%s" % (world.domain, world.base)
    local = world.admin.partition("@")[0]
    return ("dn: %s\nobjectClass: dcObject\nobjectClass: organization\ndc: %s\no: example\n\n"
            "dn: ou=domains,%s\nobjectClass: organizationalUnit\nou: domains\n\n"
            "dn: %s\nobjectClass: organizationalUnit\nobjectClass: batchloadDomain\nou: %s\n\n"
            "dn: mail=%s,%s\nobjectClass: inetOrgPerson\nobjectClass: batchloadAccount\n"
            "mail: %s\ncn: %s\nsn: %s\nuserPassword: %s\n"
            "batchloadMailboxId: 7c0e2a52-0a53-4f57-9d4c-000000000001\n" % (
                world.base, world.base.partition(",")[0].partition("=")[2], world.base, domain,
                world.domain, world.admin, domain, world.admin,
                local, local, world.passwords[world.admin]))


@tap.test("R9.8 389 Directory Server takes no condition with a change: additions are made, others wait")
def refused(world):
    server = Ds389(world.nursery, world.tree.policy, world.base).start()
    server.add(entries(world))
    with open(world.tree.profile, encoding="utf-8") as file:
        profile = file.read().replace("entryCSN", "entryUSN").replace("entryUUID", "nsUniqueId")
    write(server.folder + "/profile.conf", profile)
    write(world.milter.folder + "/directory.password", "Directory-1", 0o600)
    shutil.chown(world.milter.folder + "/directory.password", world.milter.user)
    world.reconfigure({"directory.uri": server.uri, "directory.bind_dn": ROOT,
                       "profile": server.folder + "/profile.conf"})
    told = subprocess.run([world.tree.command, "-c", world.milter.conf, "doctor", "-j"],
                          capture_output=True, text=True, timeout=100, check=False)
    found = {each["what"]: each for each in map(json.loads, told.stdout.splitlines())}
    tap.contains(found["changes"]["words"], "cannot check a condition with a change")
    tap.equal([found[what]["state"] for what in ("directory", "changes")], ["good", "wrong"],
              told.stdout)
    row = {"DOMAIN": world.domain, "USER": "new", "TYPE": "FORWARD", "ACTION": "ADD",
           "MAILFORWARD": "x@elsewhere.example"}
    tap.equal(world.ask([row]).results, ["created"], "results")
    added = server.targets()
    tap.contains(added, b"batchloadTarget: x@elsewhere.example")
    world.send(world.request([{**row, "ACTION": "MODIFY", "MAILFORWARD": "y@elsewhere.example"}]))
    world.wait_log("action=wait", "cannot check a condition with a change")
    tap.equal(server.targets(), added, "targets")
    server.stop()


if __name__ == "__main__":
    tap.main(World)
