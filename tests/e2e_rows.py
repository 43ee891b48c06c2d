# SPDX-License-Identifier: MIT
"""Every rule of rows (doc/requests.md, section 3), by mail."""

import base64
import hashlib

import tap
from harness import World
from rows import (ASCII, DOMAIN, SECRET, SENTENCES, UNICODE, Case, at, check, failed, failures,
                  print_sentences, row, unchanged, versions)

WIDE, OTHER = "second.example", "otherdomain.example"
CLOSED, MISSING = "closed.example", "nowhere.example"

# Few rows a slice: what a row sees of the earlier ones must not depend on it.
SETTINGS = {"batch_addresses": ["batch_load@ibpmail.example", at("batch")], "slice_rows": 3}

# Administrators: user part (of DOMAIN) and grant.
GRANTS = {
    "wide": "allow domains=%s,%s,%s,%s,%s" % (DOMAIN, WIDE, CLOSED, MISSING, ASCII),
    "none": "allow external=none",
    "forward": "allow external=forward",
    "member": "allow external=member",
    "all": "allow external=all",
    "chief": "allow administrators=yes",
    "adds": "allow actions=ADD,MODIFY",
    "fulls": "allow types=FULL,LIST",
    "few": "allow rows=3",
    "old": "discard",
    "former": "reject Go away",
}

# --- passwords ---

def ssha512(password):
    salt = b"saltsalt"
    digest = hashlib.sha512(password.encode() + salt).digest()
    return "{SSHA512}" + base64.b64encode(digest + salt).decode()


# Of "hashed".
SHA512 = ("{CRYPT}$6$saltsalt$352yHzRExXQhwWiX3qOjcm2uIQBjDSlM.RFJy1UbGIIaZFl5fIYRrueRdHfStRQacfqdv"
          "2cQnBIqwLY6fzWcb/")
ROUNDS = ("{CRYPT}$6$rounds=10000$saltsalt$wTTAFpYFIJv71gi6luAqvPswkWmuF6lxdvdSOqY0e3JKh3HrkwSIRLjbr7"
          "QOi8O8UurnqBUtZR2mFI2z/irNU/")
YESCRYPT = "{CRYPT}$y$j9T$saltsalt$Lec3znygHIlEYH67ASwV2K4USNuFcmSWI2V7.isq00D"
ARGON2 = ("{ARGON2}$argon2i$v=19$m=1024,t=2,p=1$GGb7Lo3bo9sPGCgSwzc4kw$5sQGJG7XkeVeJTD2ZEgvk7AR8H"
          "ZJlT7G6/GPvU+oYF0")
HASHED = [SHA512, SHA512.replace("CRYPT", "crypt"), ROUNDS, YESCRYPT, ARGON2, ssha512("hashed")]


@tap.test("R3.13 R3.14 passwords: clear and hashed ones log in; schemes and costs that are refused")
def passwords(world):
    clear = ["plain word", "; , | \" '", "'=guarded", "=1+1", "-x", "{notahash", "\u00fcber \u20ac",
             "two  blanks", "{}", "x" * 200]
    cases = [Case(row("ADD FULL clear%d" % i, PASSWORD=each), "created")
             for i, each in enumerate(clear)]
    cases += [Case(row("ADD FULL hashed%d" % i, PASSWORD=each), "created")
              for i, each in enumerate(HASHED)]
    refusals = {
        "": "PASSWORD is empty, but TYPE FULL with ACTION ADD needs it.",
        "-": "A lone - empties a field like PHONE; it is no password.",
        "   ": "PASSWORD",
        "a\tb": "The password has a line break, a tab or the like in it, which nobody can type.",
        "x" * 3000: "The password is too long.",
        "{SASL}admin": "Passwords hashed by this scheme are not taken.",
        "{CLEARTEXT}secret": "Passwords hashed by this scheme are not taken.",
        "{SSHA}abc": "Passwords hashed by this scheme are not taken.",
        "{MD5}x": "Passwords hashed by this scheme are not taken.",
        "{CRYPT}abJnggxhB/yWI": "Passwords hashed by this scheme are not taken.",
        "{CRYPT}$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/": "Passwords hashed by this scheme are not",
        "{CRYPT}$2b$05$" + "a" * 53: "Passwords hashed by this scheme are not taken.",
        SHA512[:-1]: "The hashed password does not have the form of its scheme.",
        "{SSHA512}AAAA": "The hashed password does not have the form of its scheme.",
        ROUNDS.replace("10000", "999999999"): "would cost too much work",
        ARGON2.replace("m=1024", "m=4194304"): "would cost too much work at each login.",
        ARGON2.replace("t=2", "t=4000000"): "would cost too much work at each login.",
    }
    cases += [failed(row("ADD FULL refused", PASSWORD=cell), words)
              for cell, words in refusals.items()]
    cases.append(failed(row("MODIFY FULL clear0", TITLE="x"),
                        "PASSWORD is empty, but TYPE FULL with ACTION MODIFY needs it."))
    response = check(world, cases, {at("refused"): None})
    for secret in clear + HASHED + list(refusals):
        if len(secret) > 4 and secret.strip():
            tap.absent(response.decoded, secret.encode(), "response")
            tap.absent(world.log_text(), secret, "log")
    for i, password in enumerate(clear):
        if not password.isascii():
            continue  # imaplib has no way to say it
        tap.equal(world.can_login(at("clear%d" % i), password), True, "login " + repr(password))
    tap.equal(world.slapd.login(at("clear6"), clear[6]), True, "login " + clear[6])
    for i, each in enumerate(HASHED):
        tap.equal(world.can_login(at("hashed%d" % i), "hashed"), True, "login " + each)
        tap.equal(world.can_login(at("hashed%d" % i), each), False, "the hash as password")
    stored = [entry["userpassword"][0] for entry in world.slapd.search(
        "(mail=clear*)", "ou=domains," + world.base).values()]
    tap.equal({value[:10] for value in stored}, {"{CRYPT}$6$"}, "stored")
    tap.equal(len(set(stored)), len(clear), "salts")


