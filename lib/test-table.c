/* SPDX-License-Identifier: MIT */
#include "lib/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A stream of bytes that gives at most so many at once, as a pipe may; made over and over from a
 * line where rows is set, so that a large file needs no memory. */
typedef struct {
    GInputStream parent;
    const char *data;
    gsize size, at, step;
    unsigned rows; /* further copies of line after data */
    const char *line;
    GError *failure; /* given at the end instead of it */
} Drip;
typedef struct {
    GInputStreamClass parent;
} DripClass;
GType drip_get_type(void);
G_DEFINE_TYPE(Drip, drip, G_TYPE_INPUT_STREAM)

static gssize drip_read(GInputStream *stream, void *buffer, gsize count, GCancellable *c,
                        GError **error)
{
    Drip *drip = (Drip *)stream;
    (void)c;
    if (drip->at == drip->size && drip->rows) {
        drip->rows--;
        drip->data = drip->line;
        drip->size = strlen(drip->line);
        drip->at = 0;
    }
    if (drip->at == drip->size && drip->failure) {
        g_propagate_error(error, g_error_copy(drip->failure));
        return -1;
    }
    gsize n = MIN(MIN(count, drip->step), drip->size - drip->at);
    memcpy(buffer, drip->data + drip->at, n);
    drip->at += n;
    return (gssize)n;
}

static void drip_class_init(DripClass *class)
{
    ((GInputStreamClass *)class)->read_fn = drip_read;
}

static void drip_init(Drip *drip)
{
    drip->step = G_MAXSIZE;
}

static const TableLimits limits = {
    .rows_max = 5, .columns_max = 8, .field_bytes_max = 40, .bytes_max = 1000};

/* All rows as text: "line/found:cell|cell" and a line end each, then "?" and the line that a note
 * names; an error as its code, '!', and its
 * message. */
static char *read_all(TableReader *reader)
{
    GString *out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    const TableHead *head = table_reader_head(reader, &error);
    Answer answer = ANSWER_UNKNOWN;
    TableRow *row = NULL;
    while (head && (answer = table_reader_next(reader, &row, &error)) == ANSWER_YES) {
        g_autoptr(TableRow) owned G_GNUC_UNUSED = row;
        g_assert_cmpuint(row->columns, ==, head->columns);
        g_string_append_printf(out, "%u/%u:", row->line, row->found);
        for (unsigned i = 0; i < row->columns; i++)
            g_string_append_printf(out, "%s%s", i ? "|" : "", row->cell[i]);
        g_string_append_c(out, '\n');
    }
    if (answer == ANSWER_UNKNOWN) {
        g_assert_true(error && error->domain == TABLE_ERROR);
        g_string_printf(out, "%d!%s", error->code, error->message);
        /* A refused file stays refused. */
        g_assert_cmpint(table_reader_next(reader, &row, NULL), ==, ANSWER_UNKNOWN);
    } else {
        g_assert_cmpint(table_reader_next(reader, &row, NULL), ==, ANSWER_NO);
        const char *note = table_reader_note(reader);
        if (note)
            g_string_append_printf(out, "?%d", atoi(strstr(note, "(line ") + 6));
    }
    return g_string_free(out, FALSE);
}

static char *read_bytes(const char *data, gsize size, gsize step, const TableLimits *with)
{
    g_autoptr(GInputStream) stream = g_object_new(drip_get_type(), NULL);
    Drip *drip = (Drip *)stream;
    drip->data = data;
    drip->size = size;
    drip->step = step;
    g_autoptr(TableReader) reader = table_reader_new(stream, with);
    return read_all(reader);
}

#define HEAD "DOMAIN;USER;TYPE;ACTION\n"
#define S(text) text, sizeof text - 1
#define U16LE "D\0O\0M\0A\0I\0N\0;\0U\0S\0E\0R\0;\0T\0Y\0P\0E\0;\0A\0C\0T\0I\0O\0N\0\n\0"
#define U16BE "\0D\0O\0M\0A\0I\0N\0;\0U\0S\0E\0R\0;\0T\0Y\0P\0E\0;\0A\0C\0T\0I\0O\0N\0\n"

