# SPDX-License-Identifier: MIT
"""batchload doctor: nothing wrong with what the shipped files make; each thing broken is found."""

import json
import os
import shutil
import subprocess

import tap
from harness import World


def doctor(world, code):
    """{what: (state, words)}; the command must end with code, a number or several."""
    result = subprocess.run(
        [world.tree.command, "-c", world.milter.conf, "doctor", "-j",
         "--postfix=" + world.postfix.conf], capture_output=True, text=True, timeout=100,
        check=False)
    found = {}
    for line in result.stdout.splitlines():
        each = json.loads(line)
        tap.equal(each["what"] in found, False, "said twice: " + each["what"])
        found[each["what"]] = (each["state"], each["words"])
    tap.equal(result.returncode, code, result.stdout + result.stderr)
    tap.equal(result.stderr, "", "errors")
    return found


@tap.test("nothing is wrong with an installation from the shipped files")
def well(world):
    found = doctor(world, 0)
    for what, (state, words) in found.items():
        tap.equal(state in ("good", "note"), True, "%s: %s %s" % (what, state, words))
    for what in ("settings", "user", "key", "spool", "senders", "socket", "milter", "action",
                 "transport", "domains", "size", "expansion", "rewriting", "directory", "schema"):
        tap.equal(found[what][0], "good", "%s: %s" % (what, found[what][1]))
    tap.say("; ".join("%s: %s" % (what, words) for what, (state, words) in found.items()
                      if state == "note"))
    text = subprocess.run([world.tree.command, "-c", world.milter.conf, "doctor",
                           "--postfix=" + world.postfix.conf], capture_output=True, text=True,
                          timeout=100, check=False)
    tap.contains(text.stdout, "0 wrong, ")
    tap.absent(text.stdout, world.service_password)


@tap.table([
    ("filter missing", "milter", "smtpd_milters =\n", "never reach"),
    ("action accept", "action", "smtpd_milters = { @SOCKET@, default_action=accept }\n",
     "with their passwords"),
    ("global action accept", "action",
     "smtpd_milters = @SOCKET@\nmilter_default_action = accept\n", "with their passwords"),
    ("transport missing", "transport", "transport_maps =\n", "delivered with its password"),
    ("alias domains asked", "domains", "virtual_alias_domains = $virtual_alias_maps\n",
     "while that is away"),
    ("size default", "size", "message_size_limit = 10240000\n", "more than some 7 MB"),
    ("short expansion", "expansion", "virtual_alias_expansion_limit = 500\n", "for ever"),
])
def postfix(world, what, lines, words):
    path = world.postfix.conf + "/main.cf"
    shutil.copy(path, path + ".good")
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(lines.replace("@SOCKET@", "unix:" + world.milter.socket))
        found = doctor(world, 1)
    finally:
        os.replace(path + ".good", path)
    tap.equal(found[what][0], "wrong", found[what][1])
    tap.contains(found[what][1], words)
    tap.equal([name for name, (state, _) in found.items() if state == "wrong"], [what], "wrong")


@tap.test("notes of settings that bite: rewriting, bare newlines")
def notes(world):
    path = world.postfix.conf + "/main.cf"
    shutil.copy(path, path + ".good")
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write("smtpd_forbid_bare_newline = yes\n"
                       "local_header_rewrite_clients = permit_inet_interfaces\n")
        found = doctor(world, 0)
    finally:
        os.replace(path + ".good", path)
    tap.contains(found["newlines"][1], "bare newline are refused")
    tap.equal(found["newlines"][0], "note", "newlines")
    tap.equal(found["rewriting"][0], "note", "rewriting")


@tap.test("files: key open to others, another's key, socket closed to Postfix, a bad sender table")
def files(world):
    key = world.milter.folder + "/spool.key"
    os.chmod(key, 0o444)
    tap.contains(doctor(world, 1)["key"][1], "open to its group or to others")
    os.chmod(key, 0o400)
    owner = os.stat(key).st_uid
    os.chown(key, 0, 0)
    tap.contains(doctor(world, 1)["key"][1], "chown it to")
    os.chown(key, owner, -1)
    mode = os.stat(world.milter.socket).st_mode & 0o777
    os.chmod(world.milter.socket, 0o600)
    tap.contains(doctor(world, 1)["socket"][1], "Postfix may not write")
    os.chmod(world.milter.socket, mode)
    world.milter.write_senders("a@b.example alow\n")
    tap.equal(doctor(world, 1)["senders"][0], "wrong", "senders")
    world.milter.write_senders("%s allow\n%s allow\n" % (world.admin, world.other_admin))
    doctor(world, 0)


@tap.test("servers away: the daemon, the directory; a wrong password of the service")
def away(world):
    world.milter.kill()
    tap.contains(doctor(world, 1)["socket"][1], "not running")
    world.milter.start()
    world.slapd.kill()
    found = doctor(world, 1)
    tap.equal(found["directory"][0], "wrong", found["directory"][1])
    tap.equal("schema" in found, False, "schema")
    world.slapd.start()
    path = world.milter.folder + "/directory.password"
    with open(path, encoding="utf-8") as file:
        good = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write("another")
    tap.equal(doctor(world, 1)["directory"][0], "wrong", "directory")
    with open(path, "w", encoding="utf-8") as file:
        file.write(good)
    doctor(world, 0)


@tap.test("a bad configuration is told, and the rest looked at all the same")
def configuration(world):
    world.milter.configure({"directory.base": None})
    found = doctor(world, 1)
    tap.equal(found["settings"][0], "wrong", found["settings"][1])
    tap.contains(found["settings"][1], "base in section directory")
    tap.equal(found["socket"][0], "good", found["socket"][1])
    world.milter.configure()
    doctor(world, 0)


@tap.test("a directory without the schema: the attribute that is missing is named")
def schema(world):
    with open(world.tree.policy + "/profiles/default.conf", encoding="utf-8") as file:
        text = file.read()
    profile = world.nursery.path("other.conf")
    with open(profile, "w", encoding="utf-8") as file:
        file.write(text.replace("batchloadChange", "elsewhereChange"))
    world.milter.configure({"profile": profile})
    found = doctor(world, 1)
    tap.equal(found["schema"][0], "wrong", repr(found))
    tap.contains(found["schema"][1], "elsewhereChange")
    world.milter.configure()


if __name__ == "__main__":
    tap.main(World)