# --- white pages ---

FIELDS = {
    "GIVENNAME": ("givenName", "Jane", "Joan"), "SURNAME": ("sn", "Doe", "Roe"),
    "TITLE": ("title", "Dr", "Prof"),
    "DESCRIPTION": ("description", "one\nand more", "two"), "STREET": ("street", "1 A St", "2 B St"),
    "POSTALCODE": ("postalCode", "53113", "10115"), "STATE": ("st", "NRW", "Berlin"),
    "LOCATION": ("l", "Bonn", "K\u00f6ln"), "COUNTRYNAME": ("c", "DE", "FR"),
    "ORGANIZATION": ("o", "Old Ltd", "New Ltd"), "ORGANIZATIONALUNIT": ("ou", "Sales", "Law"),
    "PHONE": ("telephoneNumber", "+49 228 1", "+49 228 2"),
    "FAX": ("facsimileTelephoneNumber", "+49 228 3", "+49 228 4"),
    "MOBILE": ("mobile", "+49 170 1", "+49 170 2"), "INITIALS": ("initials", "JD", "JR"),
    "BUSINESSCATEGORY": ("businessCategory", "gold", "silver"),
    "EMPLOYEETYPE": ("employeeType", "clerk", "boss"),
    "LABELEDURI": ("labeledURI", "https://a.example/ a", "https://b.example/ b"),
    "POBOX": ("postOfficeBox", "1", "2"), "POSTALADDRESS": ("postalAddress", "A$B", "C$D"),
    "HOMEPOSTALADDRESS": ("homePostalAddress", "E$F", "G$H"),
    "REGISTEREDADDRESS": ("registeredAddress", "I$J", "K$L"),
    "HOMEPHONE": ("homePhone", "+49 228 5", "+49 228 6"),
    "ISDNUMBER": ("internationaliSDNNumber", "492285", "492286"),
    "PAGER": ("pager", "+49 228 7", "+49 228 8"), "DEPTNO": ("departmentNumber", "7", "8"),
    "EMPLOYEENUMBER": ("employeeNumber", "9", "10"), "ROOMNUMBER": ("roomNumber", "11", "12"),
    "CARLICENSE": ("carLicense", "BN-A 1", "B-A 2"),
    "SIPADDRESS": ("sipAddress", "sip:a@a.example", "sip:b@a.example"),
}


def white(number):
    return {name: field[number] for name, field in FIELDS.items()}


def stored(number):
    return {field[0].lower(): [field[number]] for field in FIELDS.values()}


# TYPE, what its ADD and MODIFY need beside, and what its ADD needs alone.
KINDS = (("full", "FULL", {"PASSWORD": SECRET}, {}),
         ("forward", "FORWARD", {"MAILFORWARD": "x@elsewhere.example"}, {}),
         ("list", "LIST", {}, {}), ("dlist", "DLIST", {}, {}), ("resource", "RESOURCE", {}, {}),
         ("group", "GROUP", {}, {"MEMBER": "wfull"}),
         ("rooms", "RESOURCEGROUP", {}, {"MEMBER": "wresource"}))


@tap.test("R3.15 R3.18 all 30 white pages, of each TYPE: set, left alone, changed, cleared by -")
def white_pages(world):
    tap.equal(len(FIELDS), 30, "fields")
    check(world, [Case(row("ADD %s w%s" % (kind, name), **more, **new, **white(1)), "created")
                  for name, kind, more, new in KINDS],
          {at("w" + name): dict(stored(1), cn=["Jane Doe"]) for name, *_ in KINDS})
    lists = [kind for kind in KINDS if kind[1] != "FULL"]
    check(world, [Case(row("MODIFY FULL wfull", PASSWORD=SECRET, TITLE=""), "changed")] +
          [unchanged(row("MODIFY %s w%s" % (kind, name), **more, **white(1)),
                     "Everything is already as this row says.") for name, kind, more, _ in lists],
          {at("w" + name): dict(stored(1), cn=["Jane Doe"]) for name, *_ in KINDS})
    check(world, [Case(row("MODIFY %s w%s" % (kind, name), **more, **white(2)), "changed")
                  for name, kind, more, _ in KINDS],
          {at("w" + name): dict(stored(2), cn=["Joan Roe"]) for name, *_ in KINDS})
    cleared = {name: [] for name in stored(1)}
    clear = {name: "-" for name in FIELDS}
    check(world, [Case(row("MODIFY %s w%s" % (kind, name), **more, **clear), "changed")
                  for name, kind, more, _ in KINDS],
          {at("w" + name): dict(cleared, sn=["w" + name], cn=["w" + name]) for name, *_ in KINDS})