/* One row a rule: the file, and its rows. */
static const struct {
    const char *rule, *file;
    gsize size;
    const char *rows;
} good[] = {
    {"R3.1 headline", S(HEAD "a.de;u;FULL;ADD\n"), "2/4:a.de|u|FULL|ADD\n"},
    {"R3.1 any order, case, blanks", S("action;Type;User_Name;d-o main\nADD;FULL;u;a.de\n"),
     "2/4:ADD|FULL|u|a.de\n"},
    {"R3.2 comma", S("DOMAIN,USER,TYPE,ACTION\na.de,u;v,FULL,ADD\n"), "2/4:a.de|u;v|FULL|ADD\n"},
    {"R3.2 tab", S("DOMAIN\tUSER\tTYPE\tACTION\na.de\tu\t\tADD\n"), "2/4:a.de|u||ADD\n"},
    {"R3.2 bar", S("DOMAIN|USER|TYPE|ACTION\na.de|u|FULL|ADD\n"), "2/4:a.de|u|FULL|ADD\n"},
    {"R3.2 sep=", S("sep=,\r\nDOMAIN,USER,TYPE,ACTION\r\na.de,u,FULL,ADD\r\n"),
     "3/4:a.de|u|FULL|ADD\n"},
    {"R3.2 names in quotes", S("\"DOMAIN\";\"USER\";\"TYPE\";\"ACTION\"\na;u;F;A\n"),
     "2/4:a|u|F|A\n"},
    {"R3.3 no end of line", S(HEAD "a.de;u;FULL;ADD"), "2/4:a.de|u|FULL|ADD\n"},
    {"R3.3 CRLF", S("DOMAIN;USER;TYPE;ACTION\r\na;u;F;A\r\nb;u;F;A\r\n"),
     "2/4:a|u|F|A\n3/4:b|u|F|A\n"},
    {"R3.3 CR", S("DOMAIN;USER;TYPE;ACTION\ra;u;F;A\rb;u;F;A\r"), "2/4:a|u|F|A\n3/4:b|u|F|A\n"},
    {"R3.3 quotes", S(HEAD "\"a;b\";\"say \"\"so\"\"\";F;\"\"\n"), "2/4:a;b|say \"so\"|F|\n"},
    {"R3.3 blanks around cells", S(HEAD " a ; \" u \" ;\tF; A b \n"), "2/4:a| u |F|A b\n"},
    {"R3.3 empty last cell", S(HEAD "a;u;F;\n"), "2/4:a|u|F|\n"},
    {"R3.4 byte order mark", S("\xef\xbb\xbf" HEAD "a;u;F;A\n"), "2/4:a|u|F|A\n"},
    {"R3.4 mark before a quote", S("\xef\xbb\xbf\"DOMAIN\";USER;TYPE;ACTION\na;u;F;A\n"),
     "2/4:a|u|F|A\n"},
    {"R3.4 UTF-8", S(HEAD "müller.de;u;日本;A\n"), "2/4:müller.de|u|日本|A\n"},
    {"R3.4 UTF-16 little", S("\xff\xfe" U16LE "a\0;\0\xfc\0;\0\x42\x30;\0\x3d\xd8\x00\xde\n\0"),
     "2/4:a|\303\274|\343\201\202|\360\237\230\200\n"},
    {"R3.4 UTF-16 big", S("\xfe\xff" U16BE "\0a\0;\0\xfc\0;\x30\x42\0;\xd8\x3d\xde\x00\0\r\0\n"),
     "2/4:a|\303\274|\343\201\202|\360\237\230\200\n"},
    {"R3.4 UTF-16, a line of its own", S("\xff\xfe" U16LE "\"\0a\0\n\0\"\0;\0u\0;\0F\0;\0A\0"),
     "2/4:a\n|u|F|A\n"},
    {"R3.4 Windows-1252", S(HEAD "a;u;F;A\na;M\xfcller;\x80 5;A\x96Z\n"),
     "2/4:a|u|F|A\n3/4:a|M\303\274ller|\342\202\254 5|A\342\200\223Z\n?3"},
    {"R3.4 Windows-1252 at the end", S(HEAD "a;u;F;M\xfc"), "2/4:a|u|F|M\303\274\n?2"},
    {"R3.4 Windows-1252 that looks cut off", S(HEAD "a;u;F;\xc3"), "2/4:a|u|F|\303\203\n?2"},
    {"R3.4 no overlong form", S(HEAD "a;\xc0\xaf;F;A\n"), "2/4:a|\303\200\302\257|F|A\n?2"},
    {"R3.5 blank lines", S("\n \t\n" HEAD "\r\n  \na;u;F;A\n\n\nb;u;F;A\n \n"),
     "6/4:a|u|F|A\n9/4:b|u|F|A\n"},
    {"R3.5 lines of separators", S(HEAD ";;;\na;u;F;A\n;;;;;;\n;\n\"\";;;\nb;u;F;A\n;;;"),
     "3/4:a|u|F|A\n7/4:b|u|F|A\n"},
    {"R3.6 ragged rows", S(HEAD "a;u;F\nb;u;F;A;X\nc;u;F;A\n"),
     "2/3:a|u||\n3/5:b|u||\n4/4:c|u|F|A\n"},
    {"R3.9 a password split in two", S("DOMAIN;USER;PASSWORD;TYPE;ACTION\na;u;se;cret;F;A\n"),
     "2/6:a|u|||\n"},
    {"R3.9 names after the password", S("TYPE;PASSWORD;DOMAIN;USER;ACTION\nF;se;cret;a;u;A\n"),
     "2/6:||||\n"},
    {"R3.9 fields missing before the password",
     S("TYPE;DOMAIN;USER;PASSWORD;ACTION\na;u;secret;A\n"), "2/4:|u|||\n"},
    {"R3.9 fields missing, the password far behind",
     S("DOMAIN;USER;TYPE;ACTION;PASSWORD\na;u;F;secret\n"), "2/4:a|u|||\n"},
    {"R3.11 line breaks in quotes", S(HEAD "a;\"u\nv\r\nw\rx\";F;A\nb;u;F;A\n"),
     "2/4:a|u\nv\r\nw\rx|F|A\n6/4:b|u|F|A\n"},
    {"R3.11 mixed line ends", S(HEAD "a;u;F;A\r\n\r\rb;u;F;A\n\rc;u;F;A"),
     "2/4:a|u|F|A\n5/4:b|u|F|A\n7/4:c|u|F|A\n"},
    {"R4.7 our own columns", S("RESULT;DOMAIN;USER;TYPE;ACTION;REASON\nfailed;a;u;F;A;x\n"),
     "2/6:failed|a|u|F|A|x\n"},
    {"R4.8 one ' before a formula", S(HEAD "'=a;'+u;'-F;'@A\n'x;';''=;\"'\ty\"\n"),
     "2/4:=a|+u|-F|@A\n3/4:'x|'|'=|\ty\n"},
    {"R4.8 in the headline", S("'-DOMAIN;USER;TYPE;ACTION\na;u;F;A\n"), "2/4:a|u|F|A\n"},
    {"R4.8 not in secret columns", S("DOMAIN;USER;TYPE;ACTION;PASSWORD\na;u;F;A;'=x\n"),
     "2/5:a|u|F|A|'=x\n"},
    {"no rows", S(HEAD), ""},
    {"no rows, no line end", S("DOMAIN;USER;TYPE;ACTION"), ""},
    {"rows_max", S(HEAD "a;u;F;A\n\na;u;F;A\n;;;\na;u;F;A\na;u;F;A\na;u;F;A\n"),
     "2/4:a|u|F|A\n4/4:a|u|F|A\n6/4:a|u|F|A\n7/4:a|u|F|A\n8/4:a|u|F|A\n"},
    {"field_bytes_max", S(HEAD "1234567890123456789012345678901234567890;u;F;A\n"),
     "2/4:1234567890123456789012345678901234567890|u|F|A\n"},
};

