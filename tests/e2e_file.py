# SPDX-License-Identifier: MIT
"""The file (doc/requests.md, section 3): its form, its headline, its lines, what is told of them."""

import tap
from harness import World
from rows import (DOMAIN, HEAD, SECRET, SENTENCES, Case, at, check, check_words, failed, failures,
                  files, print_sentences, row, versions)


def plain(user, separator=";", end="\r\n", head=None):
    return separator.join(head or HEAD + ["MAILFORWARD"]) + end + separator.join(
        [DOMAIN, user, "FORWARD", "ADD", "x@elsewhere.example"]) + end


GOOD_FILES = {
    "R3.1 order and spelling": "mail_forward;Operation;do main;USER-NAME;ty_pe\n"
                               "x@elsewhere.example;add;%s;good1;forward\n" % DOMAIN,
    "R3.2 comma": plain("good2", ","),
    "R3.2 tab": plain("good3", "\t"),
    "R3.2 bar": plain("good4", "|"),
    "R3.2 sep= names it": "sep=|\r\n" + plain("good5", "|"),
    "R3.2 sep=; before ;": "sep=;\r\n" + plain("good6"),
    "R3.3 line ends LF": plain("good7", end="\n"),
    "R3.3 no line end at the end": plain("good8").rstrip(),
    "R3.3 quoted names and cells":
        '"DOMAIN";"USER";"TYPE";"ACTION";"MAILFORWARD";"DESCRIPTION"\n"%s";"good9";"FORWARD";'
        '"ADD";"x@elsewhere.example";"a;b,c ""d""\nline 2 \u00e9"\n' % DOMAIN,
    "R3.4 byte order mark": "\ufeff" + plain("good10"),
    "R3.4 byte order mark and quotes": '\ufeff"DOMAIN"' + plain("good11")[len("DOMAIN"):],
    "R3.5 blank lines": "\n\n" + plain("good12").replace("\r\n", "\r\n\r\n  \r\n;;;;\r\n"),
}


@tap.test("R3.1-R3.5 the file: order and spelling of names, separators, quotes, marks, blanks")
def good_files(world):
    for name, response in files(world, GOOD_FILES).items():
        tap.equal(response.results, ["created"], name + ": " + response.text)
    for number in range(1, len(GOOD_FILES) + 1):
        tap.equal(world.entry(at("good%d" % number))["batchloadtarget"], ["x@elsewhere.example"],
                  "targets of good%d" % number)
    tap.equal(world.entry(at("good9"))["description"], ['a;b,c "d"\nline 2 \u00e9'], "description")


BAD_FILES = {
    "R3.7 a mandatory column is missing": (
        "DOMAIN;USER;TYPE;MAILFORWARD\n%s;bad;FORWARD;x@elsewhere.example\n" % DOMAIN,
        "it lacks mandatory field names (ACTION)", "The first line must hold the names"),
    "R3.7 an unknown column": (
        "DOMAIN;USER;TYPE;ACTION;MAILFORWARD;TITEL\n%s;bad;FORWARD;ADD;x@elsewhere.example;\n"
        % DOMAIN, "Unknown column TITEL; did you mean TITLE?"),
    "R3.7 an unknown column like no other": (
        plain("bad").replace("MAILFORWARD", "SHOESIZE"), "Unknown column SHOESIZE."),
    "R3.7 an attribute": (
        plain("bad").replace("MAILFORWARD", "objectClass"), "Unknown column objectClass"),
    "R3.7 a column given twice": (
        "DOMAIN;USER;TYPE;ACTION;USER NAME\n%s;bad;LIST;ADD;bad\n" % DOMAIN,
        "The column USER is given twice"),
    "R3.7 a column of later": (
        "DOMAIN;USER;TYPE;ACTION;FOLDERS\n%s;bad;LIST;ADD;7\n" % DOMAIN,
        "The column FOLDERS is not available yet."),
    "R3.7 a column without a name": (
        "DOMAIN;USER;TYPE;ACTION;\n%s;bad;LIST;ADD;\n" % DOMAIN, "has no name in the headline"),
    "R3.8 no headline": (
        "%s;bad;FULL;ADD;%s\n%s;bad2;FULL;ADD;%s\n" % (DOMAIN, SECRET, DOMAIN, SECRET),
        "The first line of batchload.csv is no headline",
        "none of the mandatory field names (DOMAIN, USER, TYPE, ACTION)"),
    "R3.12 an open quote": (
        plain("bad") + '%s;bad2;FORWARD;ADD;"x@elsewhere.example\n' % DOMAIN,
        "ends inside a quoted field of the row that begins in line 3"),
    "R3.12 a quote inside a field": (
        plain("bad") + '%s;bad2;FORWARD;ADD;x"y@elsewhere.example\n' % DOMAIN,
        "Line 3 of batchload.csv has a quote inside a field."),
    "R3.4 a NUL": (plain("bad").encode() + b"a\0b;c;d;e;f\n", "batchload.csv is no plain text: line 3 holds a NUL"),
    "R3.4 UTF-16, cut off": (
        plain("bad").encode("utf-16")[:-5], "Line 2 of batchload.csv is not UTF-16"),
    "R3.4 UTF-8 and Windows-1252": (
        plain("bad").encode() + "\u00e4;b;c;d;e\n".encode() + "\u00e4;b;c;d;e\n".encode("cp1252"),
        "Line 4 of batchload.csv is not UTF-8, although the file is up to there"),
    "an empty file": ("", "batchload.csv is empty."),
}