@tap.test("R3.16 common name and surname: from the names given, else from USER; kept on MODIFY")
def names(world):
    def person(what, user, **cells):
        return Case(row("%s FULL %s" % (what, user), PASSWORD=SECRET, **cells),
                    "created" if what == "ADD" else "changed")

    check(world, [
        person("ADD", "n1", GIVENNAME="Jane", SURNAME="Doe"),
        person("ADD", "n2", GIVENNAME="Jane"),
        person("ADD", "n3", SURNAME="Doe"),
        person("ADD", "n4"),
        person("ADD", "n5", GIVENNAME="Jane", SURNAME="Doe"),
        person("MODIFY", "n5", TITLE="Dr"),
        person("ADD", "n6", GIVENNAME="Jane", SURNAME="Doe"),
        person("MODIFY", "n6", SURNAME="Roe"),
        person("ADD", "n7", GIVENNAME="Jane", SURNAME="Doe"),
        person("MODIFY", "n7", GIVENNAME="Joan"),
        person("ADD", "n8", GIVENNAME="Jane", SURNAME="Doe"),
        person("MODIFY", "n8", SURNAME="-"),
        person("ADD", "n9", GIVENNAME="Jane", SURNAME="Doe"),
        person("MODIFY", "n9", GIVENNAME="-"),
        person("ADD", "n10", GIVENNAME="-", SURNAME="Doe"),
    ], {at(user): {"givenName": given, "sn": [sn], "cn": [cn]} for user, given, sn, cn in (
        ("n1", ["Jane"], "Doe", "Jane Doe"), ("n2", ["Jane"], "n2", "Jane"),
        ("n3", [], "Doe", "Doe"), ("n4", [], "n4", "n4"), ("n5", ["Jane"], "Doe", "Jane Doe"),
        ("n6", ["Jane"], "Roe", "Jane Roe"), ("n7", ["Joan"], "Doe", "Joan Doe"),
        ("n8", ["Jane"], "n8", "Jane"), ("n9", [], "Doe", "Doe"), ("n10", [], "Doe", "Doe"))})


@tap.test("R3.17 R3.18 values that are refused: our words, and the directory's own")
def refused_values(world):
    kinds = {"COUNTRYNAME": ("Germany", "COUNTRYNAME must be a country's code of two letters."),
             "PHONE": ("\u00a7", 'PHONE "\u00a7": '),
             "FAX": ("+49\u20ac", "FAX"),
             "ISDNUMBER": ("not a number", "ISDNUMBER"),
             "TITLE": ("two\nlines", "TITLE has a line break, a tab or the like in it."),
             "SURNAME": ("x" * 1025, "SURNAME is longer than the limit of 1024 bytes."),
             "DESCRIPTION": ("x" * 4097, "DESCRIPTION is longer than the limit of 4096 bytes."),
             "HOMEPHONE": ("\u00e9", "HOMEPHONE"), "PAGER": ("\u00e9", "PAGER"),
             "MOBILE": ("\u00e9", "MOBILE")}
    cases = [failed(row("ADD FULL value", PASSWORD=SECRET, **{field: value}), words)
             for field, (value, words) in kinds.items()]
    cases += [Case(row("ADD FULL value2", PASSWORD=SECRET, PHONE="+49 1"), "created")]
    cases += [failed(row("MODIFY FULL value2", PASSWORD=SECRET, **{field: value}), words)
              for field, (value, words) in kinds.items()]
    cases += [failed(row("MODIFY FORWARD anyone", MAILFORWARD="-"), "A lone - empties a field like PHONE, but not this one."),
              failed(row("ADD LIST anyone", LIST_MEMBER="-"), "A lone - empties a field like PHONE, but not this one."),
              failed(row("ADD LIST later", LIST_MEMBER=at("value")),
                     "There is no address %s." % at("value")),
              Case(row("ADD LIST later", LIST_MEMBER=at("value2")), "created")]
    response = check(world, cases, {
        at("value"): None, at("value2"): {"telephoneNumber": ["+49 1"]},
        at("later"): {"batchloadMember": [at("value2")]}})
    told = failures(response.text)
    phone = told[3]
    tap.equal((phone["Field"], phone["Value"]), ("PHONE", "\u00a7"), "field and value")
    tap.contains(phone["Reason"], "The value has a form, or characters, that this field does not "
                 "take (the directory says: telephoneNumber: ")
    tap.equal(phone["To do"], "Write the number like +49 228 12345, without other signs.", "To do")


@tap.test("R3.47 white pages: lines, lengths, COUNTRYNAME in capitals")
def white_limits(world):
    lines = ("DESCRIPTION", "STREET", "POSTALADDRESS", "HOMEPOSTALADDRESS", "REGISTEREDADDRESS")
    cases = [Case(row("ADD LIST wl%d" % i, **{field: "one\ntwo"}), "created")
             for i, field in enumerate(lines)]
    cases += [failed(row("ADD LIST wl", **{field: "one\ntwo"}),
                     "%s has a line break, a tab or the like in it." % field)
              for field in FIELDS if field not in lines + ("COUNTRYNAME",)]
    cases += [failed(row("ADD LIST wl", **{field: "x" * 4097}), "%s is longer than the limit" % field)
              for field in FIELDS]
    cases += [Case(row("ADD LIST wl5", DESCRIPTION="x" * 4096, COUNTRYNAME="de"), "created"),
              failed(row("ADD LIST wl", COUNTRYNAME="D1"), "a country's code of two letters")]
    check(world, cases, {at("wl"): None, at("wl5"): {"c": ["DE"], "description": ["x" * 4096]},
                         **{at("wl%d" % i): {FIELDS[field][0]: ["one\ntwo"]}
                            for i, field in enumerate(lines)}})


# --- the directory's state ---