/* One row a refusal: the file, the code, a part of the message. */
static const struct {
    const char *rule, *file;
    gsize size;
    TableError code;
    const char *says;
} bad[] = {
    {"empty", S(""), TABLE_ERROR_EMPTY, "is empty"},
    {"blank lines only", S("\n\r\n  \n"), TABLE_ERROR_EMPTY, "is empty"},
    {"mark only", S("\xef\xbb\xbf"), TABLE_ERROR_EMPTY, "is empty"},
    {"sep= only", S("sep=;\n"), TABLE_ERROR_EMPTY, "is empty"},
    {"R3.56 xlsx", S("PK\x03\x04\x14\0\x06\0"), TABLE_ERROR_ENCODING, "save it there as CSV"},
    {"R3.56 xls", S("\xd0\xcf\x11\xe0\xa1\xb1"), TABLE_ERROR_ENCODING, "save it there as CSV"},
    {"R3.56 no more than its beginning", S("PK\x03"), TABLE_ERROR_HEADLINE, "no headline"},
    {"R3.4 UTF-16 cut off",
     S("\xff\xfe"
       "D\0O"),
     TABLE_ERROR_ENCODING, "Line 1 of batchload.csv is not UTF-16"},
    {"R3.4 UTF-16 with half a pair",
     S("\xfe\xff"
       "\0a\0\n\xd8\0\0b"),
     TABLE_ERROR_ENCODING, "Line 2 of batchload.csv is not UTF-16"},
    {"R3.4 UTF-16 with a NUL",
     S("\xfe\xff"
       "\0a\0\n\0\0"),
     TABLE_ERROR_ENCODING, "batchload.csv is no plain text: line 2 holds a NUL"},
    {"R3.4 UTF-32",
     S("\xff\xfe\0\0"
       "D\0\0\0"),
     TABLE_ERROR_ENCODING, "batchload.csv is no plain text: line 1 holds a NUL"},
    {"R3.4 UTF-16 without mark", S("D\0O\0"), TABLE_ERROR_ENCODING,
     "batchload.csv is no plain text: line 1 holds"},
    {"R3.4 NUL", S(HEAD "\r\na;u\0;F;A\n"), TABLE_ERROR_ENCODING,
     "batchload.csv is no plain text: line 3 holds a NUL"},
    {"R3.4 NUL at the end", S(HEAD "a;u;F;A\n\0"), TABLE_ERROR_ENCODING,
     "batchload.csv is no plain text: line 3 "},
    {"R3.4 UTF-8, then Windows-1252", S(HEAD "a;M\xc3\xbcller;F;A\na;M\xfcller;F;A\n"),
     TABLE_ERROR_ENCODING,
     "Line 3 of batchload.csv is not UTF-8, although the file is up to there"},
    {"R3.4 a mark of UTF-8, then Windows-1252", S("\xef\xbb\xbf" HEAD "a;M\xfcller;F;A\n"),
     TABLE_ERROR_ENCODING, "Line 2 of batchload.csv is not UTF-8, although"},
    {"R3.4 UTF-8, cut off", S(HEAD "a;M\xc3\xbcller;F;A\na;M\xc3"), TABLE_ERROR_ENCODING,
     "Line 3 of batchload.csv is not UTF-8, although"},
    {"R3.4 neither UTF-8 nor Windows-1252", S(HEAD "a;M\xfcller;F;A\na;M\x8dller;F;A\n"),
     TABLE_ERROR_ENCODING, "Line 3 of batchload.csv holds a byte that is a character neither in"},
    {"R3.4 Windows-1252 with a NUL", S(HEAD "a;M\xfcller;F;A\na;\0;F;A\n"), TABLE_ERROR_ENCODING,
     "batchload.csv is no plain text: line 3 holds a NUL"},
    {"R3.7 doubled column", S("DOMAIN;USER;TYPE;ACTION;USERNAME\n"), TABLE_ERROR_COLUMN,
     "The column USER is given twice"},
    {"R3.7 unknown column", S("DOMAIN;USER;TYPE;ACTION;SURNME\n"), TABLE_ERROR_COLUMN,
     "Unknown column SURNME; did you mean SURNAME?"},
    {"R3.7 unknown column like none", S("DOMAIN;USER;TYPE;ACTION;objectClass\n"),
     TABLE_ERROR_COLUMN, "Unknown column objectClass. Correct"},
    {"R3.7 unknown name made printable", S("DOMAIN;USER;TYPE;ACTION;\"a\tb\"\n"),
     TABLE_ERROR_COLUMN, "Unknown column a?b. "},
    {"R3.7 empty name", S("DOMAIN;USER;TYPE;ACTION;\n"), TABLE_ERROR_COLUMN,
     "Column 5 of batchload.csv has no name"},
    {"R3.7 of a later version", S("DOMAIN;USER;TYPE;ACTION;FOLDERS\n"), TABLE_ERROR_COLUMN,
     "The column FOLDERS is not available yet"},
    {"R3.7 no attribute", S("DOMAIN;USER;TYPE;ACTION;@mail;lang-de\n"), TABLE_ERROR_COLUMN,
     "Unknown column lang-de."},
    {"R3.7 an attribute with an option", S("DOMAIN|USER|TYPE|ACTION|@mail;lang-de\n"),
     TABLE_ERROR_COLUMN, "The column @mail;lang-de is not one that this service takes. Take it"},
    {"R8.15 an attribute twice", S("DOMAIN;USER;TYPE;ACTION;@a;@b;'@A\n"), TABLE_ERROR_COLUMN,
     "The column @A is given twice in the headline of batchload.csv."},
    {"R3.8 mandatory column missing", S("DOMAIN;USER;TYPE;PASSWORD\n"), TABLE_ERROR_HEADLINE,
     "it lacks mandatory field names (ACTION)"},
    {"R3.7 several unknown columns", S("DOMAIN;USER;TYPE;ACTION;KENNWORT;SURNME;;USER\n"),
     TABLE_ERROR_COLUMN,
     "Unknown column KENNWORT. Unknown column SURNME; did you mean SURNAME? Column 7 of "
     "batchload.csv has no name in the headline. The column USER is given twice in the headline of "
     "batchload.csv. Correct these names"},
    {"R3.8 mandatory name misspelt", S("DOMAIN;USER;TYPE;ACTOIN;FIRSTNAME\n"), TABLE_ERROR_HEADLINE,
     "names (ACTION). Column 4 is nearly called ACTION: correct its name. The first line must"},
    {"R3.8 one name may be chance", S("a.de;USER;u;ACTIONS\n"), TABLE_ERROR_HEADLINE,
     "names (DOMAIN, TYPE, ACTION). The first line must"},
    {"R3.8 all in one cell",
     S("\"DOMAIN,USER,TYPE,ACTION,PASSWORD\"\n\"a.de,u,FULL,ADD,secret\"\n"), TABLE_ERROR_HEADLINE,
     "Each line of batchload.csv is one single cell"},
    {"R3.8 a first row in one cell", S("\"a.de,USER,FULL,ADD,secret\"\n"), TABLE_ERROR_HEADLINE,
     "it holds none"},
    {"R3.8 no headline", S("a.de;u;FULL;ADD;secret\n"), TABLE_ERROR_HEADLINE,
     "it holds none of the mandatory field names (DOMAIN, USER, TYPE, ACTION)"},
    {"R3.8 headline in a strange separator", S("DOMAIN:USER:TYPE:ACTION\n"), TABLE_ERROR_HEADLINE,
     "it holds none"},
    {"R3.8 forced separator", S("sep=;\nDOMAIN,USER,TYPE,ACTION\n"), TABLE_ERROR_HEADLINE,
     "one single cell"},
    {"R4.13 no headline, and not UTF-8", S("a;\xc3\xbc\nc;M\xfcller\n"), TABLE_ERROR_ENCODING,
     "Line 2"},
    {"R4.13 no headline, and cut within a character", S("a;\xc3\xbc\nc;d\xc3"),
     TABLE_ERROR_ENCODING, "Line 2"},
    {"R4.13 no headline, and Windows-1252", S("a;b\nc;M\xfcller\n"), TABLE_ERROR_HEADLINE, "none"},
    {"R4.13 unknown column, and no encoding", S("DOMAIN;USER;TYPE;ACTION;X\n\x81\n"),
     TABLE_ERROR_ENCODING, "Line 2"},
    {"R3.7 Windows-1252 in the headline",
     S("DOMAIN;USER;TYPE;ACTION;STRA\xdf"
       "E\n"),
     TABLE_ERROR_COLUMN, "Unknown column STRA\303\237E"},
    {"R4.13 unknown column, beyond ASCII", S("DOMAIN;USER;TYPE;ACTION;X\n\xc3\xbc"),
     TABLE_ERROR_COLUMN, "Unknown column X"},
    {"R3.12 quote in the headline", S("DOMAIN;USER;TY\"PE;ACTION\n"), TABLE_ERROR_QUOTING,
     "(line 1)"},
    {"R3.12 quote inside a field", S(HEAD "a;u;F;A\na;u\"v;F;A\n"), TABLE_ERROR_QUOTING,
     "Line 3 of batchload.csv has a quote inside"},
    {"R3.12 text after a quote", S(HEAD "a;\"u\"v;F;A\n"), TABLE_ERROR_QUOTING, "Line 2"},
    {"R3.12 open quote at the end", S(HEAD "\na;u;F;\"A\n\nb;u;F;A\n"), TABLE_ERROR_QUOTING,
     "row that begins in line 3"},
    {"limit of rows", S(HEAD "a;u;F;A\na;u;F;A\na;u;F;A\na;u;F;A\na;u;F;A\na;u;F;A"),
     TABLE_ERROR_LIMIT, "more than 5 rows (limit rows_max)"},
    {"limit of columns", S("DOMAIN;USER;TYPE;ACTION;SURNAME;TITLE;FAX;PHONE;MOBILE\n"),
     TABLE_ERROR_LIMIT, "more than 8 columns (limit columns_max)"},
    {"limit of fields", S(HEAD "1;2;3;4;5;6;7;8;9\n"), TABLE_ERROR_LIMIT,
     "more than 8 fields (limit columns_max)"},
    {"limit of a field", S(HEAD "12345678901234567890123456789012345678901;u;F;A\n"),
     TABLE_ERROR_LIMIT, "longer than 40 bytes (limit field_bytes_max)"},
};

