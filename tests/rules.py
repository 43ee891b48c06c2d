# SPDX-License-Identifier: MIT
"""Each rule of doc/requests.md has a test that names it, and tests name no other rules. A rule that
is marked "(not yet)" has a test that the program refuses. tests/README.md has the table; with
--write it is written anew."""

import ast
import os
import re
import sys

import tap

TOP = os.environ.get("top_srcdir", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROOMS = ("lib", "policy", "milter", "cli", "man", "tests")
NO_TESTS = {"tests/tap.py", "tests/rules.py"}
RULE = re.compile(r"\bR\d+\.\d+\b")
# A rule's number as it must not be written, since nothing would find it.
MISWRITTEN = re.compile(r"\b(r\d+\.\d+|[rR] \d+\.\d+|R\d+[,_-]\d+|R\d+\.\d+[a-z])\b")
# What a test of a rule that is still refused says, no further behind the rule's number than this.
REFUSED = re.compile(r"not yet|not available|UNAVAILABLE")
NEAR = 300
BEGIN, END = "<!-- rules: written by tests/rules.py --write -->\n", "<!-- end of rules -->\n"


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def number(rule):
    return [int(part) for part in rule[1:].split(".")]


def rules():
    """{rule: its text} as the contract has them."""
    text = re.split(r"(?m)^- \*\*(R\d+\.\d+)\*\* ", read("doc/requests.md"))
    return {rule: re.split(r"\n(?!  )", words)[0] for rule, words in zip(text[1::2], text[2::2])}


def tests():
    """(path, text) of all that holds tests; the words above a module are no test."""
    for room in ROOMS:
        for name in sorted(os.listdir(os.path.join(TOP, room))):
            path = room + "/" + name
            if path in NO_TESTS or not re.fullmatch(r"(test-.*\.c|.*\.py)", name):
                continue
            text = read(path)
            if name.endswith(".py"):
                words = ast.get_docstring(ast.parse(text), clean=False)
                text = text.replace(words, "", 1) if words else text
            yield path, text


def cited():
    """{rule: paths of the tests that name it}"""
    found = {}
    for path, text in tests():
        for rule in set(RULE.findall(text)):
            found.setdefault(rule, []).append(path)
    return found


# --- promises ---

CITED = re.compile(r"`([\w./-]+)`: ")
PROMISES_MIN = 45  # rows; fewer mean that the table was not found


def rows_of(block):
    """[(what, tests)] of the rows between two marks of tests/README.md."""
    text = re.search(r"(?s)<!-- %s -->\n(.*)<!-- end of %s -->" % (block, block),
                     read("tests/README.md")).group(1)
    rows = re.findall(r"(?m)^\| (.*?) \| (.*) \|$", text)
    return [(what, cell) for what, cell in rows if cell != "tests"]


def assigned(tree):
    """{name: what is assigned or added to it} in a module."""
    found = {}
    for each in ast.walk(tree):
        targets = {ast.Assign: lambda: each.targets, ast.AugAssign: lambda: [each.target]}.get(
            type(each), list)()
        for target in targets:
            if isinstance(target, ast.Name):
                found.setdefault(target.id, []).append(each.value)
    return found


def texts_of(node, names):
    """Every text below a node, and below what the names there stand for, two steps far."""
    below = list(ast.walk(node))
    for _ in range(2):
        spoken = {each.id for each in below if isinstance(each, ast.Name)}
        below += [each for name in spoken for value in names.pop(name, ())
                  for each in ast.walk(value)]
    return [each.value for each in below
            if isinstance(each, ast.Constant) and isinstance(each.value, str)]


def python_names(path):
    """What tests of a file are called."""
    tree, found = ast.parse(read(path)), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in (
                "test", "table") and getattr(getattr(node.func, "value", None), "id", "") == "tap":
            found += texts_of(node, assigned(tree))
    if path == "tests/e2e_table.py":
        found += re.findall(r"(?m)^# (.*)$", read("test-fixtures/hostile/manifest"))
    return found


def names_of(path):
    if path.endswith(".py"):
        return python_names(path)
    return re.findall(r'"((?:[^"\\\n]|\\.)*)"', read(path))


def citations(cell):
    """[(path, words)] of a row's tests."""
    parts = CITED.split(cell)[1:]
    return [(path, words.strip()) for path, all_words in zip(parts[::2], parts[1::2])
            for words in all_words.rstrip("; ").split(" / ")]


def faults_of(rows):
    """What is wrong with the tests that rows name."""
    names, faults = {}, []
    for promise, cell in rows:
        cited_here = citations(cell)
        if not cited_here and "not yet" not in cell:
            faults.append("%s: no test" % promise)
        for path, words in cited_here:
            if not os.path.exists(os.path.join(TOP, path)):
                faults.append("%s: there is no %s" % (promise, path))
                continue
            if path not in names:
                names[path] = names_of(path)
            if not words or not any(words in name for name in names[path]):
                faults.append("%s: %s has no test %r" % (promise, path, words))
    return faults


@tap.test("each promise names tests, and these are there")
def promised(_world):
    rows = rows_of("promises")
    tap.equal(len(rows) >= PROMISES_MIN, True, "%d promises" % len(rows))
    tap.equal(faults_of(rows), [], "promises")


# --- the vocabulary ---

WHITE = "white pages"


def actions_of(text, macros):
    """The actions that an expression of lib/vocabulary.c stands for."""
    found = set(re.findall(r"\bA\((\w+)\)", text))
    for word in re.findall(r"\b[A-Z]+\b", text):
        found |= actions_of(macros[word], macros) if word in macros else set()
    return found


def vocabulary():
    """{TYPE: its actions and columns} as the program has them."""
    text = read("lib/vocabulary.c")
    names = dict(re.findall(r'\[FIELD_(\w+)\] = "(.*)",', read("lib/field.c")))
    macros = dict(re.findall(r"#define ([A-Z]+) (?:\\\s*)?\((.*)\)", re.sub(r" +\\\n *", " ", text)))
    types = re.findall(r'\[TYPE_(\w+)\] = \{"[^"]*", ([^,]+), (?:true|false)\}', text)
    found = {kind: actions_of(each, macros) for kind, each in types}
    for field, takers in re.findall(r"\[FIELD_(\w+)\] = \{(T\([^,]*),", text):
        for kind in re.findall(r"T\((\w+)\)", takers):
            found[kind].add(names[field])
    for kind in re.findall(r"T\((\w+)\)", macros["NAMED"]):
        found[kind].add(WHITE)
    return found


def contract_table():
    """The same as the table of doc/requests.md has it, which has no word on white pages."""
    lines = read("doc/requests.md").partition("\n## 8. ")[2].partition("\n- **")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines
            if line.startswith("| ")]
    found = {}
    for cells in rows[1:]:
        found[cells[0]] = set()
        for head, cell in zip(rows[0][2:], cells[2:]):
            if cell == "yes":
                found[cells[0]] |= set(head.split(", "))
            elif cell:
                found[cells[0]] |= columns_of(cell)
    return found


