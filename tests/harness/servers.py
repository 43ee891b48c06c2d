# SPDX-License-Identifier: MIT
"""Private slapd, Postfix and Dovecot from the shipped files."""

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import smtplib
import socket

from .process import (HarnessError, MissingError, descendants, render, run, wait_for, which,
                      write)


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def salted(password):
    """A userPassword value that slapd knows without a module."""
    salt = os.urandom(8)
    digest = hashlib.sha1(password.encode() + salt).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


class Server:
    """A process with a way to tell that it is up."""
    name = "server"

    def __init__(self, nursery):
        self.nursery = nursery
        self.process = None

    def command(self):
        raise NotImplementedError

    def up(self):
        raise NotImplementedError

    def output(self):
        return self.nursery.path(self.name + ".out")

    def start(self, wait=True):
        self.process = self.nursery.spawn(self.command(), log=self.output())
        if wait:
            self.wait()
        return self

    def wait(self):
        def ready():
            if self.process.poll() is not None:
                raise HarnessError("%s ended at start, status %s: %s" % (
                    self.name, self.process.returncode, self.tail()))
            return self.up()
        wait_for(ready, self.name + " to listen")

    def tail(self):
        try:
            with open(self.output(), "rb") as file:
                return file.read()[-3000:].decode(errors="replace")
        except OSError:
            return ""

    @property
    def pid(self):
        return self.process.pid if self.process else None

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9 of the process itself; what it started is left to die or not, as in life."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process:
            status = self.nursery.stop(self.process)
            self.process = None
            return status
        return None

    def restart(self):
        self.stop()
        return self.start()


class Slapd(Server):
    name = "slapd"
    tells = "0"  # debug level: "stats" writes each operation to output()

    def __init__(self, nursery, policy, base, root_password, service_password, mail_password,
                 domains, sync=False):
        super().__init__(nursery)
        which("slapd")
        self.port = nursery.port()
        self.uri = "ldap://127.0.0.1:%d" % self.port
        self.base = base
        self.root_dn = "cn=admin," + base
        folder = nursery.path("slapd")
        self.folder = folder
        os.mkdir(folder, 0o711)
        os.mkdir(folder + "/data", 0o700)
        self.password_file = folder + "/rootpw"
        write(self.password_file, root_password, 0o600)
        values = {"BASE": base, "ROOTPW": root_password, "SCHEMA": policy + "/schema",
                  "DATA": folder + "/data", "RUN": folder, "LDAP_URI": self.uri,
                  "DC": base.split(",")[0].split("=")[1], "DOMAIN": domains[0],
                  "SERVICEPW": salted(service_password), "MAILPW": salted(mail_password)}
        self.conf = self._configure(policy, values, sync)
        ldif = self._first_entries(policy, values, domains)
        run([which("slapadd"), "-q", "-f", self.conf, "-l", ldif])

    def _configure(self, policy, values, sync):
        conf = render(policy + "/openldap/slapd.conf", self.folder + "/slapd.conf", values, 0o600)
        if not sync:
            with open(conf, "a", encoding="utf-8") as file:
                file.write("\n# tests only: a machine that stops is not what they look at\n"
                           "dbnosync\n")
        return conf

    def _first_entries(self, policy, values, domains):
        ldif = render(policy + "/openldap/base.ldif", self.folder + "/base.ldif", values, 0o600)
        with open(ldif, "a", encoding="utf-8") as file:
            for domain in domains[1:]:
                file.write("\n" + self.domain_ldif(domain))
        return ldif

    def domain_ldif(self, domain):
        return ("dn: %s\nobjectClass: organizationalUnit\nobjectClass: batchloadDomain\n"
                "ou: %s\n" % (self.domain_dn(domain), domain))

    def domain_dn(self, domain):
        return "ou=%s,ou=domains,%s" % (domain, self.base)

    def dn(self, address):
        return "mail=%s,%s" % (address, self.domain_dn(address.partition("@")[2]))

    def command(self):
        return [which("slapd"), "-f", self.conf, "-h", self.uri, "-d", self.tells]

    def up(self):
        return connects(self.port)

    def _tool(self, name, *more):
        return [which(name), "-x", "-H", self.uri, "-D", self.root_dn, "-y", self.password_file,
                "-o", "nettimeout=10", *more]

    def add(self, ldif):
        run(self._tool("ldapadd"), ldif.encode())

    def modify(self, ldif):
        run(self._tool("ldapmodify"), ldif.encode())

    def delete(self, *names):
        run(self._tool("ldapdelete", *names))

    def search(self, filter="(objectClass=*)", base=None, scope="sub", attributes=("*",)):
        """{dn: {attribute in lower case: [values]}}; values that are not UTF-8 are bytes."""
        result = run(self._tool("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-E", "pr=1000/noprompt",
                                "-b", base or self.base, "-s", scope, filter, *attributes),
                     check=False)
        if result.returncode == 32:
            return {}
        if result.returncode:
            raise HarnessError("ldapsearch: exit %d: %s" % (
                result.returncode, result.stderr.decode(errors="replace")))
        return parse_ldif(result.stdout)

    def entry(self, address, attributes=("*",)):
        """The entry of an address, or None."""
        found = self.search(base=self.dn(address), scope="base", attributes=attributes)
        return next(iter(found.values()), None)

    def login(self, address, password):
        """Whether the directory itself takes this password."""
        path = self.folder + "/try"
        write(path, password, 0o600)
        result = run([which("ldapwhoami"), "-x", "-H", self.uri, "-D", self.dn(address), "-y",
                      path], check=False)
        os.unlink(path)
        if result.returncode not in (0, 49):
            raise HarnessError("ldapwhoami: exit %d" % result.returncode)
        return result.returncode == 0