static void test_good(void)
{
    const gsize steps[] = {G_MAXSIZE, 1, 2, 7};
    for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
        g_test_message("%s", good[i].rule);
        for (unsigned j = 0; j < G_N_ELEMENTS(steps); j++) {
            g_autofree char *rows = read_bytes(good[i].file, good[i].size, steps[j], &limits);
            g_assert_cmpstr(rows, ==, good[i].rows);
        }
    }
}

static void test_bad(void)
{
    const gsize steps[] = {G_MAXSIZE, 1, 3};
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_test_message("%s", bad[i].rule);
        for (unsigned j = 0; j < G_N_ELEMENTS(steps); j++) {
            g_autofree char *said = read_bytes(bad[i].file, bad[i].size, steps[j], &limits);
            g_autofree char *code = g_strdup_printf("%d!", bad[i].code);
            g_assert_true(g_str_has_prefix(said, code));
            if (!strstr(said, bad[i].says))
                g_assert_cmpstr(said, ==, bad[i].says);
            /* R3.8, R4.12: nothing of the file but names of columns. */
            g_assert_null(strstr(said, "secret"));
            g_assert_null(strstr(said, "a.de"));
        }
    }
}

/* R3.8: whatever the first line is, nothing of it is told unless all mandatory names are there. */
static void test_no_echo(void)
{
    const char *lines[] = {"DOMAIN;USER;TYPE;secret",
                           "secret",
                           "a;b;c;secret;SURNME",
                           "secret;;;;",
                           "sep=s\nsecret;USER;TYPE;ACTION",
                           "\"DOMAIN;USER;secret"};
    for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *said = read_bytes(lines[i], strlen(lines[i]), 5, &limits);
        g_assert_nonnull(strchr(said, '!'));
        g_assert_null(strstr(said, "secret"));
    }
}

