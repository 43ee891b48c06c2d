# SPDX-License-Identifier: MIT
"""A private Sendmail from Debian's packages, unpacked by scripts/deps, configured by doc/sendmail.md.
It lives in a mount namespace where it lies above /usr, /etc and /var as if it were installed."""

import os
import re
import shutil

from .process import MissingError, run, which, write
from .servers import MailServer, connects

UNPACKED = "/var/cache/batchload/sendmail"
PROGRAM = "/usr/sbin/sendmail"

# What the machine's sendmail.mc has, and what README's Dovecot is to this Sendmail.
BEFORE = """define(`_USE_ETC_MAIL_')dnl
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`debian')dnl
DOMAIN(`debian-mta')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
LOCAL_DOMAIN(`somedomain.example otherdomain.example')dnl
DAEMON_OPTIONS(`Family=inet, Name=MTA-v4, Port=%(port)d, Addr=127.0.0.1')dnl
DAEMON_OPTIONS(`Family=inet, Name=MSP-v4, Port=%(submission)d, M=Ea, Addr=127.0.0.1')dnl
define(`confMIN_QUEUE_AGE', `0')dnl
define(`confTO_IDENT', `0')dnl
dnl a machine that has much to do takes and delivers mail all the same
define(`confQUEUE_LA', `10000')dnl
define(`confREFUSE_LA', `10000')dnl
"""
MAILERS = """MAILER(`local')dnl
MAILER(`smtp')dnl
"""
AFTER = """
MAILER_DEFINITIONS
Mdovecot,	P=[IPC], F=lsDFMnqXz@/:|, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP/HdrFromSMTP, E=\\r\\n,
	T=DNS/RFC822/SMTP, A=FILE %(lmtp)s

LOCAL_RULE_0
R$+ < @ $=w . > $*	$#dovecot $@ dovecot $: $1 < @ $2 . >
"""
SUBMIT = """define(`_USE_ETC_MAIL_')dnl
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`debian')dnl
DOMAIN(`debian-msp')dnl
define(`RELAY_MAILER_ARGS', `TCP $h %(port)d')dnl
FEATURE(`msp', `[127.0.0.1]')dnl
"""
INSTALL = r"""set -e
unpacked=$1 folder=$2 socket_folder=$3
hostname mail.ibpmail.example
mount -t tmpfs -o mode=755 tmpfs "$folder/over"
cd "$folder/over"
for name in etc usr var; do
    mkdir $name $name.work
    # where the unpacked files lie below, they can't lie above
    lower=$unpacked/$name:/$name
    [ $name = var ] && lower=/var
    mount -t overlay overlay \
        -o "lowerdir=$lower,upperdir=$folder/over/$name,workdir=$folder/over/$name.work" /$name
done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/batchload
mount --bind "$socket_folder" /run/batchload
echo '127.0.0.1 mail.ibpmail.example localhost' >/etc/hosts
sed -i 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf
for pair in smmsp:998 smmta:997; do
    echo "${pair%:*}:x:${pair#*:}:${pair#*:}::/nonexistent:/usr/sbin/nologin" >>/etc/passwd
    echo "${pair%:*}:x:${pair#*:}:" >>/etc/group
done
chown root:smmsp /usr/libexec/sendmail/sendmail
chmod 2755 /usr/libexec/sendmail/sendmail
mkdir -p /etc/mail /var/spool/mqueue /var/spool/mqueue-client \
    /var/lib/sendmail/host_status /run/sendmail/mta /run/sendmail/msp
chown smmsp:smmsp /var/spool/mqueue-client
chmod 2770 /var/spool/mqueue-client
chmod 0700 /var/spool/mqueue
mount --bind "$folder/mqueue" /var/spool/mqueue
cp "$folder"/mail/* /etc/mail/
cd /etc/mail
chmod 755 batchload-hold
: >local-host-names; : >relay-domains; : >trusted-users; : >aliases
m4 sendmail.mc >sendmail.cf
m4 submit.mc >submit.cf
/usr/sbin/sendmail -bi >/dev/null
exec /usr/sbin/sendmail -bD -q1s
"""


def page(source):
    """The blocks of doc/sendmail.md by what they begin with, and its settings of batchload.conf."""
    with open(os.path.join(source, "doc/sendmail.md"), encoding="utf-8") as file:
        found = re.findall(r"^```\n(.*?)^```", file.read(), re.S | re.M)

    def one(begin):
        return next(block for block in found if block.startswith(begin))
    return (one("INPUT_MAIL_FILTER"), one("MAILER_DEFINITIONS"), one("#!/bin/sh"),
            dict(re.findall(r'^(\w+) = "(.*)"$', one("socket = "), re.M)))


class Sendmail(MailServer):
    name = "sendmail"

    def __init__(self, nursery, source):
        super().__init__(nursery)
        for name in ("m4", "nsenter", "unshare"):
            which(name)
        if not os.path.exists(UNPACKED + "/usr/libexec/sendmail/sendmail"):
            raise MissingError("missing: Sendmail in %s; scripts/deps fetches it" % UNPACKED)
        self.port, self.submission = nursery.port(), nursery.port()
        self.response_port = nursery.port()
        self.folder = nursery.path("sm")
        self.socket_folder = nursery.path("m")
        for path in (self.folder, self.socket_folder, self.folder + "/mail",
                     self.folder + "/mqueue", self.folder + "/over"):
            os.mkdir(path, 0o755)
        os.chmod(self.folder + "/mqueue", 0o700)
        os.makedirs(nursery.path("q", "private"), 0o755)
        filters, hold, program, self.settings = page(source)
        values = {"port": self.port, "submission": self.submission,
                  "lmtp": nursery.path("q", "private", "batchload-lmtp")}
        self._values = values
        self._filters, self._hold = filters, hold
        write(self.folder + "/mail/submit.mc", SUBMIT % values)
        write(self.folder + "/mail/batchload-hold", program)
        write(self.folder + "/mail/sendmail.mc", self._configuration())

    def _configuration(self):
        filters = self._filters.replace("Port=10026", "Port=%d" % self.response_port)
        return BEFORE % self._values + filters + MAILERS + self._hold + AFTER % self._values

    def command(self):
        return ["unshare", "--mount", "--uts", "--propagation", "private", "sh", "-c", INSTALL, "sh",
                UNPACKED, self.folder, self.socket_folder]

    def up(self):
        return connects(self.port) and connects(self.response_port) and connects(self.submission)

    def inside(self, *command):
        """The command where this Sendmail is installed."""
        return ["nsenter", "-t", str(self.pid), "--mount", "--uts", *command]

    def waiting(self):
        """What lies in its queue, by number."""
        return sorted(name[2:] for name in os.listdir(self.folder + "/mqueue")
                      if name.startswith("qf"))

    def forget(self):
        """Empties the queue, as doc/sendmail.md says."""
        for name in os.listdir(self.folder + "/mqueue"):
            os.unlink(os.path.join(self.folder, "mqueue", name))

    def told(self):
        """mailq(1)."""
        return run(self.inside(PROGRAM, "-bp")).stdout.decode(errors="replace")

    def sendmail(self, raw, sender, *recipients):
        """Hands a mail in by sendmail(8), as a user without rights."""
        run(self.inside("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", PROGRAM,
                        "-i", "-f", sender, "--", *recipients), raw.replace(b"\r\n", b"\n"))