@tap.test("R3.4 R3.7 R3.8 R3.12 files that are refused whole: nothing is applied, no cell echoed")
def bad_files(world):
    before = versions(world)
    answers = files(world, {name: content for name, (content, *_) in BAD_FILES.items()})
    for name, response in answers.items():
        tap.contains(response.subject, ": not processed", name)
        tap.equal(response.files, {}, name + ": attachments")
        text = response.words
        tap.contains(text, "nothing was changed", name)
        for words in BAD_FILES[name][1:]:
            tap.contains(text, words, name)
        SENTENCES.add(response.text.split("\n\n")[1])
        for secret in (SECRET, world.passwords[world.admin], "bad2"):
            tap.absent(response.decoded, secret.encode(), name)
    tap.equal(versions(world), before, "versions")


@tap.test("a headline alone is a request without rows")
def headline_only(world):
    response = world.ask(csv=";".join(HEAD) + "\r\n")
    tap.contains(response.subject, "processed ok")
    tap.equal(response.results, [], "RESULT")


@tap.test("R3.5 R3.6 R3.9 R3.11 ragged rows, blank lines, and the lines they are told by")
def ragged(world):
    text = "\r\n".join([
        "DOMAIN;USER;TYPE;ACTION;PASSWORD;DESCRIPTION;MAILFORWARD",         # 1
        "%s;lines1;FULL;ADD;%s;\"two" % (DOMAIN, SECRET),                   # 2
        "lines\";",                                                         # 3
        "",                                                                 # 4
        ";;;;;;",                                                           # 5
        "%s;short;FULL" % DOMAIN,                                           # 6
        "%s;long;FULL;ADD;%s;x;;%s" % (DOMAIN, SECRET, SECRET),             # 7
        "%s;lines2;FORWARD;ADD;;;" % DOMAIN,                                # 8
        "%s;lines3;FORWARD;ADD;;\"one" % DOMAIN,                            # 9
        "",                                                                 # 10
        "three\";nobody-is-here@%s" % DOMAIN,                               # 11
        "%s;short4;FULL;ADD;%s" % (DOMAIN, SECRET),                         # 12
        "%s;lines4;LIST;ADD;;;" % DOMAIN,                                   # 13
        "%s;moved;FULL;ADD;a;%s;x;y" % (DOMAIN, SECRET),                    # 14
        "%s;FULL;ADD;%s;x" % (DOMAIN, SECRET),                              # 15
        SECRET, ""])                                                        # 16
    response = world.ask(csv=text)
    tap.equal(response.results, ["created", "failed", "failed", "failed", "failed", "failed",
                                 "created"] + ["failed"] * 3, "RESULT")
    told = failures(response.text)
    tap.equal(sorted(told), [6, 7, 8, 9, 12, 14, 15, 16], "lines")
    tap.equal(told[6]["Reason"], "The row has 3 fields, but the headline has 7.", "line 6")
    tap.equal(told[7]["Reason"], "The row has 8 fields, but the headline has 7.", "line 7")
    tap.equal(told[12]["Reason"], "The row has 5 fields, but the headline has 7.", "line 12")
    tap.equal(told[16]["Reason"], "The row has 1 field, but the headline has 7.", "line 16")
    tap.contains(told[8]["Reason"], "MAILFORWARD is empty")
    tap.contains(told[9]["Reason"], "nobody-is-here")
    tap.contains(response.text, "Line 7: long@%s\n" % DOMAIN)
    tap.absent(response.decoded, SECRET.encode(), "response")
    tap.equal(world.entry(at("lines1"))["description"], ["two\r\nlines"], "description")
    check_words(response)


