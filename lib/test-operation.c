/* SPDX-License-Identifier: MIT */
#include "lib/operation.h"

#include "lib/password.h"
#include <string.h>

static const TableLimits limits = {10, 50, 100000, 1000000, NULL};
static const OperationRules rules = {true, PASSWORD_CRYPT_SHA512 | PASSWORD_SSHA512, NULL, NULL};
static const unsigned digits[FIELD_WHITE_COUNT] = {[FIELD_POSTALCODE - FIELD_WHITE_FIRST] = 5};
static const OperationRules lenient = {false, PASSWORD_CRYPT_SHA512 | PASSWORD_SSHA512, digits,
                                       NULL};

typedef struct {
    TableHead *head;
    TableRow *row;
} Parsed;

static Parsed parse(const char *head, const char *line)
{
    g_autofree char *file = g_strdup_printf("%s\n%s\n", head, line);
    g_autoptr(GInputStream) stream = g_memory_input_stream_new_from_data(file, -1, NULL);
    g_autoptr(TableReader) reader = table_reader_new(stream, &limits);
    g_autoptr(GError) error = NULL;
    Parsed parsed = {NULL, NULL};
    Answer answer = table_reader_next(reader, &parsed.row, &error);
    g_assert_no_error(error);
    g_assert_cmpint(answer, ==, ANSWER_YES);
    parsed.head = table_head_from_names((const char *const *)table_reader_head(reader, NULL)->name,
                                        NULL, NULL);
    return parsed;
}

static void append_addresses(GString *out, const char *name, GPtrArray *addresses)
{
    if (!addresses)
        return;
    g_string_append_printf(out, " %s:", name);
    for (unsigned i = 0; i < addresses->len; i++)
        g_string_append_printf(out, "%s%s", i ? "," : "",
                               ((Address *)g_ptr_array_index(addresses, i))->full);
}

static void append_text(GString *out, const char *name, const char *text)
{
    if (text)
        g_string_append_printf(out, " %s:%s", name, text);
}

/* An operation, or why there is none: "field|value|reason|advice", as one line. */
static char *describe(const char *head, const char *line, const OperationRules *with)
{
    Parsed parsed = parse(head, line);
    g_autoptr(TableHead) owned_head = parsed.head;
    g_autoptr(TableRow) row = parsed.row;
    g_autoptr(Outcome) outcome = NULL;
    g_autoptr(Operation) operation = operation_from_row(row, owned_head, with, &outcome);
    GString *out = g_string_new(NULL);
    if (!operation) {
        g_assert_nonnull(outcome);
        g_assert_cmpint(outcome->result, ==, RESULT_FAILED);
        g_assert_nonnull(outcome->reason);
        g_assert_nonnull(strchr(".?", outcome->reason[strlen(outcome->reason) - 1]));
        g_assert_true(outcome->advice && g_str_has_suffix(outcome->advice, "."));
        g_string_printf(out, "%s|%s|%s", outcome->field ? outcome->field : "",
                        outcome->value ? outcome->value : "", outcome->reason);
        /* R4.12: whatever is wrong, a secret is not told. */
        g_assert_null(strstr(out->str, "s3cret"));
        g_assert_null(strstr(outcome->advice, "s3cret"));
        return g_string_free(out, FALSE);
    }
    g_assert_null(outcome);
    g_assert_cmpuint(operation->line, ==, 2);
    g_string_printf(out, "%s %s %s", type_name(operation->type), action_name(operation->action),
                    operation->address->full);
    if (operation->password)
        g_string_append_printf(out, " %s:%s", operation->password_hashed ? "hash" : "password",
                               operation->password);
    if (operation->targets.edit || operation->aliases.edit)
        g_string_append(out, " edit");
    append_addresses(out, "targets", operation->targets.named);
    append_addresses(out, "not", operation->targets.removed);
    append_addresses(out, "aliases", operation->aliases.named);
    append_addresses(out, "not", operation->aliases.removed);
    append_addresses(out, "members", operation->members);
    append_text(out, "name", operation->member_name);
    append_text(out, "domain", operation->target_domain);
    append_text(out, "filter", operation->filter);
    append_text(out, "owner", operation->owner ? operation->owner->full : NULL);
    for (unsigned i = 0; i < FIELD_VALUE_COUNT; i++) {
        if (operation->value[i])
            g_string_append_printf(out, " %s=%s", field_name((Field)(FIELD_VALUE_FIRST + i)),
                                   operation->value[i]);
    }
    return g_string_free(out, FALSE);
}

#define D "DOMAIN;USER;TYPE;ACTION"
#define P D ";PASSWORD"
#define F D ";MAILFORWARD"
#define L D ";LIST MEMBER"
#define W D ";TITLE;PHONE"
#define SHIFTED                                                                                    \
    " can't be used as it stands. It comes after the password and may be a part of it, so "        \
    "nothing after the password is repeated."