@tap.test("R3.19-R3.28 taken, missing, of another TYPE: told as what it is")
def states(world):
    forward = {"MAILFORWARD": "x@elsewhere.example"}
    password = {"PASSWORD": SECRET}
    check(world, [
        Case(row("ADD FULL s1", **password), "created"),
        Case(row("ADD FORWARD s2", **forward), "created"),
        Case(row("ADD LIST s3"), "created"),
        failed(row("ADD FULL s1", **password), "The address %s is taken: there is a mailbox" %
               at("s1"), "Choose another address, or use MODIFY to change what is there."),
        failed(row("ADD FORWARD s1", **forward), "is taken: there is a mailbox"),
        failed(row("ADD LIST s1"), "is taken: there is a mailbox",
               "Choose another address, or delete what has this one first."),
        failed(row("ADD FULL s2", **password), "is taken: there is a forward"),
        failed(row("ADD FORWARD s2", **forward), "is taken: there is a forward"),
        failed(row("ADD LIST s2", LIST_MEMBER="s1"), "is taken: there is a forward"),
        failed(row("ADD FULL s3", **password), "is taken: there is a list"),
        failed(row("ADD FORWARD s3", **forward), "is taken: there is a list"),
        unchanged(row("ADD LIST s3"), "The list is there already."),
        failed("DELETE FULL s2", "is a forward, not a mailbox.", "write FORWARD as its TYPE"),
        failed("DELETE FORWARD s3", "is a list, not a forward."),
        failed("DELETE LIST s1", "is a mailbox, not a list."),
        failed(row("MODIFY FULL s3", **password), "is a list, not a mailbox."),
        failed(row("MODIFY FORWARD s1", **forward), "is a mailbox, not a forward."),
        failed(row("MODIFY LIST s2", TITLE="x"), "is a forward, not a list."),
        failed("DELETE FULL s0", "There is no mailbox with the address %s." % at("s0")),
        failed("DELETE FORWARD s0", "There is no forward with the address"),
        failed("DELETE LIST s0", "There is no list with the address"),
        failed(row("DELETE LIST s0", LIST_MEMBER="s1"), "There is no list with the address"),
        failed(row("MODIFY FULL s0", **password), "There is no mailbox"),
        failed(row("MODIFY FORWARD s0", **forward), "There is no forward"),
        failed(row("MODIFY LIST s0", TITLE="x"), "There is no list"),
        failed("DELETE FULL thing", "The address %s is not available." % at("thing")),
        failed(row("ADD FULL second", **password), "The address %s is not" % at("second")),
        failed("DELETE FULL second", "The address %s is not available." % at("second")),
        failed(row("ADD LIST thing"), "is not available."),
        failed(row("ADD LIST odd"), "is not available."),
    ], {at("s1"): {"mail": [at("s1")]}, at("s0"): None})


@tap.test("R3.29 members: added twice, removed twice, one bad one; R3.34 they and targets exist")
def members(world):
    x, y = "x@elsewhere.example", "y@elsewhere.example"
    check(world, [
        Case(row("ADD FULL m1", PASSWORD=SECRET), "created"),
        Case(row("ADD FULL m2", PASSWORD=SECRET), "created"),
        Case(row("ADD LIST ml", LIST_MEMBER="m1 %s M1 %s" % (x, at("M1"))), "created"),
        unchanged(row("ADD LIST ml", LIST_MEMBER="m1"), "All of these members are on the list already."),
        unchanged(row("ADD LIST ml", LIST_MEMBER="m1 " + x.upper()), "All of these members are on the list already."),
        Case(row("ADD LIST ml", LIST_MEMBER="m1 m2"), "changed"),
        failed(row("ADD LIST ml", LIST_MEMBER="%s m0" % y), "There is no address %s." % at("m0")),
        failed(row("ADD LIST ml", LIST_MEMBER="%s not..good" % y), "LIST MEMBER"),
        unchanged(row("DELETE LIST ml", LIST_MEMBER="m0"), "None of these members is on the list."),
        Case(row("DELETE LIST ml", LIST_MEMBER="m0 " + x), "changed"),
        unchanged(row("DELETE LIST ml", LIST_MEMBER=x), "None of these members is on the list."),
        failed(row("DELETE LIST ml", LIST_MEMBER="m1 not..good"), "LIST MEMBER"),
        failed(row("ADD LIST ml2", LIST_MEMBER="m1 m0"), "There is no address"),
        failed(row("ADD FORWARD mf", MAILFORWARD="%s %s" % (at("m1"), at("m0"))),
               "There is no address %s." % at("m0"), "Correct the address, or add it in an earlier"),
        Case(row("ADD FORWARD mf", MAILFORWARD=at("m1")), "created"),
        failed(row("MODIFY FORWARD mf", MAILFORWARD=at("m0")), "There is no address"),
        unchanged(row("MODIFY FORWARD mf", MAILFORWARD=at("M1")), "Everything is already as"),
        failed(row("MODIFY LIST ml", LIST_MEMBER="m1"), "LIST MEMBER can't be given with MODIFY.",
               "Use ADD to add members and DELETE to remove them."),
        unchanged(row("MODIFY LIST ml"), "Everything is already as this row says."),
        failed(row("ADD LIST ml", DESCRIPTION="new", LIST_MEMBER=y),
               "The list %s is there already, and this row gives other details" % at("ml"))],
        {at("ml"): {"batchloadMember": [at("m1"), at("m2")]}, at("ml2"): None,
         at("mf"): {"batchloadTarget": [at("m1")]}})