/* R3.7: many faults of a headline are counted, and the longest fit into one refusal. */
static void test_many_faults(void)
{
    const char *names[] = {"DOMAIN", "USER", "TYPE", "ACTION", NULL, NULL, NULL,
                           NULL,     NULL,   NULL,   NULL,     NULL, NULL};
    g_autofree char *longest = g_strnfill(200, 'x');
    g_autoptr(GError) error = NULL;
    for (unsigned i = 4; i < G_N_ELEMENTS(names) - 1; i++)
        names[i] = longest;
    g_assert_null(table_head_from_names(names, NULL, &error));
    g_assert_error(error, TABLE_ERROR, TABLE_ERROR_COLUMN);
    g_assert_nonnull(strstr(error->message, " And 4 more like that. Correct these names in the"));
    g_assert_cmpuint(strlen(error->message), <, 600);
}

static void test_large(void)
{
    TableLimits large = limits;
    large.bytes_max = 1000000;
    struct {
        const char *start;
        char fill;
        const char *says;
    } files[] = {
        {HEAD "a;\"", 'x', "longer than 40 bytes (limit field_bytes_max)"},
        {HEAD "a;\"", '\n', "longer than 40 bytes (limit field_bytes_max)"},
        {HEAD "a;\"", '"', ""},
        {HEAD "a;", 'x', "longer than 40 bytes (limit field_bytes_max)"},
        {HEAD "a;", ';', "more than 8 fields (limit columns_max)"},
        {"", ';', "longer than 65536 bytes, the limit of a headline"},
        {"", 'x', "longer than 65536 bytes, the limit of a headline"},
        {HEAD, '\n', "larger than 1000000 bytes (limit attachment_bytes_max)"},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
        char fill[1001] = "";
        memset(fill, files[i].fill, 1000);
        g_autoptr(GInputStream) stream = g_object_new(drip_get_type(), NULL);
        Drip *drip = (Drip *)stream;
        drip->data = files[i].start;
        drip->size = strlen(files[i].start);
        drip->line = fill;
        drip->rows = 2000;
        g_autoptr(TableReader) reader = table_reader_new(stream, &large);
        g_autofree char *said = read_all(reader);
        g_assert_nonnull(strstr(said, files[i].says));
        g_assert_nonnull(strchr(said, '!'));
    }
}

