# SPDX-License-Identifier: MIT
"""How passwords that come in clear are hashed: each scheme, and a login with it."""

import tap
from harness import World

SCHEMES = (
    ("sha512", "{CRYPT}$6$", "{CRYPT}$6$"),
    ("yescrypt", "{CRYPT}$y$", "{CRYPT}$y$"),
    ("argon2", "{ARGON2}", "{ARGON2}$argon2id$"),
    ("ssha512", "{SSHA512}", "{SSHA512}"))


def user_password(world, address):
    values = world.slapd.entry(address, ("userPassword",))["userpassword"]
    tap.equal(len(values), 1, "passwords")
    return values[0]


@tap.table([("R3.50 %s: ADD and MODIFY, and the login with Dovecot and slapd" % scheme[0], *scheme)
            for scheme in SCHEMES])
def logins(world, name, setting, begins):
    address = "%s@%s" % (name, world.domain)
    world.milter.stop()
    world.milter.configure({"password_scheme": setting})
    world.milter.start()
    row = {"DOMAIN": world.domain, "USER": name, "TYPE": "FULL"}
    for action, password, other in (("ADD", "Frühling-1 " + name, "another"),
                                    ("MODIFY", "Sommer-2 " + name, "Frühling-1 " + name)):
        response = world.ask([dict(row, ACTION=action, PASSWORD=password)])
        tap.contains(response.text, "processed ok")
        value = user_password(world, address)
        tap.equal(value.startswith(begins), True, "%s: %s" % (action, value[:20]))
        tap.absent(value, password, "userPassword")
        tap.equal(world.slapd.login(address, password), True, "slapd: " + action)
        tap.equal(world.slapd.login(address, other), False, "slapd, another: " + action)
        if password.isascii():
            tap.equal(world.can_login(address, password), True, "Dovecot: " + action)
            tap.equal(world.can_login(address, password + "x"), False, "Dovecot, wrong")


@tap.test("R3.50 server is refused at the start: not available yet")
def server(world):
    world.milter.configure({"password_scheme": "server"})
    code, output = world.milter.check()
    tap.equal(code, 78, "exit code")
    tap.contains(output, '"server" is not available yet')


if __name__ == "__main__":
    tap.main(World)