/* One row a rule: the headline, the row, and what it becomes. */
static const struct {
    const char *rule, *head, *line, *is;
    bool lenient;
} cases[] = {
    /* TYPE, ACTION */
    {"nine cells", P, "a.de;u;FULL;ADD;s3cret", "FULL ADD u@a.de password:s3cret", 0},
    {"nine cells", D, "a.de;u;FULL;DELETE", "FULL DELETE u@a.de", 0},
    {"nine cells", P, "a.de;u;FULL;MODIFY;s3cret", "FULL MODIFY u@a.de password:s3cret", 0},
    {"nine cells", F, "a.de;u;FORWARD;ADD;x@b.de", "FORWARD ADD u@a.de targets:x@b.de", 0},
    {"nine cells", D, "a.de;u;FORWARD;DELETE", "FORWARD DELETE u@a.de", 0},
    {"nine cells", F, "a.de;u;FORWARD;MODIFY;x@b.de", "FORWARD MODIFY u@a.de targets:x@b.de", 0},
    {"nine cells", L, "a.de;l;LIST;ADD;x@b.de", "LIST ADD l@a.de members:x@b.de", 0},
    {"nine cells", L, "a.de;l;LIST;DELETE;x@b.de", "LIST DELETE l@a.de members:x@b.de", 0},
    {"nine cells", D, "a.de;l;LIST;MODIFY", "LIST MODIFY l@a.de", 0},
    {"letter case", D, "a.de;u;Full;delete", "FULL DELETE u@a.de", 0},
    {"TYPE empty", D, "a.de;u;;ADD", "TYPE||TYPE is empty.", 0},
    {"TYPE mistyped", D, "a.de;u;FULLL;ADD", "TYPE|FULLL|Unknown TYPE; did you mean FULL?", 0},
    {"TYPE unknown", D, "a.de;u;PRINTER;ADD", "TYPE|PRINTER|Unknown TYPE.", 0},
    {"R3.54 TYPE as elsewhere", D, "a.de;u;Mailbox;ADD",
     "TYPE|Mailbox|Unknown TYPE; did you mean FULL?", 0},
    {"R3.54 TYPE as elsewhere", "DOMAIN;USER;PASSWORD;TYPE;ACTION", "a.de;u;s3cret;USER;ADD",
     "TYPE|USER|Unknown TYPE; did you mean FULL?", 0},
    {"ACTION empty", D, "a.de;u;FULL;", "ACTION||ACTION is empty.", 0},
    {"ACTION mistyped", D, "a.de;u;FULL;DELTE", "ACTION|DELTE|Unknown ACTION; did you mean DELETE?",
     0},
    {"R3.54 ACTION as elsewhere", D, "a.de;u;FULL;create",
     "ACTION|create|Unknown ACTION; did you mean ADD?", 0},
    {"R3.54 ACTION as elsewhere", D, "a.de;u;FULL;Remove",
     "ACTION|Remove|Unknown ACTION; did you mean DELETE?", 0},
    {"R3.54 ACTION as elsewhere", D, "a.de;u;FULL;UPDATE",
     "ACTION|UPDATE|Unknown ACTION; did you mean MODIFY?", 0},
    {"R3.49 ACTION of later", D, "a.de;u;FULL;Import",
     "ACTION|Import|ACTION IMPORT is not available yet.", 0},
    {"R8.1 ACTION that the TYPE has not", D, "a.de;u;ALIAS;MODIFY",
     "ACTION|MODIFY|TYPE ALIAS has no ACTION MODIFY.", 0},
    {"R8.1 ACTION that the TYPE has not", D, "a.de;u;GROUP;suspend",
     "ACTION|suspend|TYPE GROUP has no ACTION SUSPEND.", 0},
    {"ACTION unknown", D, "a.de;u;FULL;42", "ACTION|42|Unknown ACTION.", 0},
    /* DOMAIN, USER */
    {"R3.31 lower case", D, "SomeDomain.COM;Bob;FULL;DELETE", "FULL DELETE bob@somedomain.com", 0},
    {"R3.31 Unicode", D, "müller.de;u;FULL;DELETE", "FULL DELETE u@xn--mller-kva.de", 0},
    {"DOMAIN empty", D, ";u;FULL;DELETE", "DOMAIN||DOMAIN is empty.", 0},
    {"DOMAIN incomplete", D, "somedomain;u;FULL;DELETE",
     "DOMAIN|somedomain|The domain is not complete: it needs a form like example.com.", 0},
    {"USER empty", D, "a.de;;FULL;DELETE", "USER||USER is empty.", 0},
    {"USER with an @", D, "a.de;u@a.de;FULL;DELETE",
     "USER|u@a.de|The user part of the address can't have the character @ in it.", 0},
    {"R3.60 hyphen first", P, "a.de;-f;FULL;ADD;s3cret",
     "USER|-f|An address that begins with a hyphen can't be created, since mail servers take no "
     "mail for it.",
     0},
    {"R3.60 hyphen first", F, "a.de;-;FORWARD;ADD;x@b.de",
     "USER|-|An address that begins with a hyphen can't be created, since mail servers take no "
     "mail for it.",
     0},
    {"R3.60 hyphen first", L, "a.de;-f;LIST;ADD;x@b.de",
     "USER|-f|An address that begins with a hyphen can't be created, since mail servers take no "
     "mail for it.",
     0},
    {"R3.60 MODIFY and DELETE", P, "a.de;-f;FULL;MODIFY;s3cret",
     "FULL MODIFY -f@a.de password:s3cret", 0},
    {"R3.60 MODIFY and DELETE", D, "a.de;-f;LIST;DELETE", "LIST DELETE -f@a.de", 0},
    {"R3.60 as a target", F, "a.de;u;FORWARD;ADD;-f@b.de", "FORWARD ADD u@a.de targets:-f@b.de", 0},
    {"R3.60 later hyphen", D, "a.de;a-;LIST;ADD", "LIST ADD a-@a.de", 0},
    {"ragged", P, "a.de;u;FULL;ADD;s3;cret", "||The row has 6 fields, but the headline has 5.", 0},
    {"ragged", P, "a.de", "||The row has 1 field, but the headline has 5.", 0},
    /* What spreadsheets do to cells. */
    {"R3.55 #REF!", W, "a.de;u;LIST;ADD;#REF!;",
     "TITLE|#REF!|TITLE holds an error of your spreadsheet instead of a value.", 0},
    {"R3.55 #NAME? in USER", D, "a.de;#name?;FULL;DELETE",
     "USER|#name?|USER holds an error of your spreadsheet instead of a value.", 0},
    {"R3.55 #N/A in TYPE", D, "a.de;u;#N/A;DELETE",
     "TYPE|#N/A|TYPE holds an error of your spreadsheet instead of a value.", 0},
    {"R3.55 in another language", W, "a.de;u;LIST;ADD;;#BEZUG!",
     "PHONE|#BEZUG!|PHONE holds an error of your spreadsheet instead of a value.", 0},
    {"R3.55 LibreOffice", W, "a.de;u;LIST;ADD;Err:502;",
     "TITLE|Err:502|TITLE holds an error of your spreadsheet instead of a value.", 0},
    {"R3.55 password not told", P, "a.de;u;FULL;ADD;#REF!",
     "PASSWORD||PASSWORD holds an error of your spreadsheet instead of a value.", 0},
    {"R3.55 too narrow", W, "a.de;u;LIST;ADD;;####",
     "PHONE|####|PHONE holds only # signs: your spreadsheet's column was too narrow to show the "
     "value.",
     0},
    {"R3.55 hashes as a password", P, "a.de;u;FULL;ADD;####", "FULL ADD u@a.de password:####", 0},
    {"R3.55 with DELETE not looked at", W, "a.de;u;LIST;DELETE;#REF!;", "LIST DELETE u@a.de", 0},
    {"R3.55 only a part", W, "a.de;u;LIST;ADD;Room #N/A;", "LIST ADD u@a.de TITLE=Room #N/A", 0},
    {"R3.51 exponent", W, "a.de;u;LIST;ADD;;4.9E+11",
     "PHONE|4.9E+11|PHONE was turned into the short form of a long number by your spreadsheet, and "
     "its last digits are lost.",
     0},
    {"R3.51 exponent with a comma", W, "a.de;u;LIST;ADD;;4,91512E+11",
     "PHONE|4,91512E+11|PHONE was turned into the short form of a long number by your spreadsheet, "
     "and its last digits are lost.",
     0},
    {"R3.51 a user of digits", D, "a.de;4.9E+11;FULL;DELETE",
     "USER|4.9E+11|USER was turned into the short form of a long number by your spreadsheet, and "
     "its last digits are lost.",
     0},
    {"R3.51 a password of digits", P, "a.de;u;FULL;ADD;1.23457E+13",
     "PASSWORD||PASSWORD was turned into the short form of a long number by your spreadsheet, and "
     "its last digits are lost.",
     0},
    {"R3.51 no exponent", W, "a.de;u;LIST;ADD;1E5;+49 30 1E+",
     "LIST ADD u@a.de TITLE=1E5 PHONE=+49 30 1E+", 0},
    {"R3.51 DESCRIPTION", D ";DESCRIPTION", "a.de;u;LIST;ADD;4.9E+11",
     "LIST ADD u@a.de DESCRIPTION=4.9E+11", 0},
    {"R3.52 typographic quotes", P, "a.de;u;FULL;ADD;\342\200\234s3cret\342\200\235",
     "PASSWORD||PASSWORD stands in curly quotes, which would be a part of it.", 0},
    {"R3.52 low ones", P, "a.de;u;FULL;ADD;\342\200\236s3cret\342\200\234",
     "PASSWORD||PASSWORD stands in curly quotes, which would be a part of it.", 0},
    {"R3.52 on one side", P, "a.de;u;FULL;ADD;s3cret\342\200\235",
     "FULL ADD u@a.de password:s3cret\342\200\235", 0},
    {"R3.53 leading zero lost", D ";POSTALCODE", "a.de;u;LIST;ADD;1067",
     "POSTALCODE|1067|POSTALCODE has too few digits; spreadsheets take leading zeros away.", true},
    {"R3.53 none lost", D ";POSTALCODE", "a.de;u;LIST;ADD;01067",
     "LIST ADD u@a.de POSTALCODE=01067", true},
    {"R3.53 no number", D ";POSTALCODE", "a.de;u;LIST;ADD;EC1A", "LIST ADD u@a.de POSTALCODE=EC1A",
     true},
    {"R3.53 not by default", D ";POSTALCODE", "a.de;u;LIST;ADD;1067",
     "LIST ADD u@a.de POSTALCODE=1067", 0},
    /* PASSWORD */
    {"R3.13 ADD without column", D, "a.de;u;FULL;ADD",
     "PASSWORD||PASSWORD is empty, but TYPE FULL with ACTION ADD needs it.", 0},
    {"R3.13 ADD", P, "a.de;u;FULL;ADD;",
     "PASSWORD||PASSWORD is empty, but TYPE FULL with ACTION ADD needs it.", 1},
    {"R3.13 MODIFY", P, "a.de;u;FULL;MODIFY;",
     "PASSWORD||PASSWORD is empty, but TYPE FULL with ACTION MODIFY needs it.", 0},
    {"R3.13 MODIFY, not required", P, "a.de;u;FULL;MODIFY;", "FULL MODIFY u@a.de", 1},
    {"R3.14 other scheme", P, "a.de;u;FULL;ADD;{SASL}s3cret", "PASSWORD||*", 0},
    {"R3.14 hash", P,
     "a.de;u;FULL;ADD;{CRYPT}$6$saltsalt$" /* the form alone counts */
     "qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/",
     "FULL ADD u@a.de hash:{CRYPT}$6$saltsalt$"
     "qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/",
     0},
    {"R3.18 lone hyphen", P, "a.de;u;FULL;ADD;-",
     "PASSWORD||A lone - empties a field like PHONE; it is no password.", 0},
    {"password of a formula", P, "a.de;u;FULL;ADD;=s3cret", "FULL ADD u@a.de password:=s3cret", 0},
    {"outer blanks in quotes", P, "a.de;u;FULL;ADD;\" s3cret \"",
     "FULL ADD u@a.de password: s3cret ", 0},
    {"PASSWORD on FORWARD", P ";MAILFORWARD", "a.de;u;FORWARD;ADD;s3cret;x@b.de",
     "PASSWORD||TYPE FORWARD takes no PASSWORD.", 0},
    {"PASSWORD on LIST", P, "a.de;u;LIST;MODIFY;s3cret", "PASSWORD||TYPE LIST takes no PASSWORD.",
     0},
    {"PASSWORD on DELETE", P, "a.de;u;FULL;DELETE;s3cret", "FULL DELETE u@a.de", 0},
    {"PASSWORD on DELETE", P, "a.de;u;LIST;DELETE;s3cret", "LIST DELETE u@a.de", 0},
    /* MAILFORWARD */
    {"several targets", F, "a.de;u;FORWARD;ADD; x@b.de\tY@B.de  x@B.DE ",
     "FORWARD ADD u@a.de targets:x@b.de,y@b.de", 0},
    {"targets by lines", F, "a.de;u;FORWARD;ADD;\"x@b.de\r\ny@b.de\"",
     "FORWARD ADD u@a.de targets:x@b.de,y@b.de", 0},
    {"targets missing", F, "a.de;u;FORWARD;ADD;",
     "MAILFORWARD||MAILFORWARD is empty, but TYPE FORWARD with ACTION ADD needs it.", 0},
    {"targets missing", D, "a.de;u;FORWARD;MODIFY",
     "MAILFORWARD||MAILFORWARD is empty, but TYPE FORWARD with ACTION MODIFY needs it.", 0},
    {"targets of blanks", F, "a.de;u;FORWARD;ADD;\"  \"",
     "MAILFORWARD||MAILFORWARD is empty, but TYPE FORWARD with ACTION ADD needs it.", 0},
    {"bare target", F, "a.de;u;FORWARD;ADD;x@b.de bob",
     "MAILFORWARD|bob|MAILFORWARD must hold whole addresses.", 0},
    {"bad target", F, "a.de;u;FORWARD;ADD;x@b",
     "MAILFORWARD|x@b|The domain is not complete: it needs a form like example.com.", 0},
    {"comma between", F, "a.de;u;FORWARD;ADD;x@b.de,y@b.de",
     "MAILFORWARD|x@b.de,y@b.de|MAILFORWARD has a comma or a semicolon in it, but addresses are "
     "separated by spaces.",
     0},
    {"semicolon between", L, "a.de;l;LIST;ADD;\"bob; eve\"",
     "LIST MEMBER|bob;|LIST MEMBER has a comma or a semicolon in it, but addresses are separated "
     "by spaces.",
     0},
    {"R3.18 lone hyphen", F, "a.de;u;FORWARD;MODIFY;-",
     "MAILFORWARD|-|A lone - empties a field like PHONE, but not this one.", 0},
    {"R3.39 to itself", F, "a.de;u;FORWARD;ADD;x@b.de U@A.de",
     "MAILFORWARD|U@A.de|An address can't forward to itself.", 0},
    {"R8.5 MAILFORWARD on FULL", P ";MAILFORWARD", "a.de;u;FULL;ADD;s3cret;x@b.de y@b.de",
     "FULL ADD u@a.de password:s3cret targets:x@b.de,y@b.de", 0},
    {"R8.5 added and removed", F, "a.de;u;FULL;MODIFY;+x@b.de ~y@b.de +X@b.de",
     "FULL MODIFY u@a.de edit targets:x@b.de not:y@b.de", 1},
    {"R8.5 signs and none", F, "a.de;u;FULL;MODIFY;+x@b.de y@b.de",
     "MAILFORWARD||MAILFORWARD has addresses with + or ~ and others without.", 1},
    {"R8.5 removed from what is new", P ";MAILFORWARD", "a.de;u;FULL;ADD;s3cret;~x@b.de",
     "MAILFORWARD||Nothing can be removed from what is only created.", 0},
    {"R8.5 lone hyphen", F, "a.de;u;FULL;MODIFY;-",
     "MAILFORWARD|-|A lone - empties a field like PHONE, but not this one.", 1},
    {"R8.5 signs are for FULL", F, "a.de;u;FORWARD;MODIFY;+x@b.de",
     "MAILFORWARD|+x@b.de|MAILFORWARD of TYPE FORWARD takes no + or ~ before an address.", 0},
    {"R8.5 signs are for FULL", L, "a.de;l;LIST;ADD;bob ~eve",
     "LIST MEMBER|~eve|LIST MEMBER of TYPE LIST takes no + or ~ before an address.", 0},
    {"R8.5 one that is there is taken off", L, "a.de;l;LIST;DELETE;+x@b.de",
     "LIST DELETE l@a.de members:+x@b.de", 0},
    {"R8.5 a + within is none", F, "a.de;u;FORWARD;ADD;x+y@b.de",
     "FORWARD ADD u@a.de targets:x+y@b.de", 0},
    {"R8.5 ALIAS", D ";ALIAS", "a.de;u;FULL;MODIFY;info sales@b.de",
     "FULL MODIFY u@a.de aliases:info@a.de,sales@b.de", 1},
    {"R8.5 ALIAS", D ";ALIAS", "a.de;u;FULL;MODIFY;+info ~sales",
     "FULL MODIFY u@a.de edit aliases:info@a.de not:sales@a.de", 1},
    {"R8.5 ALIAS of itself", D ";ALIAS", "a.de;u;FULL;MODIFY;u",
     "ALIAS|u|A mailbox can't be an alias of itself.", 1},
    {"R8.2 ALIAS on another TYPE", D ";ALIAS", "a.de;u;LIST;ADD;x",
     "ALIAS|x|TYPE LIST takes no ALIAS.", 0},
    {"MAILFORWARD on LIST", F, "a.de;l;LIST;ADD;x@b.de",
     "MAILFORWARD|x@b.de|TYPE LIST takes no MAILFORWARD.", 0},
    {"MAILFORWARD on LIST DELETE", F, "a.de;l;LIST;DELETE;x@b.de",
     "MAILFORWARD|x@b.de|TYPE LIST takes no MAILFORWARD.", 0},
    {"MAILFORWARD on DELETE", F, "a.de;u;FORWARD;DELETE;x@b.de", "FORWARD DELETE u@a.de", 0},
    {"MAILFORWARD on DELETE", F, "a.de;u;FULL;DELETE;x@b.de", "FULL DELETE u@a.de", 0},
    /* LIST MEMBER */
    {"bare members", L, "a.de;l;LIST;ADD;Bob eve@a.de x@b.de BOB@A.DE",
     "LIST ADD l@a.de members:bob@a.de,eve@a.de,x@b.de", 0},
    {"no members", L, "a.de;l;LIST;ADD;", "LIST ADD l@a.de", 0},
    {"no members", L, "a.de;l;LIST;DELETE;", "LIST DELETE l@a.de", 0},
    {"R3.29 one bad member", L, "a.de;l;LIST;ADD;bob e..ve",
     "LIST MEMBER|e..ve|The user part of the address can't have the character . in it.", 0},
    {"R3.27 MODIFY", L, "a.de;l;LIST;MODIFY;bob",
     "LIST MEMBER|bob|LIST MEMBER can't be given with MODIFY.", 0},
    {"members on FULL", L ";PASSWORD", "a.de;u;FULL;ADD;bob;s3cret",
     "LIST MEMBER|bob|TYPE FULL takes no LIST MEMBER.", 0},
    {"members on FORWARD", F ";LIST MEMBER", "a.de;u;FORWARD;ADD;x@b.de;bob",
     "LIST MEMBER|bob|TYPE FORWARD takes no LIST MEMBER.", 0},
    {"members on FULL DELETE", L, "a.de;u;FULL;DELETE;bob",
     "LIST MEMBER|bob|TYPE FULL takes no LIST MEMBER.", 0},
    {"R3.18 lone hyphen", L, "a.de;l;LIST;DELETE;-",
     "LIST MEMBER|-|A lone - empties a field like PHONE, but not this one.", 0},
    {"R3.39 itself", L, "a.de;l;LIST;ADD;bob l",
     "LIST MEMBER|l|A list can't be a member of itself.", 0},
    {"itself taken out", L, "a.de;l;LIST;DELETE;l", "LIST DELETE l@a.de members:l@a.de", 0},
    /* white pages */
    {"white pages", P ";GIVENNAME;SURNAME;SIPADDRESS", "a.de;u;FULL;ADD;s3cret;Bob;O'Müller;sip:b",
     "FULL ADD u@a.de password:s3cret GIVENNAME=Bob SURNAME=O'Müller SIPADDRESS=sip:b", 0},
    {"R3.18 empty leaves", D ";GIVENNAME;SURNAME", "a.de;l;LIST;MODIFY;;x",
     "LIST MODIFY l@a.de SURNAME=x", 0},
    {"R3.18 hyphen clears", D ";GIVENNAME;COUNTRYNAME", "a.de;l;LIST;MODIFY;-;-",
     "LIST MODIFY l@a.de GIVENNAME= COUNTRYNAME=", 0},
    {"hyphen on ADD is as empty", D ";GIVENNAME", "a.de;l;LIST;ADD;-", "LIST ADD l@a.de", 0},
    {"hyphen written safely", D ";GIVENNAME", "a.de;l;LIST;MODIFY;'-",
     "LIST MODIFY l@a.de "
     "GIVENNAME=",
     0},
    {"not looked at on DELETE", D ";GIVENNAME;COUNTRYNAME", "a.de;u;FULL;DELETE;-;Germany",
     "FULL DELETE u@a.de", 0},
    {"COUNTRYNAME", D ";COUNTRYNAME", "a.de;l;LIST;ADD;de", "LIST ADD l@a.de COUNTRYNAME=DE", 0},
    {"COUNTRYNAME in words", D ";COUNTRYNAME", "a.de;l;LIST;ADD;Germany",
     "COUNTRYNAME|Germany|COUNTRYNAME must be a country's code of two letters.", 0},
    {"COUNTRYNAME of digits", D ";COUNTRYNAME", "a.de;l;LIST;ADD;49",
     "COUNTRYNAME|49|COUNTRYNAME must be a country's code of two letters.", 0},
    {"COUNTRYNAME after a password", P ";COUNTRYNAME", "a.de;u;FULL;ADD;s3cret;Germany",
     "COUNTRYNAME|Germany|COUNTRYNAME must be a country's code of two letters.", 0},
    {"several lines", D ";POSTALADDRESS", "a.de;l;LIST;ADD;\"one\ntwo\"",
     "LIST ADD l@a.de POSTALADDRESS=one\ntwo", 0},
    {"one line", D ";TITLE", "a.de;l;LIST;ADD;\"one\r\nBcc: two\"",
     "TITLE|one??Bcc: two|TITLE has a line break, a tab or the like in it.", 0},
    {"control character", D ";DESCRIPTION", "a.de;l;LIST;ADD;\"a\x1b[2J\"",
     "DESCRIPTION|a?[2J|DESCRIPTION has a character in it that can't be shown.", 0},
    {"special characters are literal", D ";TITLE", "a.de;l;LIST;ADD;\"*()\\,+\"\"<>;=#  \"",
     "LIST ADD l@a.de TITLE=*()\\,+\"<>;=#  ", 0},
    /* shifted by a separator in the password, and of the right length all the same */
    {"shifted TYPE", "DOMAIN;USER;PASSWORD;TYPE;ACTION;PHONE", "a.de;u;pa;s3cret;FULL;ADD",
     "TYPE||TYPE" SHIFTED, 0},
    {"shifted USER", "TYPE;ACTION;PASSWORD;USER;DOMAIN;TITLE", "FULL;ADD;pa;s3cret;u;a.de",
     "DOMAIN||DOMAIN" SHIFTED, 0},
    {"shifted MAILFORWARD", P ";MAILFORWARD;TITLE", "a.de;u;FULL;ADD;pa;s3cret;",
     "MAILFORWARD||MAILFORWARD" SHIFTED, 0},
    {"lone hyphen after a password", P ";MAILFORWARD", "a.de;u;FULL;MODIFY;s3cret;-",
     "MAILFORWARD|-|A lone - empties a field like PHONE, but not this one.", 0},
    {"shifted to the left, TYPE missing", P ";TITLE", "a.de;u;ADD;s3cret;x;y",
     "TYPE||Unknown TYPE.", 0},
    {"shifted to the left, USER missing", "DOMAIN;USER;PASSWORD;TYPE;ACTION",
     "a.de;s3cret;FULL;ADD;", "TYPE||TYPE" SHIFTED, 0},
    {"mistyped, not shifted", "DOMAIN;USER;PASSWORD;TYPE;ACTION", "a.de;u;s3cret;FULLL;ADD",
     "TYPE|FULLL|Unknown TYPE; did you mean FULL?", 0},
    {"of later, not shifted", "DOMAIN;USER;PASSWORD;TYPE;ACTION", "a.de;u;s3cret;FULL;IMPORT",
     "ACTION|IMPORT|ACTION IMPORT is not available yet.", 0},
    /* the types beyond FULL, FORWARD and LIST */
    {"R8.1 DLIST", L, "a.de;l;DLIST;ADD;x@b.de y", "DLIST ADD l@a.de members:x@b.de,y@a.de", 0},
    {"R8.1 SUSPEND", P, "a.de;u;FULL;SUSPEND;s3cret", "FULL SUSPEND u@a.de", 0},
    {"R8.80 SHOW", P, "a.de;u;FULL;SHOW;s3cret", "FULL SHOW u@a.de", 0},
    {"R8.80 EXPORT of a domain", P, "a.de;;DOMAIN;export;", "DOMAIN EXPORT @a.de", 0},
    {"R8.1 EXPORT of a list", P, "a.de;u;LIST;EXPORT;",
     "ACTION|EXPORT|TYPE LIST has no ACTION EXPORT.", 0},
    {"R8.1 RESUME", L, "a.de;l;LIST;resume;x@b.de", "LIST RESUME l@a.de", 0},
    {"R8.6 alias", D ";TARGET", "a.de;info;ALIAS;ADD;Bob", "ALIAS ADD info@a.de targets:bob@a.de",
     0},
    {"R8.6 alias without", D ";TARGET", "a.de;info;ALIAS;ADD;",
     "TARGET||TARGET is empty, but TYPE ALIAS with ACTION ADD needs it.", 0},
    {"R8.6 alias of two", D ";TARGET", "a.de;info;ALIAS;ADD;bob eve",
     "TARGET|bob eve|TARGET holds more than one address.", 0},
    {"R8.6 alias of itself", D ";TARGET", "a.de;info;ALIAS;ADD;info",
     "TARGET|info|An alias can't lead to itself.", 0},
    {"R8.6 alias gone", D ";TARGET", "a.de;info;ALIAS;DELETE;bob", "ALIAS DELETE info@a.de", 0},
    {"R8.7 catch-all", D ";TARGET", "a.de;;CATCHALL;ADD;bob", "CATCHALL ADD @a.de targets:bob@a.de",
     0},
    {"R8.3 catch-all with USER", D ";TARGET", "a.de;u;CATCHALL;ADD;bob",
     "USER|u|TYPE CATCHALL takes no USER.", 0},
    {"R8.3 DOMAIN incomplete", D ";TARGET", "a;;CATCHALL;ADD;bob",
     "DOMAIN|a|The domain is not complete: it needs a form like example.com.", 0},
    {"R8.8 group", D ";MEMBER", "a.de;g;GROUP;ADD;bob eve",
     "GROUP ADD g@a.de members:bob@a.de,eve@a.de", 0},
    {"R8.8 group of nobody", D ";MEMBER", "a.de;g;GROUP;ADD;",
     "MEMBER||MEMBER is empty, but a group is never without members.", 0},
    {"R8.8 group, LIST MEMBER", L, "a.de;g;GROUP;ADD;bob",
     "LIST MEMBER|bob|TYPE GROUP takes no LIST MEMBER.", 0},
    {"R8.8 group, MODIFY", D ";MEMBER", "a.de;g;GROUP;MODIFY;bob",
     "MEMBER|bob|MEMBER can't be given with MODIFY.", 0},
    {"R8.8 members gone", D ";MEMBER", "a.de;g;RESOURCEGROUP;DELETE;car",
     "RESOURCEGROUP DELETE g@a.de members:car@a.de", 0},
    {"R8.9 member's name", L ";MEMBER NAME", "a.de;l;LIST;ADD;x@b.de;Xaver Müller",
     "LIST ADD l@a.de members:x@b.de name:Xaver Müller", 0},
    {"R8.9 name of two", L ";MEMBER NAME", "a.de;l;LIST;ADD;x@b.de y@b.de;Xaver",
     "MEMBER NAME|Xaver|MEMBER NAME is the name of one member, but LIST MEMBER holds 2.", 0},
    {"R8.9 name of nobody", L ";MEMBER NAME", "a.de;l;LIST;ADD;;Xaver",
     "MEMBER NAME|Xaver|MEMBER NAME is the name of one member, but LIST MEMBER is empty.", 0},
    {"R8.9 name on DLIST", L ";MEMBER NAME", "a.de;l;DLIST;ADD;x@b.de;Xaver",
     "MEMBER NAME|Xaver|TYPE DLIST takes no MEMBER NAME.", 0},
    {"R8.10 answer", D ";SUBJECT;MESSAGE", "a.de;u;AUTORESPONDER;ADD;Away;\"Till May.\nBye\"",
     "AUTORESPONDER ADD u@a.de SUBJECT=Away MESSAGE=Till May.\nBye", 0},
    {"R8.10 answer without text", D ";SUBJECT", "a.de;u;AUTORESPONDER;ADD;Away",
     "MESSAGE||MESSAGE is empty, but TYPE AUTORESPONDER with ACTION ADD needs it.", 0},
    {"R8.10 answer emptied", D ";MESSAGE", "a.de;u;AUTORESPONDER;MODIFY;-",
     "MESSAGE|-|A lone - empties a field like PHONE, but not this one.", 0},
    {"R8.20 domain", D ";MAX MAILBOXES;ENABLE FORWARDS;IP;WEB URL",
     "a.de;;DOMAIN;ADD;50;0;2001:DB8::1;https://m.a.de/",
     "DOMAIN ADD @a.de MAX MAILBOXES=50 IP=2001:db8::1 WEB URL=https://m.a.de/ ENABLE FORWARDS=no",
     0},
    {"R8.20 no limit", D ";MAX MAILBOXES", "a.de;;DOMAIN;MODIFY;-1",
     "DOMAIN MODIFY @a.de MAX MAILBOXES=", 0},
    {"R8.20 owner", P ";OWNER", "a.de;;DOMAIN;ADD;s3cret;boss",
     "DOMAIN ADD @a.de password:s3cret owner:boss@a.de", 0},
    {"R8.20 owner without password", D ";OWNER", "a.de;;DOMAIN;ADD;boss",
     "PASSWORD||PASSWORD is empty, but TYPE DOMAIN with an OWNER needs it.", 0},
    {"R8.20 password without owner", P, "a.de;;DOMAIN;ADD;s3cret",
     "PASSWORD||A domain has no PASSWORD; it is that of the new owner's mailbox.", 0},
    {"R8.20 owner elsewhere", P ";OWNER", "a.de;;DOMAIN;ADD;s3cret;boss@b.de",
     "OWNER|boss@b.de|The owner's address lies outside the domain.", 0},
    {"R8.21 further name", D ";TARGET", "b.de;;DOMAINALIAS;ADD;A.de",
     "DOMAINALIAS ADD @b.de domain:a.de", 0},
    {"R8.21 of itself", D ";TARGET", "a.de;;DOMAINALIAS;ADD;A.de",
     "TARGET|A.de|A domain can't be a further name of itself.", 0},
    {"R8.22 filter", D ";FILTER;FILTERTYPE", "a.de;;SPAMFILTER;ADD;Bad@X.de;email",
     "SPAMFILTER ADD @a.de filter:EMAIL:bad@x.de", 0},
    {"R8.22 filter", D ";FILTER;FILTERTYPE", "a.de;;SPAMFILTER;DELETE;.X.de;DOMAIN",
     "SPAMFILTER DELETE @a.de filter:DOMAIN:x.de", 0},
    {"R8.41 IPv4 that is written within IPv6", D ";FILTER", "a.de;;SPAMFILTER;ADD;::ffff:192.0.2.1",
     "SPAMFILTER ADD @a.de filter:IP:192.0.2.1", 0},
    {"R8.22 filter by its form", D ";FILTER", "a.de;;SPAMFILTER;ADD;192.0.2.1",
     "SPAMFILTER ADD @a.de filter:IP:192.0.2.1", 0},
    {"R8.22 filter by its form", D ";FILTER", "a.de;;SPAMFILTER;ADD;@x.de",
     "SPAMFILTER ADD @a.de filter:DOMAIN:x.de", 0},
    {"R8.22 of another form", D ";FILTER;FILTERTYPE", "a.de;;SPAMFILTER;ADD;192.0.2.0/24;IP",
     "FILTER|192.0.2.0/24|FILTER is no IP address.", 0},
    {"R8.22 a network", D ";FILTER", "a.de;;SPAMFILTER;ADD;192.0.2.0/24",
     "FILTER|192.0.2.0/24|FILTER is no mail address, no domain and no IP address.", 0},
    {"R8.22 two filters", D ";FILTER", "a.de;;SPAMFILTER;ADD;x.de y.de",
     "FILTER|x.de y.de|FILTER is no mail address, no domain and no IP address.", 0},
    {"R8.22 all of a domain, as it is not written", D ";FILTER", "a.de;;SPAMFILTER;ADD;*@x.de",
     "FILTER|*@x.de|FILTER can't have the sign * in it.", 0},
    {"R8.22 below a domain, as it is not written", D ";FILTER;FILTERTYPE",
     "a.de;;SPAMFILTER;ADD;*.x.de;DOMAIN", "FILTER|*.x.de|FILTER can't have the sign * in it.", 0},
    {"R8.22 unknown FILTERTYPE", D ";FILTER;FILTERTYPE", "a.de;;SPAMFILTER;ADD;x.de;HOST",
     "FILTERTYPE|HOST|Unknown FILTERTYPE.", 0},
    {"R8.22 no filter", D, "a.de;;SPAMFILTER;ADD", "FILTER||FILTER is empty.", 0},
    /* columns of one value */
    {"R8.4 values of FULL", D ";QUOTA;LANGUAGE;TIMEZONE;ACTIVATED;ENABLE AUTORESPONDER",
     "a.de;u;FULL;MODIFY;0500;de_DE;Europe/Berlin;No;1",
     "FULL MODIFY u@a.de QUOTA=500 LANGUAGE=de_DE TIMEZONE=Europe/Berlin ACTIVATED=no ENABLE "
     "AUTORESPONDERS=yes",
     1},
    {"R8.4 no number", D ";QUOTA", "a.de;u;FULL;MODIFY;1 GB",
     "QUOTA|1 GB|QUOTA must be a whole number above 0.", 1},
    {"R8.4 nothing", D ";QUOTA", "a.de;u;FULL;MODIFY;0",
     "QUOTA|0|QUOTA must be a whole number above 0.", 1},
    {"R8.4 too large", D ";QUOTA", "a.de;u;FULL;MODIFY;1000000001",
     "QUOTA|1000000001|QUOTA is too large a number.", 1},
    {"R8.4 below none", D ";MAX MAILBOXES", "a.de;;DOMAIN;MODIFY;-2",
     "MAX MAILBOXES|-2|MAX MAILBOXES must be a whole number, 0 or above.", 0},
    {"R8.4 emptied", D ";QUOTA", "a.de;u;FULL;MODIFY;-", "FULL MODIFY u@a.de QUOTA=", 1},
    {"R8.4 a switch can't be emptied", D ";ACTIVATED", "a.de;u;FULL;MODIFY;-",
     "ACTIVATED|-|ACTIVATED must be yes or no.", 1},
    {"R8.4 no switch", D ";ACTIVATED", "a.de;u;FULL;MODIFY;maybe",
     "ACTIVATED|maybe|ACTIVATED must be yes or no.", 1},
    {"R8.4 no word", D ";LANGUAGE", "a.de;u;FULL;MODIFY;de DE",
     "LANGUAGE|de DE|LANGUAGE has a blank or another sign in it that can't be there.", 1},
    {"R8.4 no IP", D ";IP", "a.de;;DOMAIN;MODIFY;1.2.3", "IP|1.2.3|IP must be an IP address.", 0},
    {"R8.4 no URL", D ";WEB URL", "a.de;;DOMAIN;MODIFY;m.a.de",
     "WEB URL|m.a.de|WEB URL must be a web address.", 0},
    {"R8.2 QUOTA on LIST", D ";QUOTA", "a.de;l;LIST;MODIFY;5", "QUOTA|5|TYPE LIST takes no QUOTA.",
     0},
    {"R8.2 QUOTA on DELETE", D ";QUOTA", "a.de;l;LIST;DELETE;5", "LIST DELETE l@a.de", 0},
    {"shifted into a number", P ";QUOTA", "a.de;u;FULL;ADD;s3;cret",
     "QUOTA||QUOTA must be a whole number above 0.", 0},
};