/* R3.4: the decision is made while the file flows by, wherever its bytes are cut. */
static void test_late(void)
{
    const TableLimits wide = {20000, 8, 1000, 10000000, NULL};
    const struct {
        const char *line, *last, *cell;
        unsigned note; /* line */
    } files[] = {
        {"a.de;abc;FULL;ADD\n", "a.de;\xfc\x80;FULL;ADD\n", "\303\274\342\202\254", 10002},
        {"a.de;abc;FULL;ADD\n", "a.de;\303\274;FULL;ADD\n", "\303\274", 0},
        {"a.de;\343\201\202\303\274;FULL;ADD\n", "a.de;x;FULL;ADD\n", "x", 0},
        {"a.de;\360\237\230\200;FULL;ADD\n", "a.de;x;FULL;ADD\n", "x", 0},
        {"a.de;M\xfcller;FULL;ADD\n", "a.de;\303\274;FULL;ADD\n", "\303\203\302\274", 2},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autoptr(GString) file = g_string_new(HEAD);
        for (unsigned row = 0; row < 10000; row++)
            g_string_append(file, files[i].line);
        g_string_append(file, files[i].last);
        g_autofree char *rows = read_bytes(file->str, file->len, 65521, &wide);
        g_autofree char *end =
            files[i].note
                ? g_strdup_printf("10002/4:a.de|%s|FULL|ADD\n?%u", files[i].cell, files[i].note)
                : g_strdup_printf("10002/4:a.de|%s|FULL|ADD\n", files[i].cell);
        g_assert_true(g_str_has_suffix(rows, end));
        g_assert_null(strchr(rows, '!'));
    }
}

