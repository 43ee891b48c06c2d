# SPDX-License-Identifier: MIT
"""The mail of what is deleted is removed from Dovecot's store by the program that is shipped for it, and
no other mail, whatever breaks."""

import os
import subprocess

import tap
from felt import (BOSS, DOMAIN, SECRET, account, ask, at, has, receives, refused, row, stored,
                  UNKNOWN)
from harness import World, wait_for
from harness.milter import Follow
from harness.process import write

GOING = "going.example"


def homes(world, domain=DOMAIN):
    """The names of all mailboxes that lie in the store."""
    try:
        return sorted(os.listdir(os.path.join(world.dovecot.mail_root, domain)))
    except FileNotFoundError:
        return []


def identifier(world, address):
    return world.entry(address)["batchloadmailboxid"][0]


def waits(world):
    done = subprocess.run([world.tree.command, "-c", world.milter.conf, "queue"], check=True,
                          capture_output=True, text=True, timeout=60)
    return "RemoveMailStore" in done.stdout


def end(world, *rows):
    """Deletes; by the answer the mail has gone, too."""
    for address in list(world._mailboxes):
        if address[0] != BOSS:
            world._mailboxes.pop(address).close()
    ask(world, list(rows))


@tap.test("R9.68 FULL DELETE and RESOURCE DELETE: their mail is gone with the answer, others' stays")
def removed(world):
    ask(world, [account("ann"), account("ben"), row("ADD RESOURCE room")])
    kept = receives(world, at("ben"), at("ben"))
    for address in (at("ann"), at("room")):
        sent = receives(world, address)
        tap.equal(stored(world, address, sent), 1, "mail of " + address)
    gone = [identifier(world, at("ann")), identifier(world, at("room"))]
    tap.equal(set(gone) <= set(homes(world)), True, "mailboxes before")
    end(world, row("DELETE FULL ann"), row("DELETE RESOURCE room"))
    tap.equal([each for each in homes(world) if any(name in each for name in gone)], [], "what is left")
    tap.equal(has(world, at("ben"), kept), 1, "the mail of another")
    refused(world, at("ann"), UNKNOWN)


@tap.test("R9.68 an address that is given away again keeps its new mail, though the old is removed later")
def given_away(world):
    ask(world, [account("cleo")])
    old = receives(world, at("cleo"), at("cleo"))
    before = identifier(world, at("cleo"))
    world.follow.stop()
    world.reconfigure(dict(world.settings, addon_wait="1s"))
    response = world.ask([row("DELETE FULL cleo"), account("cleo")], sender=BOSS)
    tap.equal(response.results, ["failed", "created"], "results")
    tap.contains(" ".join(response.text.split()), "The change itself is made")
    world._mailboxes.pop((at("cleo"), SECRET)).close()
    new = receives(world, at("cleo"), at("cleo"))
    tap.equal((waits(world), before in homes(world)), (True, True), "the old mail waits")
    world.milter.kill()
    world.milter.start()
    world.follow.start()
    wait_for(lambda: not waits(world), "the removal", 60)
    left = [name for name in homes(world) if before in name]
    tap.equal((left, has(world, at("cleo"), old), has(world, at("cleo"), new)),
              ([], 0, 1), "the old mailbox, the old mail, the new one")
    world.reconfigure(world.settings)


@tap.test("R9.68 a whole domain: the mail of all in it is removed")
def domain(world):
    ask(world, [row("ADD DOMAIN @" + GOING), account("d1", GOING), account("d2", GOING),
                row("ADD RESOURCE d3@" + GOING)])
    receives(world, at("d1", GOING), at("d1", GOING))
    receives(world, at("d2", GOING), at("d2", GOING))
    receives(world, at("d3", GOING))
    tap.equal(len(homes(world, GOING)), 3, "mailboxes")
    end(world, row("DELETE DOMAIN @" + GOING))
    tap.equal(homes(world, GOING), [], "what is left")


@tap.test("R9.68 only checked, or taken back, nothing is removed")
def not_done(world):
    ask(world, [account("eve")])
    sent = receives(world, at("eve"), at("eve"))
    before = homes(world)
    world.ask([row("DELETE FULL eve")], sender=BOSS, mode="check")
    response = world.ask([row("DELETE FULL eve"), row("DELETE FULL nobody")], sender=BOSS, mode="atomic")
    tap.equal(response.results, ["unchanged", "failed"], "atomic")
    # The directory refuses the second row: the first is taken back.
    response = world.ask([row("DELETE FULL eve"), row("MODIFY FULL ben", PHONE="\u00a7")],
                         sender=BOSS, mode="atomic")
    tap.equal(response.results[1], "failed", "atomic")
    tap.equal((homes(world), waits(world)), (before, False), "mailboxes")
    tap.equal(has(world, at("eve"), sent), 1, "mail")


@tap.test("R9.68 nothing but the name of a mailbox is removed, and it can be repeated")
def names(world):
    before = homes(world)
    for words in (("..", DOMAIN, "x"), ("", DOMAIN, "x"), (".", DOMAIN, "x"), ("a/b", DOMAIN, "x"),
                  ("*", DOMAIN, "x"), ("x", "../" + DOMAIN, "x"), ("x", "", "x"), ("x",)):
        done = subprocess.run([world.program, *words], capture_output=True, timeout=60, check=False)
        tap.equal((done.returncode, bool(done.stderr)), (1, True), repr(words))
    for _ in range(2):
        subprocess.run([world.program, "never-was", DOMAIN, "x"], check=True, timeout=60)
    tap.equal(homes(world), before, "mailboxes")


class StoreWorld(World):
    def __init__(self):
        super().__init__(senders="%s allow domains=%s,%s types=%s create_domains=yes\n" % (
            BOSS, DOMAIN, GOING, "FULL,RESOURCE,DOMAIN"))
        self.passwords[BOSS] = SECRET
        self.add_account(BOSS, SECRET)

    def _build(self, milter, settings, senders, sync, slapd_tells):
        folder = self.nursery.path("addons")
        os.makedirs(folder, exist_ok=True)
        os.makedirs(self.nursery.path("f"), exist_ok=True)
        socket = self.nursery.path("f", "sock")
        self.program = self.nursery.path("dovecot", "batchload-remove-mail")
        self.settings = {"addons": folder, "addon_socket": "unix:" + socket, "addon_user": "mail",
                         "addon_wait": "60s", "modify_requires_password": "no"}
        write(folder + "/mail-store.conf",
              'version = 1\nmail_store = "%s"\nseconds = 3600\n' % self.program)
        super()._build(milter, self.settings, senders, sync, slapd_tells)
        os.chmod(self.program, 0o755)
        self.follow = Follow(self.nursery, self.tree, self.milter.conf, socket).start()


if __name__ == "__main__":
    tap.main(StoreWorld)