static void test_cases(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *is =
            describe(cases[i].head, cases[i].line, cases[i].lenient ? &lenient : &rules);
        g_test_message("%s: %s", cases[i].rule, is);
        gsize length = strlen(cases[i].is);
        /* A star: the words are another room's. */
        if (cases[i].is[length - 1] == '*')
            g_assert_cmpint(strncmp(is, cases[i].is, length - 1), ==, 0);
        else
            g_assert_cmpstr(is, ==, cases[i].is);
    }
}

/* Which cells of a row that is shifted may be told. */
static void test_doubtful(void)
{
    static const struct {
        const char *head, *line, *told;
    } rows[] = {
        {P, "d.de;du;FULL;ADD;s3cret", "11110"},
        {P ";TITLE", "d.de;du;ADD;s3cret;x;", "110001"},
        {P ";TITLE", "d.de;du;FULL;s3cret;x;", "111001"},
        /* to the right: what stands before the password is as it should be */
        {"DOMAIN;USER;PASSWORD;TYPE;ACTION", "d.de;du;s3;cret;FULL", "11000"},
        /* to the left, by one cell or two: nothing is */
        {"DOMAIN;USER;PASSWORD;TYPE;ACTION", "d.de;s3cret;FULL;ADD;", "00000"},
        {"DOMAIN;USER;PASSWORD;TYPE;ACTION", "s3cret;FULL;ADD;;", "00000"},
        {"DOMAIN;USER;PASSWORD;TITLE;TYPE;ACTION", "d.de;s3cret;Dr;FULL;ADD;", "000000"},
        {"DOMAIN;USER;PASSWORD;TYPE;ACTION", "d.de;du;add;FULL;ADD", "11011"},
        {"DOMAIN;USER;PASSWORD;TYPE;ACTION", "d.de;du;x;FULLL;ADD", "11011"},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        Parsed parsed = parse(rows[i].head, rows[i].line);
        g_autoptr(TableHead) head = parsed.head;
        g_autoptr(TableRow) row = parsed.row;
        g_autoptr(GString) told = g_string_new(NULL);
        for (unsigned column = 0; column < head->columns; column++)
            g_string_append_c(told, field_is_secret(head->field[column]) ||
                                            operation_cell_is_doubtful(row, head, column)
                                        ? '0'
                                        : '1');
        g_test_message("%s", rows[i].line);
        g_assert_cmpstr(told->str, ==, rows[i].told);
    }
}