@tap.test("R3.9 R3.10 a row shifted by a separator in its password: nothing after it is echoed")
def shifted(world):
    head = "DOMAIN;USER;PASSWORD;TYPE;ACTION;TITLE\r\n"
    response = world.ask(csv=head + "%s;shift;Som;mer-Regen-42;FULL;ADD\r\n" % DOMAIN)
    tap.equal(response.results, ["failed"], "RESULT")
    told = failures(response.text)[2]
    tap.contains(told["Reason"], "TYPE can't be used as it stands.")
    tap.absent(response.decoded, b"mer-Regen", "response")
    tap.absent(response.decoded, b"Som;", "response")
    tap.equal(world.entry(at("shift")), None, "entry")
    check_words(response)


@tap.test("R3.3 blanks around a password: kept in quotes, else taken off")
def blanks(world):
    head = ";".join(HEAD + ["PASSWORD"]) + "\n"
    response = world.ask(csv=head + '%s;blank1;FULL;ADD;" in quotes "\n'
                         "%s ; blank2 ; FULL ; ADD ; without \n" % (DOMAIN, DOMAIN))
    tap.equal(response.results, ["created", "created"], "RESULT")
    tap.equal(world.can_login(at("blank1"), " in quotes "), True, "login")
    tap.equal(world.can_login(at("blank1"), "in quotes"), False, "login without blanks")
    tap.equal(world.can_login(at("blank2"), "without"), True, "login")


@tap.test("R4.8 cells that a spreadsheet would run: a guard in result.csv, taken off again")
def formulas(world):
    response = check(world, [
        Case(row("ADD LIST formula", DESCRIPTION="=1+1", TITLE="@x", PHONE="+49 228 1"), "created"),
        failed(row("ADD LIST formula", DESCRIPTION="'=2+2", LIST_MEMBER="nobody-is-here"),
               "gives other details")],
        {at("formula"): {"description": ["=1+1"], "title": ["@x"],
                         "telephonenumber": ["+49 228 1"]}})
    again = response.files["batchload.csv"].decode("utf-8-sig")
    tap.contains(again, ";'=2+2;")
    tap.contains(response.files["result.csv"].decode("utf-8-sig"), ";'=1+1;'@x;\"'+49 228 1\";")
    response = world.ask(csv=again.replace("ADD", "MODIFY").replace("nobody-is-here", ""))
    tap.equal(response.results, ["changed"], "RESULT")
    tap.equal(world.entry(at("formula"))["description"], ["=2+2"], "description")


# --- cells by themselves ---