def parse_ldif(data):
    entries, entry, name = {}, None, None
    for line in data.replace(b"\n ", b"").split(b"\n"):
        if not line:
            entry = None
            continue
        if line.startswith(b"#"):
            continue
        name, _, value = line.partition(b":")
        if value.startswith(b":"):
            value = base64.b64decode(value[1:].strip())
        else:
            value = value.lstrip(b" ")
        try:
            value = value.decode()
        except UnicodeDecodeError:
            pass
        name = name.decode().lower()
        if name == "dn":
            entry = entries.setdefault(value, {})
        elif entry is not None:
            entry.setdefault(name, []).append(value)
    return entries


def samples(policy, room, site=None):
    """{name: path} of the shipped files for a room, "postfix" or "dovecot"; those for a site with
    another profile are in the place of those of the same name."""
    folder = os.path.join(policy, room)
    found = {name: os.path.join(folder, name) for name in os.listdir(folder)}
    for folder in (policy + "/sites", policy + "/sites/" + site) if site else ():
        for name in os.listdir(folder):
            if name.startswith("batchload-dovecot-" if room == "dovecot" else "batchload-") and \
                    name.endswith(".ext" if room == "dovecot" else ".cf"):
                found[name] = os.path.join(folder, name)
    return found


class MailServer(Server):
    """One whose port is port."""

    def client(self, port=None):
        return smtplib.SMTP("127.0.0.1", port or self.port, local_hostname="client.example",
                            timeout=60)


class Postfix(MailServer):
    name = "postfix"

    def __init__(self, nursery, policy, values, log, domain, milter=True, site=None):
        super().__init__(nursery)
        which("postconf")
        if not os.path.exists("/usr/lib/postfix/postfix-ldap.so"):
            raise MissingError("missing package: postfix-ldap")
        self.port = nursery.port()
        self.response_port = nursery.port()
        self.log = log
        self.conf = nursery.path("postfix")
        self.queue_folder = nursery.path("q")
        self.domain = domain
        self._samples = samples(policy, "postfix", site)
        self._values = dict(values, POSTFIX_DIR=self.conf, RESPONSE_PORT=self.response_port,
                            DOVECOT_LMTP="private/batchload-lmtp",
                            DOVECOT_QUOTA="private/batchload-quota")
        os.mkdir(self.conf, 0o755)
        os.mkdir(nursery.path("postfix-data"), 0o700)
        shutil.chown(nursery.path("postfix-data"), "postfix")
        self._make_queue()
        self.configure(milter)

    def _make_queue(self):
        os.mkdir(self.queue_folder, 0o755)
        for name, mode, group in (
                ("active", 0o700, "root"), ("bounce", 0o700, "root"), ("corrupt", 0o700, "root"),
                ("defer", 0o700, "root"), ("deferred", 0o700, "root"), ("flush", 0o700, "root"),
                ("hold", 0o700, "root"), ("incoming", 0o700, "root"), ("private", 0o700, "root"),
                ("saved", 0o700, "root"), ("trace", 0o700, "root"),
                ("maildrop", 0o730, "postdrop"), ("public", 0o710, "postdrop")):
            path = os.path.join(self.queue_folder, name)
            os.mkdir(path)
            shutil.chown(path, "postfix", group)
            os.chmod(path, mode)
        os.mkdir(os.path.join(self.queue_folder, "pid"), 0o755)

    def configure(self, milter=True, extra=""):
        """Writes main.cf and master.cf: those of a plain Postfix, and the shipped lines. milter
        False is a postmaster who forgot the filter."""
        for name, path in self._samples.items():
            if name.startswith("batchload-"):
                render(path, os.path.join(self.conf, name), self._values, 0o640, "postfix")
        settings = self._plain_main()
        for name in ("tables", "main"):
            with open("%s/batchload-%s.cf" % (self.conf, name), encoding="utf-8") as file:
                settings += file.read()
        if not self._values["POLICY_PROGRAM"]:
            settings = re.sub(r"    check_policy_service { unix:private/batchload-policy,\n.*\n", "",
                              settings)
        write(self.conf + "/main.cf", settings + extra)
        with open(self.conf + "/batchload-master.cf", encoding="utf-8") as file:
            # The shipped line may run in a chroot, which this one has not.
            shipped = file.read().replace(" inet n - y - - smtpd", " inet n - n - - smtpd")
        shipped = shipped.replace(" user=batchload ", " user=daemon ")
        write(self.conf + "/master.cf", self._plain_master(milter) + shipped)

    def _plain_main(self):
        return """# a plain Postfix, kept apart from the machine's own
compatibility_level = 3.6
queue_directory = %(queue)s
data_directory = %(data)s
meta_directory = /etc/postfix
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
shlib_directory = /usr/lib/postfix
maillog_file = %(log)s
maillog_file_prefixes = /dev/stdout, %(folder)s
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.%(domain)s
mydestination =
mynetworks = 127.0.0.0/8
smtp_host_lookup = native
disable_dns_lookups = yes
smtpd_peername_lookup = no
default_database_type = lmdb
alias_maps =
alias_database =
local_recipient_maps =
default_transport = error:5.7.1 nothing leaves the tests
in_flow_delay = 0
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
transport_retry_time = 1s
service_throttle_time = 1s
smtpd_error_sleep_time = 0
smtpd_sasl_auth_enable = yes
# the shipped lines
""" % {"queue": self.queue_folder, "data": self.nursery.path("postfix-data"), "log": self.log,
            "domain": self.domain, "folder": self.nursery.folder}

    def _plain_master(self, milter):
        return """127.0.0.1:%d inet n - n - - smtpd%s
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
""" % (self.port, "" if milter else "\n    -o smtpd_milters=")

    def command(self):
        return ["/usr/lib/postfix/sbin/master", "-c", self.conf, "-d"]

    def up(self):
        return connects(self.port) and connects(self.response_port)

    def stop(self):
        status = super().stop()
        # Its children take connections until they see that it has gone, and break them off.
        wait_for(lambda: not connects(self.port) and not connects(self.response_port),
                 "Postfix's children to end")
        return status

    def environment(self):
        return dict(os.environ, MAIL_CONFIG=self.conf)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def services(self):
        """Pids of the policy services that it has started."""
        def name(pid):
            try:
                with open("/proc/%d/comm" % pid, encoding="utf-8") as file:
                    return file.read().strip()
            except OSError:
                return ""
        return [pid for pid in descendants(above=self.pid) if name(pid) == "batchload-polic"]

    def queue(self):
        """What waits: a list of dictionaries, as postqueue -j tells."""
        result = run([which("postqueue"), "-c", self.conf, "-j"])
        return [json.loads(line) for line in result.stdout.splitlines() if line.strip()]

    def remove(self, queue_id):
        run([which("postsuper"), "-c", self.conf, "-d", queue_id])

    def flush(self):
        run([which("postqueue"), "-c", self.conf, "-f"])

    def sendmail(self, raw, sender, *recipients):
        """Hands a mail in by sendmail(1)."""
        run([which("sendmail"), "-C", self.conf, "-i", "-f", sender, "--", *recipients], raw,
            environment=self.environment())