@tap.test("R3.30 rows in the order of the file: each sees what the earlier ones made")
def order(world):
    check(world, [
        failed(row("ADD LIST ol", LIST_MEMBER="o1"), "There is no address %s." % at("o1")),
        Case(row("ADD FULL o1", PASSWORD=SECRET), "created"),
        Case(row("ADD LIST ol", LIST_MEMBER="o1"), "created"),
        Case(row("ADD FORWARD of", MAILFORWARD="%s %s" % (at("o1"), at("ol"))), "created"),
        Case(row("MODIFY FULL o1", PASSWORD=SECRET, TITLE="Dr"), "changed"),
        failed(row("ADD FULL o1", PASSWORD=SECRET), "is taken"),
        Case("DELETE FULL o1", "deleted"),
        failed("DELETE FULL o1", "There is no mailbox"),
        failed(row("ADD LIST ol", LIST_MEMBER="o1"), "There is no address"),
        Case(row("ADD FORWARD o1", MAILFORWARD="x@elsewhere.example"), "created"),
        Case(row("ADD LIST ol", LIST_MEMBER="o1"), "changed"),
        Case(row("ADD LIST ol2"), "created"),
        Case("DELETE LIST ol2", "deleted"),
        Case(row("ADD FULL ol2", PASSWORD=SECRET, TITLE="again"), "created")],
        {at("ol"): {"batchloadMember": [at("o1")]}, at("o1"): {"title": []},
         at("ol2"): {"title": ["again"], "batchloadMember": []}})


@tap.test("R3.20 DELETE: off every list within the grant, and off no other")
def memberships(world):
    world.add_list(at("outside", OTHER), at("lm"), "x@elsewhere.example")
    check(world, [
        Case(row("ADD FULL lm", PASSWORD=SECRET), "created"),
        Case(row("ADD LIST lm1", LIST_MEMBER="lm x@elsewhere.example"), "created"),
        Case(row("ADD LIST lm2@" + WIDE, LIST_MEMBER=at("lm")), "created"),
        Case(row("ADD FORWARD lm3", MAILFORWARD=at("lm1")), "created"),
        Case(row("ADD LIST lm4", LIST_MEMBER="lm1 lm3"), "created"),
        Case(row("ADD ALIAS lma", TARGET=at("lm")), "created"),
        Case(row("ADD LIST lm5", LIST_MEMBER="lma lm x@elsewhere.example"), "created"),
        Case(row("ADD FORWARD lm6", MAILFORWARD=at("lma")), "created"),
        Case("DELETE FULL lm", "deleted"), Case("DELETE LIST lm1", "deleted"),
        Case("DELETE FORWARD lm3", "deleted")],
        {at("lm2", WIDE): {"batchloadMember": []}, at("lm4"): {"batchloadMember": []},
         at("lma"): None, at("lm5"): {"batchloadMember": ["x@elsewhere.example"]},
         at("lm6"): {"batchloadTarget": [at("lma")]},
         at("outside", OTHER): {"batchloadMember": [at("lm"), "x@elsewhere.example"]}},
        sender=at("wide"))


@tap.test("R3.31 upper case and a Unicode domain are one address with their plain form")
def spelling(world):
    check(world, [
        Case(row("ADD FULL Big.User", PASSWORD=SECRET), "created"),
        failed(row("ADD FULL BIG.USER@%s" % DOMAIN.upper(), PASSWORD=SECRET), "is taken"),
        Case(row("ADD FULL Buch@" + UNICODE, PASSWORD=SECRET), "created"),
        failed(row("ADD FULL buch@" + ASCII.upper(), PASSWORD=SECRET),
               "The address buch@%s is taken" % ASCII),
        Case(row("ADD LIST leser@" + UNICODE, LIST_MEMBER="BUCH buch@B\u00dcCHER.example"),
             "created"),
        Case(row("ADD FORWARD buch", MAILFORWARD="Buch@" + UNICODE), "created"),
        failed(row("ADD FULL xx@xn--a.example", PASSWORD=SECRET), "DOMAIN"),
    ], {at("big.user"): {"mail": [at("big.user")]}, at("buch", ASCII): {
        "mail": [at("buch", ASCII)]}, at("leser", ASCII): {
            "batchloadMember": [at("buch", ASCII)]},
        at("buch"): {"batchloadTarget": [at("buch", ASCII)]}}, sender=at("wide"))
    sent, identifier = world.send_plain(at("buch"))
    tap.equal(sent.code, 250, repr(sent))
    world.mailbox(at("buch", ASCII), SECRET).wait("Message-ID", identifier, 30)


# --- what the sender may ---

@tap.test("R3.32 R3.35 R3.48 scope: other domains, hosted here or not, in the same words")
def scope(world):
    cases = []
    for domain in (OTHER, "unknown.example", "sub." + DOMAIN, WIDE, ASCII):
        words = "The domain %s is not one that you manage." % domain
        cases += [failed(row("ADD FULL admin@" + domain, PASSWORD=SECRET), words),
                  failed(row("ADD FULL free@" + domain, PASSWORD=SECRET), words),
                  failed(row("MODIFY FULL admin@" + domain, PASSWORD=SECRET), words),
                  failed("DELETE FULL admin@" + domain, words),
                  failed("DELETE LIST theirlist@" + domain, words),
                  failed(row("ADD LIST theirlist@" + domain, LIST_MEMBER="x@elsewhere.example"),
                         words),
                  failed(row("ADD FORWARD free@" + domain, MAILFORWARD=world.admin), words),
                  failed("DELETE FULL postmaster@" + domain, words)]
    check(world, cases)
    tap.equal(world.slapd.login(world.other_admin, SECRET), False, "login")
    check(world, [
        Case(row("ADD FULL wide1@" + WIDE, PASSWORD=SECRET), "created"),
        Case(row("ADD FORWARD wide2", MAILFORWARD=at("wide1", WIDE)), "created"),
        failed(row("ADD FORWARD wide3", MAILFORWARD=at("wide0", WIDE)), "There is no address"),
        failed(row("ADD FULL wide1@" + OTHER, PASSWORD=SECRET), "is not one that you manage."),
        failed(row("ADD FULL x@" + CLOSED, PASSWORD=SECRET),
               "The domain %s is switched off." % CLOSED),
        failed(row("ADD FULL x@" + MISSING, PASSWORD=SECRET),
               "The domain %s is not set up here." % MISSING)], sender=at("wide"))