def columns_of(cell):
    return set(cell.replace("eight ENABLE switches", ", ".join(
        "ENABLE " + name for name in ("MAILINGLISTS", "DOMAINALIASES", "DISTRIBUTIONLISTS", "SPAMFILTERS",
                                      "USERALIASES", "FORWARDS", "AUTORESPONDERS", "WEBACCESS"))).split(", "))


@tap.test("the contract's table of types, actions and columns is what the program has")
def same_vocabulary(_world):
    program = vocabulary()
    tap.equal((len(program), sum(len(each) for each in program.values()) > 90), (13, True),
              "types, and what they have")
    tap.equal(contract_table(), {kind: each - {WHITE} for kind, each in program.items()}, "the contract")


@tap.test("each action and column of each TYPE has tests by which it is felt, and these are there")
def felt(_world):
    rows, told = rows_of("cells"), {}
    for what, _ in rows:
        kind, _, words = what.partition(": ")
        told.setdefault(kind, set()).update(words.split(", "))
    tap.equal(told, vocabulary(), "cells")
    tap.equal(faults_of(rows), [], "tests of cells")


def table():
    lines = ["| rule | tests |", "|---|---|"]
    found = cited()
    for rule in sorted(rules(), key=number):
        lines.append("| %s | %s |" % (rule, ", ".join(found.get(rule, []))))
    return "\n".join(lines) + "\n"


