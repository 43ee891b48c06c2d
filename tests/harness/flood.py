# SPDX-License-Identifier: MIT
"""Many mails at once, from any address of loopback."""

import contextlib
import fcntl
import smtplib

from .process import HarnessError, write
from .world import message_id_of


def hand_over(world, mails, sender, client, login=None):
    """Many mails by one connection from this address of loopback; the code of each one's end."""
    codes = []
    with smtplib.SMTP("127.0.0.1", world.postfix.port, "client.example", 60,
                      (client, 0)) as connection:
        connection.ehlo()
        if login:
            connection.login(*login)
        for raw in mails:
            connection.mail(sender)
            connection.rcpt(world.batch_address)
            try:
                codes.append(connection.data(raw)[0])
            except smtplib.SMTPDataError as error:
                codes.append(error.smtp_code)
    return codes


def burst(world, mails, sender, client):
    """hand_over() of mails that are all taken; their Message-IDs."""
    codes = hand_over(world, mails, sender, client)
    if set(codes) - {250}:
        raise HarnessError("mails were not taken: %r" % codes)
    return [message_id_of(raw) for raw in mails]


@contextlib.contextmanager
def held(world, settings=None):
    """Mails are taken, but none is opened while this lasts: the parser stands still."""
    hold, parser = world.nursery.path("milter", "hold"), world.nursery.path("milter", "parser")
    write(parser, "#!/bin/sh\nflock -s %s true\nexec %s \"$@\"\n" % (hold, world.tree.parser),
          0o755)
    write(hold, "", 0o644)
    with open(hold, encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        world.milter.configure({**(settings or {}), "parser": parser})
        world.milter.restart()
        yield