HOSTED, STRANGE = "theirs@" + OTHER, "stranger@elsewhere.example"


@tap.test("R3.33 external=: all, none, forward, member; the same words for hosted and strange")
def external(world):
    may = {"all": (True, True), "none": (False, False), "forward": (False, True),
           "member": (True, False), "admin": (True, True)}
    for sender, (forwards, listed) in may.items():
        cases, entries, texts = [], {}, {}
        for name, address in (("hosted", HOSTED), ("absent", "absent@" + OTHER),
                              ("strange", STRANGE)):
            f, l = "x%sf%s" % (sender, name), "x%sl%s" % (sender, name)
            words = "The address %s lies outside the domains that you manage, and you may not %s."
            add, put = row("ADD FORWARD " + f, MAILFORWARD=address), row("ADD LIST " + l,
                                                                         LIST_MEMBER=address)
            cases.append(Case(add, "created") if forwards else failed(
                add, words % (address, "forward to such addresses")))
            cases.append(Case(put, "created") if listed else failed(
                put, words % (address, "put such addresses on lists")))
            entries[at(f)] = {"batchloadTarget": [address]} if forwards else None
            entries[at(l)] = {"batchloadMember": [address]} if listed else None
        response = check(world, cases, entries, sender=at(sender))
        for case, got in zip(cases, response.rows()):
            address = case.row.get("MAILFORWARD") or case.row.get("LIST MEMBER")
            texts.setdefault(case.row["TYPE"], set()).add(
                got["REASON"].replace(address, "ADDRESS"))
        tap.equal({len(each) for each in texts.values()}, {1}, "one wording for all: %r" % texts)
    # Taking one off makes nothing ours.
    check(world, [
        Case(row("DELETE LIST xalllstrange", LIST_MEMBER=STRANGE), "changed"),
        Case("DELETE FORWARD xallfhosted", "deleted"),
        failed(row("MODIFY FORWARD xallfstrange", MAILFORWARD=HOSTED), "lies outside the domains"),
        failed(row("ADD LIST xalllhosted", LIST_MEMBER=STRANGE), "lies outside the domains")],
        {at("xalllstrange"): {"batchloadMember": []}}, sender=at("none"))


@tap.test("R3.36 addresses with a grant of their own; administrators=yes; R3.37 the own address")
def privilege(world):
    words = "is an administrator's, and you may not change those."
    cases = [
        failed(row("MODIFY FULL chief", PASSWORD=SECRET), "The address %s %s" % (at("chief"), words)),
        failed("DELETE FULL chief", words),
        failed(row("MODIFY FULL Wide", PASSWORD=SECRET), words),
        # A grant counts that has no entry yet, and one that only refuses.
        failed(row("ADD FULL coming", PASSWORD=SECRET), words),
        failed(row("ADD FORWARD coming", MAILFORWARD=world.admin), words),
        failed(row("ADD LIST coming"), words),
        failed(row("MODIFY FULL old", PASSWORD=SECRET), words),
    ]
    check(world, cases, {at("coming"): None})
    tap.equal(world.can_login(at("chief"), SECRET), False, "login")
    own = "Of your own address you can only change the password and personal details (name,"
    check(world, [
        Case(row("MODIFY FULL few", PASSWORD="Winter-Sonne-17"), "changed"),
        Case(row("ADD FULL coming", PASSWORD=SECRET), "created"),
        failed("DELETE FULL chief", own),
        Case("DELETE FULL coming", "deleted")], sender=at("chief"))
    world.passwords[at("few")] = "Winter-Sonne-17"
    admin = world.admin.partition("@")[0]
    check(world, [
        failed("DELETE FULL " + admin, own, "with MODIFY."),
        failed(row("ADD FULL " + admin, PASSWORD=SECRET), own),
        failed(row("ADD LIST " + admin), own),
        failed(row("MODIFY FORWARD " + admin, MAILFORWARD="x@elsewhere.example"), own),
        failed(row("DELETE LIST %s" % admin, LIST_MEMBER="x"), own),
        Case(row("MODIFY FULL " + admin, PASSWORD="Fruehling-5", TITLE="Chief"), "changed")],
        {world.admin: {"title": ["Chief"]}})
    tap.equal(world.can_login(world.admin, world.passwords[world.admin]), False, "old password")
    old = world.passwords[world.admin]
    world.passwords[world.admin] = "Fruehling-5"
    world._mailboxes.pop((world.admin, old), None)
    check(world, [Case(row("MODIFY FULL " + admin, PASSWORD="Fruehling-6", TITLE="-"), "changed")],
          {world.admin: {"title": []}})
    world.passwords[world.admin] = "Fruehling-6"