static void test_stream_fails(void)
{
    const struct {
        GQuark domain;
        int code;
        GQuark told;
    } cases[] = {{G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE, TABLE_ERROR},
                 {G_KEY_FILE_ERROR, 3, G_KEY_FILE_ERROR}};
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) failure = g_error_new(cases[i].domain, cases[i].code, "it broke");
        g_autoptr(GError) error = NULL;
        g_autoptr(GInputStream) stream = g_object_new(drip_get_type(), NULL);
        Drip *drip = (Drip *)stream;
        drip->data = HEAD "a;u;F;A\n";
        drip->size = strlen(drip->data);
        drip->failure = failure;
        g_autoptr(TableReader) reader = table_reader_new(stream, &limits);
        TableRow *row = NULL;
        g_assert_cmpint(table_reader_next(reader, &row, &error), ==, ANSWER_YES);
        table_row_free(row);
        g_assert_cmpint(table_reader_next(reader, &row, &error), ==, ANSWER_UNKNOWN);
        g_assert_cmpint((int)error->domain, ==, (int)cases[i].told);
        g_assert_nonnull(strstr(error->message, "it broke"));
        if (error->domain == TABLE_ERROR)
            g_assert_cmpint(error->code, ==, TABLE_ERROR_READ);
    }
}

static long resident_kb(void)
{
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    g_assert_nonnull(file);
    g_assert_cmpint(fscanf(file, "%ld %ld", &size, &resident), ==, 2);
    fclose(file);
    return resident * 4;
}

/* 300,000 rows need no more memory than 1,000 (a sanitizer's own memory is not counted). */
static void test_flat(void)
{
    const TableLimits wide = {400000, 40, 65536, G_MAXUINT64, NULL};
    g_autoptr(GInputStream) stream = g_object_new(drip_get_type(), NULL);
    Drip *drip = (Drip *)stream;
    drip->data = "DOMAIN;USER;TYPE;ACTION;PASSWORD;SURNAME\r\n";
    drip->size = strlen(drip->data);
    drip->line = "somedomain.com;user;FULL;ADD;\"a;password\";Somebody\r\n";
    drip->rows = 300000;
    g_autoptr(TableReader) reader = table_reader_new(stream, &wide);
    TableRow *row;
    unsigned rows = 0;
    long before = 0;
    g_autoptr(GError) error = NULL;
    while (table_reader_next(reader, &row, &error) == ANSWER_YES) {
        table_row_free(row);
        if (++rows == 1000)
            before = resident_kb();
    }
    g_assert_no_error(error);
    g_assert_cmpuint(rows, ==, 300000);
    long grown = resident_kb() - before;
    g_test_message("grown by %ld kB", grown);
#ifndef __SANITIZE_ADDRESS__
    g_assert_cmpint(grown, <, 1024);
#endif
}