/* Every white page has its place. */
static void test_white(void)
{
    for (unsigned i = FIELD_WHITE_FIRST; i <= FIELD_WHITE_LAST; i++) {
        const char *name = field_name((Field)i), *value = i == FIELD_COUNTRYNAME ? "DE" : "a value";
        g_autofree char *head = g_strdup_printf(D ";%s", name);
        g_autofree char *line = g_strdup_printf("a.de;l;LIST;ADD;%s", value);
        g_autofree char *is = describe(head, line, &rules);
        g_autofree char *expected = g_strdup_printf("LIST ADD l@a.de %s=%s", name, value);
        g_assert_cmpstr(is, ==, expected);
    }
}

static void test_limits(void)
{
    g_autoptr(GString) line = g_string_new("a.de;l;LIST;ADD;");
    for (unsigned i = 0; i < OPERATION_ADDRESSES_MAX; i++)
        g_string_append_printf(line, "m%u ", i);
    g_string_append(line, "m0 m1");
    g_autofree char *most = describe(L, line->str, &rules);
    g_assert_true(g_str_has_prefix(most, "LIST ADD l@a.de members:m0@a.de,m1@a.de,"));
    g_string_append(line, " more");
    g_autofree char *more = describe(L, line->str, &rules);
    g_assert_cmpstr(more, ==,
                    "LIST MEMBER||LIST MEMBER holds more addresses than the limit of 1000 in one "
                    "cell.");
    g_autofree char *text = g_strnfill(1025, 'x');
    g_autofree char *long_line = g_strdup_printf("a.de;l;LIST;ADD;%s", text);
    g_autofree char *said = describe(D ";TITLE", long_line, &rules);
    g_assert_true(g_str_has_suffix(said, "|TITLE is longer than the limit of 1024 bytes."));
    g_autofree char *longer = describe(D ";DESCRIPTION", long_line, &rules);
    g_assert_true(g_str_has_prefix(longer, "LIST ADD l@a.de DESCRIPTION=xxx"));
}

static void test_names(void)
{
    for (unsigned i = 0; i < TYPE_COUNT; i++) {
        ObjectType type;
        g_assert_true(type_find(type_name((ObjectType)i), &type));
        g_assert_cmpuint(type, ==, i);
    }
    for (unsigned i = 0; i < ACTION_COUNT; i++) {
        Action action;
        g_assert_true(action_find(action_name((Action)i), &action));
        g_assert_cmpuint(action, ==, i);
    }
    ObjectType type;
    g_assert_false(type_find("DISTLIST", &type));
    g_assert_false(type_find("", &type));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/operation/rows (R3.13 to R3.31)", test_cases);
    g_test_add_func("/operation/cells of shifted rows (R3.9, R3.10)", test_doubtful);
    g_test_add_func("/operation/white pages (R3.15)", test_white);
    g_test_add_func("/operation/limits", test_limits);
    g_test_add_func("/operation/names", test_names);
    return g_test_run();
}