@tap.test("R3.38 reserved addresses and batch addresses are refused")
def reserved(world):
    cases = []
    for user in ("postmaster", "ABUSE", "root", "hostmaster", "Mailer-Daemon"):
        words = "The address %s is reserved." % at(user.lower())
        cases += [failed(row("ADD FULL " + user, PASSWORD=SECRET), words),
                  failed(row("ADD FORWARD " + user, MAILFORWARD=world.admin), words),
                  failed(row("ADD LIST " + user), words), failed("DELETE FULL " + user, words),
                  failed(row("MODIFY FULL " + user, PASSWORD=SECRET), words)]
    words = "The address %s belongs to this service." % at("batch")
    cases += [failed(row("ADD FULL batch", PASSWORD=SECRET), words),
              failed(row("ADD FORWARD Batch", MAILFORWARD=world.admin), words),
              failed("DELETE LIST batch", words),
              Case(row("ADD FORWARD postmaster2", MAILFORWARD=world.admin), "created")]
    check(world, cases)


@tap.test("R3.39 forwards and lists that lead back to themselves or to the service")
def loops(world):
    batch = world.batch_address
    service = "Mail must not be sent on to %s, the address of this service."
    back = "leads back to"
    check(world, [
        failed(row("ADD FORWARD l1", MAILFORWARD=at("L1")), "An address can't forward to itself."),
        failed(row("ADD LIST l1", LIST_MEMBER="l1"), "A list can't be a member of itself."),
        failed(row("ADD FORWARD l1", MAILFORWARD=batch.upper()), service % batch),
        failed(row("ADD LIST l1", LIST_MEMBER=batch), service % batch),
        failed(row("ADD LIST l1", LIST_MEMBER="batch"), service % at("batch")),
        Case(row("ADD FORWARD l1", MAILFORWARD="x@elsewhere.example"), "created"),
        Case(row("ADD FORWARD l2", MAILFORWARD=at("l1")), "created"),
        failed(row("MODIFY FORWARD l1", MAILFORWARD=at("l2")),
               "The address %s leads back to %s, in a circle." % (at("l2"), at("l1"))),
        Case(row("ADD FORWARD l3", MAILFORWARD=at("l2") + " x@elsewhere.example"), "created"),
        failed(row("MODIFY FORWARD l1", MAILFORWARD="y@elsewhere.example " + at("l3")), back),
        failed(row("MODIFY FORWARD l1", MAILFORWARD=at("L1")), "can't forward to itself"),
        Case(row("ADD LIST la", LIST_MEMBER="l3"), "created"),
        Case(row("ADD LIST lb", LIST_MEMBER="la"), "created"),
        failed(row("ADD LIST la", LIST_MEMBER="lb"), back),
        failed(row("ADD LIST la", LIST_MEMBER="la"), "A list can't be a member of itself."),
        failed(row("MODIFY FORWARD l1", MAILFORWARD=at("lb")), back),
        Case(row("DELETE LIST lb", LIST_MEMBER="la"), "changed"),
        Case(row("ADD LIST la", LIST_MEMBER="lb"), "changed"),
        failed(row("ADD FORWARD l4", MAILFORWARD=at("astray")), "The address %s leads on to %s, the "
               "address of this service." % (at("astray"), batch)),
        failed(row("ADD LIST lb", LIST_MEMBER="astray"), "leads on to " + batch)],
        {at("l1"): {"batchloadTarget": ["x@elsewhere.example"]}, at("l4"): None,
         at("la"): {"batchloadMember": [at("l3"), at("lb")]}, at("lb"): {"batchloadMember": []}})


@tap.test("R3.44 a grant's actions, types and rows are kept to")
def grants(world):
    check(world, [
        Case(row("ADD FULL g1", PASSWORD=SECRET), "created"),
        Case(row("MODIFY FULL g1", PASSWORD=SECRET), "changed"),
        failed("DELETE FULL g1", "You may not use the action DELETE."),
        failed(row("DELETE LIST g2", LIST_MEMBER="x"), "You may not use the action DELETE.")],
        {at("g1"): {"mail": [at("g1")]}}, sender=at("adds"))
    check(world, [
        failed(row("ADD FORWARD g3", MAILFORWARD=world.admin),
               "You may not manage addresses of the type FORWARD."),
        Case(row("ADD LIST g4"), "created"), Case("DELETE FULL g1", "deleted")],
        {at("g3"): None}, sender=at("fulls"))
    rows = [row("ADD LIST g%d" % i) for i in range(5, 9)]
    response = world.ask(rows, sender=at("few"))
    tap.contains(response.subject, "not processed")
    tap.contains(response.words, "more than 3 rows, the most that one request of yours")
    tap.equal(world.entry(at("g5")), None, "entry")
    SENTENCES.add(response.text.split("\n\n")[1])
    check(world, [Case(each, "created") for each in rows[:3]], sender=at("few"))


@tap.test("R3.45 a list has at most list_members_max members")
def most_members(world):
    many = ["m%d@elsewhere.example" % i for i in range(1000)]
    check(world, [
        Case(row("ADD LIST big", LIST_MEMBER=" ".join(many[:999])), "created"),
        Case(row("ADD LIST big", LIST_MEMBER=many[999] + " " + many[0]), "changed"),
        failed(row("ADD LIST big", LIST_MEMBER="one-more@elsewhere.example"),
               "The list %s would have 1001 members; at most 1000 are possible." % at("big")),
        Case(row("DELETE LIST big", LIST_MEMBER=" ".join(many[:998])), "changed"),
        failed(row("ADD LIST big2", LIST_MEMBER=" ".join(many + ["one-more@elsewhere.example"])),
               "LIST MEMBER holds more addresses than the limit of 1000 in one cell.")],
        {at("big"): {"batchloadMember": many[998:]}, at("big2"): None})