static void test_variant(void)
{
    const char *file = "DOMAIN;USER;TYPE;ACTION;PASSWORD\na;u;F;A;=p\na;u\n";
    g_autoptr(GInputStream) stream = g_memory_input_stream_new_from_data(file, -1, NULL);
    g_autoptr(TableReader) reader = table_reader_new(stream, &limits);
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)table_row_free);
    TableRow *row;
    while (table_reader_next(reader, &row, NULL) == ANSWER_YES)
        g_ptr_array_add(rows, row);
    const TableHead *head = table_reader_head(reader, NULL);
    g_autoptr(GVariant) value = g_variant_ref_sink(table_rows_to_variant(rows));
    g_autoptr(GPtrArray) again = table_rows_from_variant(value, head);
    g_assert_cmpuint(again->len, ==, 2);
    for (unsigned i = 0; i < again->len; i++) {
        const TableRow *a = g_ptr_array_index(rows, i), *b = g_ptr_array_index(again, i);
        g_assert_cmpuint(a->line, ==, b->line);
        g_assert_cmpuint(a->found, ==, b->found);
        g_assert_true(g_strv_equal((const char *const *)a->cell, (const char *const *)b->cell));
    }
    g_assert_cmpstr(table_row_cell(g_ptr_array_index(again, 0), head, FIELD_PASSWORD), ==, "=p");
    g_assert_null(table_row_cell(g_ptr_array_index(again, 0), head, FIELD_SURNAME));
    const char *fewer[] = {"DOMAIN", "USER", "TYPE", "ACTION", NULL};
    g_autoptr(TableHead) other = table_head_from_names(fewer, NULL, NULL);
    g_assert_null(table_rows_from_variant(value, other));
    g_autoptr(GVariant) text = g_variant_ref_sink(g_variant_new_string("x"));
    g_assert_null(table_rows_from_variant(text, head));
    g_autoptr(TableHead) stored =
        table_head_from_names((const char *const *)head->name, NULL, NULL);
    g_assert_cmpint(stored->column_of[FIELD_PASSWORD], ==, 4);
    g_assert_cmpstr(stored->name[4], ==, "PASSWORD");
}

/* What is written is read again as it was. */
static void test_write(void)
{
    static const struct {
        const char *cell, *written;
    } cells[] = {
        {"", ""},
        {"plain", "plain"},
        {"a;b", "\"a;b\""},
        {"a,b", "a,b"},
        {"say \"so\"", "\"say \"\"so\"\"\""},
        {" blank", "\" blank\""},
        {"two\r\nlines", "\"two\r\nlines\""},
        {"=1+1", "'=1+1"},
        {"+49 30", "\"'+49 30\""},
        {"-", "'-"},
        {"@SUM(A1)", "'@SUM(A1)"},
        {"\tx", "\"'\tx\""},
        {"\rx", "\"'\rx\""},
        {"it's", "\"it's\""},
        {"'x", "\"'x\""},
        {"'=x", "\"''=x\""},
        {"''-1", "\"'''-1\""},
        {"ä€", "ä€"},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cells); i++) {
        const char *row[] = {cells[i].cell, "u", "F", "A"};
        g_autoptr(GString) out = g_string_new(HEAD);
        gsize head = out->len;
        table_write_line(out, ';', row, 4);
        g_autofree char *expected = g_strdup_printf("%s;u;F;A\r\n", cells[i].written);
        g_assert_cmpstr(out->str + head, ==, expected);
        g_autofree char *rows = read_bytes(out->str, out->len, 3, &limits);
        g_autofree char *same = g_strdup_printf("2/4:%s|u|F|A\n", cells[i].cell);
        g_assert_cmpstr(rows, ==, same);
    }
}

/* The files that the fuzzer starts from: those named bad-… are refused. */
static void test_files(void)
{
    const TableLimits wide = {1000, 64, 4096, 100000, NULL};
    g_autofree char *folder = g_test_build_filename(G_TEST_DIST, "test-fixtures", "table", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_assert_nonnull(dir);
    unsigned count = 0;
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(folder, name, NULL), *data = NULL;
        gsize size = 0;
        g_assert_true(g_file_get_contents(path, &data, &size, NULL));
        g_autofree char *said = read_bytes(data, size, 100, &wide);
        g_test_message("%s: %s", name, said);
        g_assert_cmpint(strchr(said, '!') != NULL, ==, g_str_has_prefix(name, "bad-"));
        count++;
    }
    g_assert_cmpuint(count, >=, 10);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/table/rows (R3.1 to R3.11)", test_good);
    g_test_add_func("/table/refused (R3.4 to R3.12)", test_bad);
    g_test_add_func("/table/no echo (R3.8)", test_no_echo);
    g_test_add_func("/table/many faults (R3.7)", test_many_faults);
    g_test_add_func("/table/endless", test_large);
    g_test_add_func("/table/late (R3.4)", test_late);
    g_test_add_func("/table/stream fails", test_stream_fails);
    g_test_add_func("/table/300,000 rows", test_flat);
    g_test_add_func("/table/variant", test_variant);
    g_test_add_func("/table/write (R4.8)", test_write);
    g_test_add_func("/table/files", test_files);
    return g_test_run();
}