def shown():
    """{rule: paths} as the table has them."""
    text = read("tests/README.md")
    rows = re.findall(r"(?m)^\| (R\d+\.\d+) \| (.*) \|$", text[text.index(BEGIN):text.index(END)])
    return {rule: paths.split(", ") for rule, paths in rows}


def write():
    text = read("tests/README.md")
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    with open(os.path.join(TOP, "tests/README.md"), "w", encoding="utf-8") as file:
        file.write(text[:begin] + table() + text[end:])


@tap.test("the contract is found, and tests of it are")
def found(_world):
    tap.equal(len(rules()) > 90, True, "%d rules" % len(rules()))
    numbers = re.findall(r"(?m)^- \*\*(R\d+\.\d+)\*\*", read("doc/requests.md"))
    tap.equal(sorted(rule for rule in rules() if numbers.count(rule) > 1), [], "numbers used twice")
    tap.equal(len(list(tests())) > 30, True, "%d files" % len(list(tests())))


@tap.test("each rule has a test of its own")
def tested(_world):
    by_rule = cited()
    tap.equal([rule for rule in rules() if rule not in by_rule], [], "rules without a test")


@tap.test("tests name no rules that are not there")
def known(_world):
    contract = rules()
    tap.equal({rule: paths for rule, paths in cited().items() if rule not in contract}, {},
              "no rules")


def others():
    """(path, text) of code and pages, which name rules, too."""
    for room in ROOMS + ("doc", "scripts"):
        for name in sorted(os.listdir(os.path.join(TOP, room))):
            path = room + "/" + name
            if path != "tests/rules.py" and re.fullmatch(r".*\.(c|h|md|in|py|mk)", name):
                yield path, read(path)


@tap.test("code and pages name no rules that are not there, and each as it is written")
def named(_world):
    contract = rules()
    tap.equal([(path, rule) for path, text in others() for rule in sorted(set(RULE.findall(text)))
               if rule not in contract], [], "no rules")
    tap.equal([(path, match.group()) for path, text in others()
               for match in MISWRITTEN.finditer(text)], [], "miswritten")


@tap.test("what is marked (not yet) has a test that it is refused")
def refused(_world):
    texts = [text for _, text in tests()]
    missing = [rule for rule, words in rules().items() if "(not yet)" in words and not any(
        REFUSED.search(text, match.start(), match.start() + NEAR)
        for text in texts for match in re.finditer(r"\b%s\b" % re.escape(rule), text))]
    tap.equal(missing, [], "rules that no test shows to be refused")


@tap.test("tests/README.md names for each rule tests that hold it")
def kept(_world):
    by_rule, contract, rows = cited(), rules(), shown()
    tap.equal(sorted(set(rows) - set(contract), key=number), [], "no rules")
    tap.equal([(rule, path) for rule, paths in rows.items() for path in paths
               if path not in by_rule.get(rule, [])], [], "tests that do not name the rule")
    new = ["%s %s" % (rule, path) for rule in contract for path in by_rule.get(rule, [])
           if path not in rows.get(rule, [])]
    # Several may be at work on tests: what is new is told, and asked for by scripts/check --all.
    if os.environ.get("BATCHLOAD_ALL"):
        tap.equal(new, [], "not in the table (python3 tests/rules.py --write)")
    elif new:
        tap.say("not in the table (python3 tests/rules.py --write): " + ", ".join(new))


class Nothing:
    def __enter__(self):
        return None

    def __exit__(self, *_):
        return None


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        tap.main(Nothing)