@tap.test("R3.46 what DELETE does not look at, so that a list of what is there can be sent back")
def deletes(world):
    check(world, [
        Case(row("ADD FULL d1", PASSWORD=SECRET, COUNTRYNAME="DE", TITLE="Dr"), "created"),
        Case(row("ADD FORWARD d2", MAILFORWARD=world.admin), "created"),
        Case(row("ADD LIST d3", LIST_MEMBER="d1"), "created"),
        Case(row("DELETE FULL d1", PASSWORD="{SASL}x", COUNTRYNAME="Germany", TITLE="-"),
             "deleted"),
        Case(row("DELETE FORWARD d2", MAILFORWARD="not an address", PASSWORD=SECRET), "deleted"),
        failed(row("DELETE LIST d3", MAILFORWARD=world.admin), "TYPE LIST takes no MAILFORWARD."),
        failed(row("DELETE FORWARD d2", LIST_MEMBER="d1"), "TYPE FORWARD takes no LIST MEMBER."),
        Case(row("DELETE LIST d3", PASSWORD=SECRET, DESCRIPTION="x"), "deleted")],
        {at("d1"): None, at("d2"): None, at("d3"): None})


@tap.test("R3.40 R3.41 bad rows between good ones: each good one is done, each bad one is told")
def mixed(world):
    cases = []
    for i in range(40):
        cases += [Case(row("ADD FORWARD mix%d" % i, MAILFORWARD=world.admin), "created"),
                  failed(row("ADD FORWARD mix%d" % i, MAILFORWARD=world.admin), "is taken"),
                  failed("DELETE LIST mix%d" % i, "is a forward, not a list.")]
    response = check(world, cases)
    tap.contains(response.subject, ": processed, 80 of 120 rows failed")
    tap.contains(response.text, "Created: 40\n")
    again = response.rows("batchload.csv")
    tap.equal([(each["USER"], each["ACTION"]) for each in again],
              [("mix%d" % i, action) for i in range(40) for action in ("ADD", "DELETE")],
              "batchload.csv")


@tap.test("R3.13 modify_requires_password = no: an empty cell keeps the password")
def keep_password(world):
    check(world, [Case(row("ADD FULL keep", PASSWORD=SECRET), "created")])
    world.milter.kill()
    world.milter.configure({**SETTINGS, "modify_requires_password": "no"})
    world.milter.start()
    check(world, [
        Case(row("MODIFY FULL keep", TITLE="Dr"), "changed"),
        failed(row("ADD FULL keep2"), "PASSWORD is empty, but TYPE FULL with ACTION ADD needs it.")],
        {at("keep"): {"title": ["Dr"]}})
    tap.equal(world.can_login(at("keep"), SECRET), True, "login")
    check(world, [unchanged(row("MODIFY FULL keep", TITLE="Dr"), "Everything is already as"),
                  Case(row("MODIFY FULL keep", PASSWORD="Winter-Sonne-17"), "changed")])
    tap.equal(world.can_login(at("keep"), "Winter-Sonne-17"), True, "login")
    tap.equal(world.can_login(at("keep"), SECRET), False, "login with the old one")


@tap.test("no password of a file, clear or hashed, is in the log or in the spool's files")
def secrets(world):
    for secret in (SECRET, "Winter-Sonne-17", "Fruehling-5", SHA512):
        tap.absent(world.log_text(), secret, "log")
        world.search_spool(secret)
    print_sentences()


class RowsWorld(World):
    """With more domains and administrators, and entries that other hands have made."""

    def __init__(self):
        senders = "".join("%s %s\n" % (at(user), grant) for user, grant in GRANTS.items())
        super().__init__(settings=SETTINGS,
                         senders=senders + at("coming") + " allow\n" +
                         "plain.example allow domains=plain.example\n")
        try:
            self._entries()
        except BaseException:
            self.close()
            raise

    def _entries(self):
        ldif = [self.slapd.domain_ldif(domain) for domain in (WIDE, ASCII)]
        ldif.append(self.slapd.domain_ldif(CLOSED) + "batchloadEnabled: FALSE\n")
        # Not made by a profile that the service knows.
        ldif.append("dn: %s\nobjectClass: inetOrgPerson\nmail: %s\ncn: thing\nsn: thing\n" % (
            self.slapd.dn(at("thing")), at("thing")))
        # Of an account with two addresses the second is no entry of its own.
        ldif.append("dn: %s\nobjectClass: inetOrgPerson\nobjectClass: batchloadAccount\nmail: %s\n"
                    "mail: %s\ncn: first\nsn: first\n" % (
                        self.slapd.dn(at("first")), at("first"), at("second")))
        ldif.append("dn: cn=odd,%s\nobjectClass: inetOrgPerson\nmail: %s\ncn: odd\nsn: odd\n" % (
            self.slapd.domain_dn(DOMAIN), at("odd")))
        self.slapd.add("\n".join(ldif))
        for user in GRANTS:
            self.passwords[at(user)] = "the password of " + user
            self.add_account(at(user), self.passwords[at(user)])
        self.add_account(at("theirs", OTHER), "theirs")
        self.add_list(at("theirlist", OTHER), at("theirs", OTHER))
        self.add_forward(at("astray"), self.batch_address)


if __name__ == "__main__":
    tap.main(RowsWorld)