@tap.test("R3.49 TYPE, ACTION, DOMAIN, USER: what is missing or mistyped")
def words(world):
    good = {"MAILFORWARD": "x@elsewhere.example"}
    case = row("ADD FORWARD word", **good)
    check(world, [
        failed({**case, "TYPE": ""}, "TYPE: TYPE is empty. Write FULL, FORWARD, LIST or"),
        failed({**case, "TYPE": "FORWRD"}, "Unknown TYPE; did you mean FORWARD?"),
        failed({**case, "TYPE": "printer"}, 'Unknown TYPE. Write FULL'),
        failed({**case, "TYPE": "mailbox"}, "Unknown TYPE; did you mean FULL?"),
        failed({**case, "ACTION": "create"}, "Unknown ACTION; did you mean ADD?"),
        failed({**case, "TYPE": "ALIAS", "MAILFORWARD": ""},
               "TARGET is empty, but TYPE ALIAS with ACTION ADD needs it."),
        failed({**case, "ACTION": ""},
               "ACTION is empty. Write ADD, DELETE, MODIFY, SUSPEND, RESUME, SHOW or EXPORT."),
        failed({**case, "ACTION": "DELTE"}, "Unknown ACTION; did you mean DELETE?"),
        failed({**case, "ACTION": "import"}, "ACTION IMPORT is not available yet."),
        failed({**case, "DOMAIN": ""}, "DOMAIN is empty."),
        failed({**case, "DOMAIN": "somedomain"}, "The domain is not complete"),
        failed({**case, "DOMAIN": "-a.example"}, "The domain is not written as domains are"),
        failed({**case, "DOMAIN": DOMAIN + "."}, "The domain is not written as domains are"),
        failed({**case, "USER": ""}, "USER is empty."),
        failed({**case, "USER": at("word")}, "can't have the character @ in it"),
        failed({**case, "USER": "a b"}, "has a space in it"),
        failed({**case, "USER": "a..b"}, "can't have the character . in it"),
        failed({**case, "USER": "m\u00fcller"}, "has a letter or sign in it that can't stand there"),
        failed({**case, "USER": "a" * 65}, "longer than 64 characters"),
        failed({**case, "USER": "-word"}, "begins with a hyphen can't be created"),
        Case({**case, "TYPE": "Forward", "ACTION": "add"}, "created"),
        failed(row("ADD FULL cell", PASSWORD=SECRET, MAILFORWARD="~x@elsewhere.example"),
               "Nothing can be removed from what is only created."),
        failed(row("ADD FULL cell", PASSWORD=SECRET, LIST_MEMBER=at("ann")),
               "TYPE FULL takes no LIST MEMBER."),
        failed(row("ADD FORWARD cell", PASSWORD=SECRET, **good), "TYPE FORWARD takes no PASSWORD."),
        failed(row("ADD FORWARD cell", LIST_MEMBER="ann", **good), "TYPE FORWARD takes no LIST MEMBER."),
        failed(row("ADD LIST cell", PASSWORD=SECRET), "TYPE LIST takes no PASSWORD."),
        failed(row("ADD LIST cell", **good), "TYPE LIST takes no MAILFORWARD."),
        failed(row("ADD LIST cell", MEMBER="ann"),
               "Leave MEMBER empty; members of a list stand in LIST MEMBER."),
        failed(row("ADD GROUP cell", LIST_MEMBER="ann"),
               "Leave LIST MEMBER empty; members of a group stand in MEMBER."),
        failed(row("ADD ALIAS cell", **good), "the address of the mailbox stands in TARGET."),
        failed(row("ADD FORWARD cell", TARGET=at("ann")),
               "where mail is forwarded to stands in MAILFORWARD."),
        failed(row("ADD FORWARD cell", MAILFORWARD="+x@b.example"),
               "takes no + or ~ before an address. Name all addresses that mail is to go to"),
        failed(row("ADD FORWARD cell"), "MAILFORWARD is empty, but TYPE FORWARD with ACTION ADD needs it."),
        failed(row("ADD FORWARD cell", MAILFORWARD="x"), "MAILFORWARD must hold whole addresses."),
        failed(row("ADD FORWARD cell", MAILFORWARD="x@b.example,y@b.example"),
               "MAILFORWARD has a comma or a semicolon in it, but addresses are separated by spaces."),
        failed(row("ADD LIST cell", LIST_MEMBER="x@b.example; y@b.example"), "LIST MEMBER has a comma"),
        failed(row("ADD LIST cell", LIST_MEMBER="x@b"), "The domain is not complete"),
    ], {at("word"): {"batchloadTarget": ["x@elsewhere.example"]}, at("cell"): None})


@tap.test("signs that mean something to the directory are literal")
def literal(world):
    users = ["*", "#x", "a=b", "a+b", "?x", "o'hara", "a*b"]
    check(world, [Case(row("ADD FORWARD " + user, MAILFORWARD="x@elsewhere.example",
                           DESCRIPTION=' *)(\\,+"<>;=# '), "created") for user in users] +
          [Case("DELETE FORWARD a*b", "deleted"),
           failed("DELETE FORWARD a(b", "can't have the character ( in it"),
           Case("DELETE FORWARD *", "deleted")],
          {at("a*b"): None})
    left = versions(world)
    for user in users[1:-1]:
        tap.equal(at(user) in left, True, "entry " + user)
    found = world.slapd.search("(mail=%s)" % at("?x"), "ou=domains," + world.base)
    tap.equal(next(iter(found.values()))["description"], [' *)(\\,+"<>;=# '], "description")


@tap.test("no password of a file is in the log or in the spool's files")
def secrets(world):
    for secret in (SECRET, "mer-Regen"):
        tap.absent(world.log_text(), secret, "log")
        world.search_spool(secret)
    print_sentences()


if __name__ == "__main__":
    tap.main(World)