WEBMAIL = "127.0.0.3"  # who comes from there counts as the web front end


class Dovecot(Server):
    name = "dovecot"

    def __init__(self, nursery, policy, values, site=None):
        super().__init__(nursery)
        which("dovecot")
        for package, program in (("ldap", "modules/auth/libauthdb_ldap.so"), ("imapd", "imap"),
                                 ("lmtpd", "lmtp"), ("sieve", "modules/lib90_sieve_plugin.so")):
            if not os.path.exists("/usr/lib/dovecot/" + program):
                raise MissingError("missing package: dovecot-" + package)
        self.port = nursery.port()
        folder = nursery.path("dovecot")
        os.mkdir(folder, 0o755)
        self.mail_root = nursery.path("mail")
        os.mkdir(self.mail_root, 0o700)
        shutil.chown(self.mail_root, "mail", "mail")
        values = dict(values, MAIL_ROOT=self.mail_root, DOVECOT_DIR=folder,
                      POSTFIX_QUEUE=nursery.path("q"), WEBMAIL=WEBMAIL)
        for name, path in samples(policy, "dovecot", site).items():
            render(path, os.path.join(folder, name), values,
                   0o600 if name.endswith(".ext") else 0o644)
        self.log = nursery.path("dovecot.log")
        self.conf = folder + "/dovecot.conf"
        write(self.conf, """# a plain Dovecot, kept apart from the machine's own
base_dir = %(folder)s/run
state_dir = %(folder)s/state
log_path = %(log)s
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
login_trusted_networks = 127.0.0.0/8
auth_failure_delay = 0
service imap-login {
  service_count = 0
  chroot =
  inet_listener imap {
    port = %(port)d
  }
  inet_listener imaps {
    port = 0
  }
}
# a wrong password does not slow the next login down
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
!include %(folder)s/batchload-dovecot.conf
""" % {"folder": folder, "log": self.log, "port": self.port})
        run([which("sievec"), "-c", self.conf, folder + "/batchload-reply.sieve"])

    def command(self):
        return [which("dovecot"), "-F", "-c", self.conf]

    def up(self):
        return connects(self.port)

    def tail(self):
        try:
            with open(self.log, "rb") as file:
                return file.read()[-3000:].decode(errors="replace")
        except OSError:
            return super().tail()
