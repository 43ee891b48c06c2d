/* SPDX-License-Identifier: MIT */
#include "lib/response.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixoutputstream.h>
#include <gmime/gmime.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECRET "s3cret-canary"
#define NOW (G_GINT64_CONSTANT(1795219200) * G_USEC_PER_SEC) /* 2026-11-21 00:00 UTC */

/* --- rows held in memory, or made over and over --- */

typedef struct {
    Result result;
    const char *field, *value, *reason, *advice;
} Said;

typedef struct {
    const char *const *lines; /* of CSV; the first is the headline */
    const Said *said;         /* of each row after it */
    unsigned repeat;          /* rows in all; 0: as many as lines has */
    unsigned fail_pass;       /* the pass in which the source breaks; 0: none */
    bool no_rows;             /* it has no more than outcomes */
    ResponseForm form;
    const char *note;
    unsigned shown; /* rows of export.csv */

    TableHead *head;
    GPtrArray *rows;
    unsigned at, pass;
} Fixture;

static bool fixture_rewind(gpointer data, GError **error)
{
    (void)error;
    Fixture *fixture = data;
    fixture->at = 0;
    fixture->pass++;
    return true;
}

static TableRow *copy_row(const TableRow *row, unsigned line)
{
    TableRow *copy = table_row_new(line, row->columns, row->cell[0], row->bytes);
    copy->found = row->found;
    return copy;
}

static Answer fixture_next(gpointer data, Outcome **outcome, GError **error)
{
    Fixture *fixture = data;
    unsigned count = fixture->repeat ? fixture->repeat : fixture->rows->len;
    if (fixture->at == count && fixture->pass == fixture->fail_pass) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "the source broke");
        return ANSWER_UNKNOWN;
    }
    if (fixture->at == count)
        return ANSWER_NO;
    unsigned index = fixture->at % fixture->rows->len;
    const Said *said = &fixture->said[index];
    if (said->result == RESULT_FAILED) {
        *outcome = outcome_failed(said->field, said->value, said->advice, "%s", said->reason);
    } else {
        *outcome = outcome_new(said->result);
        (*outcome)->reason = g_strdup(said->reason);
    }
    fixture->at++;
    return ANSWER_YES;
}

static TableRow *fixture_row(gpointer data, GError **error)
{
    const Fixture *fixture = data;
    const unsigned index = fixture->at - 1;
    const TableRow *from = g_ptr_array_index(fixture->rows, index % fixture->rows->len);
    if (fixture->no_rows) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "the row is gone");
        return NULL;
    }
    return copy_row(from, fixture->repeat ? index + 2 : from->line);
}

static void fixture_open(Fixture *fixture)
{
    const TableLimits limits = {1000, 60, 100000, 10000000, NULL};
    g_autofree char *text = g_strjoinv("\n", (char **)fixture->lines);
    g_autoptr(GInputStream) stream = g_memory_input_stream_new_from_data(text, -1, NULL);
    g_autoptr(TableReader) reader = table_reader_new(stream, &limits);
    g_autoptr(GError) error = NULL;
    TableRow *row;
    fixture->rows = g_ptr_array_new_with_free_func((GDestroyNotify)table_row_free);
    while (table_reader_next(reader, &row, &error) == ANSWER_YES)
        g_ptr_array_add(fixture->rows, row);
    g_assert_no_error(error);
    fixture->head = table_head_from_names(
        (const char *const *)table_reader_head(reader, NULL)->name, NULL, NULL);
}

static void fixture_close(Fixture *fixture)
{
    table_head_free(fixture->head);
    g_ptr_array_unref(fixture->rows);
}

static Job make_job(const char *reference, const char *refusal)
{
    Job job = {
        .id = (char *)"20261120-K7M2QP",
        .state = JOB_REPORTING,
        .facts = {.requester = (char *)"admin@somedomain.com",
                  .batch_address = (char *)"batch_load@ibpmail.com",
                  .message_id = (char *)"<one@somedomain.com>"},
        .reference = (char *)reference,
        .refusal = (char *)refusal,
        .received = NOW - 420 * 1000,
    };
    return job;
}

static Answer fixture_part(gpointer data, unsigned number, char **lines, GError **error)
{
    const Fixture *fixture = data;
    (void)error;
    if (number > fixture->shown + 1)
        return ANSWER_NO;
    /* Not all slices have something to show. */
    *lines = number == 0   ? g_strdup("DOMAIN;USER;TYPE;ACTION;PASSWORD;MAILFORWARD;\r\n")
             : number == 1 ? NULL
                           : g_strdup_printf("a.de;u%u;FULL;ADD\r\n", number - 1);
    return ANSWER_YES;
}

static ResponseSource source_of(Fixture *fixture)
{
    return (ResponseSource){
        .head = fixture ? fixture->head : NULL,
        .note = fixture ? fixture->note : NULL,
        .rewind = fixture_rewind,
        .next = fixture_next,
        .row = fixture_row,
        .data = fixture,
        .shown = fixture ? fixture->shown : 0,
        .part = fixture_part,
    };
}

static char *write_response(const Job *job, Fixture *fixture, GError **error)
{
    const ResponseSource source = source_of(fixture);
    g_autoptr(GOutputStream) out = g_memory_output_stream_new_resizable();
    ResponseForm form = fixture ? fixture->form : RESPONSE_PLAIN;
    if (!response_write(job, &source, form, G_MAXUINT64, NOW, out, error))
        return NULL;
    gsize size = g_memory_output_stream_get_data_size(G_MEMORY_OUTPUT_STREAM(out));
    const char *data = g_memory_output_stream_get_data(G_MEMORY_OUTPUT_STREAM(out));
    g_assert_null(memchr(data, '\0', size));
    return g_strndup(data, size);
}

/* --- what holds for every response --- */

static void check_lines(const char *mail)
{
    unsigned length = 0;
    for (const char *c = mail; *c; c++, length++) {
        g_assert_true((*c >= ' ' && *c <= '~') || *c == '\r' || *c == '\n' || *c == '\t');
        g_assert_cmpint(*c == '\r', ==, c[1] == '\n');
        if (*c == '\n')
            length = 0;
        g_assert_cmpuint(length, <=, 998);
    }
    g_assert_true(g_str_has_suffix(mail, "\r\n"));
}

/* R4.11: these headers, each once, and no other. */
static void check_header(GMimeMessage *message)
{
    static const char *const allowed[] = {"From",
                                          "To",
                                          "Subject",
                                          "Date",
                                          "Message-Id",
                                          "In-Reply-To",
                                          "References",
                                          "Auto-Submitted",
                                          "MIME-Version",
                                          "Content-Type",
                                          "Content-Transfer-Encoding"};
    GMimeHeaderList *headers = g_mime_object_get_header_list(GMIME_OBJECT(message));
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (int i = 0; i < g_mime_header_list_get_count(headers); i++) {
        const char *name = g_mime_header_get_name(g_mime_header_list_get_header_at(headers, i));
        bool known = false;
        for (unsigned j = 0; j < G_N_ELEMENTS(allowed); j++)
            known = known || g_ascii_strcasecmp(allowed[j], name) == 0;
        g_assert_true(known);
        g_assert_true(g_hash_table_add(seen, g_ascii_strdown(name, -1)));
    }
    g_assert_cmpstr(g_mime_object_get_header(GMIME_OBJECT(message), "Auto-Submitted"), ==,
                    "auto-replied");
    g_assert_cmpstr(g_mime_message_get_message_id(message), ==,
                    "20261120-K7M2QP.batchload@ibpmail.com");
}

static char *unpack(const GByteArray *bytes)
{
    g_autoptr(GConverter) gzip =
        G_CONVERTER(g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP));
    g_autoptr(GOutputStream) out = g_memory_output_stream_new_resizable();
    g_autoptr(GOutputStream) into = g_converter_output_stream_new(out, gzip);
    g_autoptr(GError) error = NULL;
    g_output_stream_write_all(into, bytes->data, bytes->len, NULL, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(g_output_stream_close(into, NULL, &error));

    return g_strndup(g_memory_output_stream_get_data(G_MEMORY_OUTPUT_STREAM(out)),
                     g_memory_output_stream_get_data_size(G_MEMORY_OUTPUT_STREAM(out)));
}

static char *decode(GMimeObject *part, bool *packed)
{
    g_assert_true(GMIME_IS_PART(part));
    GMimeStream *stream = g_mime_stream_mem_new();
    g_mime_data_wrapper_write_to_stream(g_mime_part_get_content(GMIME_PART(part)), stream);
    GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    const char *name = g_mime_part_get_filename(GMIME_PART(part));
    *packed = name && g_str_has_suffix(name, ".gz");
    char *text = *packed ? unpack(bytes) : g_strndup((const char *)bytes->data, bytes->len);
    g_object_unref(stream);
    g_assert_true(g_utf8_validate(text, -1, NULL));
    g_assert_null(strstr(text, SECRET));
    return text;
}

typedef struct {
    char *subject, *text, *result, *batchload, *export;
    bool packed;
} Parts;

static void parts_clear(Parts *parts)
{
    g_free(parts->subject);
    g_free(parts->text);
    g_free(parts->result);
    g_free(parts->batchload);
    g_free(parts->export);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Parts, parts_clear)

static Parts take_apart(const char *mail)
{
    Parts parts = {0};
    check_lines(mail);
    g_assert_null(strstr(mail, SECRET));
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(mail, strlen(mail));
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);
    check_header(message);
    parts.subject = g_strdup(g_mime_message_get_subject(message));
    GMimeObject *body = g_mime_message_get_mime_part(message);
    if (GMIME_IS_MULTIPART(body)) {
        GMimeMultipart *multipart = GMIME_MULTIPART(body);
        int count = g_mime_multipart_get_count(multipart);
        g_assert_cmpint(count, >=, 2);
        g_assert_cmpint(count, <=, 4);
        parts.text = decode(g_mime_multipart_get_part(multipart, 0), &parts.packed);
        for (int i = 1; i < count; i++) {
            GMimeObject *part = g_mime_multipart_get_part(multipart, i);
            const char *name = g_mime_part_get_filename(GMIME_PART(part));
            char **file = g_str_has_prefix(name, "result.")   ? &parts.result
                          : g_str_has_prefix(name, "export.") ? &parts.export
                                                              : &parts.batchload;
            g_assert_null(*file);
            *file = decode(part, &parts.packed);
        }
    } else {
        parts.text = decode(body, &parts.packed);
    }
    g_object_unref(message);
    g_object_unref(parser);
    g_object_unref(stream);
    return parts;
}

/* --- whole responses, compared with files --- */

#define P "DOMAIN;USER;TYPE;ACTION;PASSWORD"
#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SAID(...) ((const Said[]){__VA_ARGS__})
#define CREATED                                                                                    \
    {                                                                                              \
        RESULT_CREATED, 0, 0, 0, 0                                                                 \
    }
#define CHANGED                                                                                    \
    {                                                                                              \
        RESULT_CHANGED, 0, 0, 0, 0                                                                 \
    }
#define DELETED                                                                                    \
    {                                                                                              \
        RESULT_DELETED, 0, 0, 0, 0                                                                 \
    }
#define TAKEN                                                                                      \
    {                                                                                              \
        RESULT_FAILED, "USER", "bob", "The address is taken.", "Choose another one."               \
    }

static const struct {
    const char *file;
    const char *reference, *refusal;
    const char *message_id, *references; /* "": absent; NULL: the usual one */
    const char *const *lines;
    const Said *said;
    int seconds; /* longer than usual */
} golden[] = {
    {"ok", "some-reference-number", 0, 0, 0,
     LINES(P, "somedomain.com;bob;FULL;ADD;" SECRET, "somedomain.com;eve;FULL;DELETE;"),
     SAID(CREATED, DELETED), 0},
    {"ok-without-reference", "", 0, 0, 0, LINES(P, "somedomain.com;bob;FULL;MODIFY;" SECRET),
     SAID(CHANGED), 0},
    {"ok-without-message-id", NULL, 0, "", 0, LINES(P, "somedomain.com;bob;FULL;ADD;" SECRET),
     SAID(CREATED), 0},
    {"ok-no-rows", "empty", 0, 0, 0, LINES(P), SAID(CREATED), 0},
    {"ok-unchanged", "lists", 0, 0, 0,
     LINES("domain,user,type,operation,list_members", "somedomain.com,team,LIST,ADD,bob eve"),
     SAID({RESULT_UNCHANGED, 0, 0, "All of them are on the list already.", 0}), 0},
    {"some-failed", "some-reference-number", 0, 0, 0,
     LINES(P ";TITLE", "somedomain.com;bob;FULL;ADD;" SECRET ";", "",
           "somedomain.com;eve;FULL;ADD;\"" SECRET "\";\"Head; of \"\"all\"\"\"",
           "somedomain.com;joe;FULLL;ADD;" SECRET ";"),
     SAID(TAKEN, CREATED,
          {RESULT_FAILED, "TYPE", "FULLL", "Unknown TYPE; did you mean FULL?",
           "Write FULL, FORWARD or LIST."}),
     0},
    {"all-failed-slowly", "x", 0, 0, 0, LINES(P, "somedomain.com;bob;FULL;ADD;" SECRET),
     SAID(TAKEN), 754},
    {"failed-beyond-ascii", "Bestellung für Müller", 0, 0, 0,
     LINES(P ";SURNAME", "müller.de;bob;FULL;ADD;" SECRET ";Größe"),
     SAID({RESULT_FAILED, "DOMAIN", "müller.de", "The domain is not yours.",
           "Ask „them“ for a grant."}),
     0},
    {"failed-formulas", "f", 0, 0, 0,
     LINES(P ";TITLE;PHONE;DESCRIPTION",
           "somedomain.com;bob;FULL;ADD;" SECRET ";=1+1;\"+49 30 1\";\"@SUM(A1)\ttwo\nlines\""),
     SAID({RESULT_FAILED, "TITLE", "=1+1", "=1+1 is no title.", 0}), 0},
    {"failed-ragged", "r", 0, 0, 0,
     LINES("DOMAIN;USER;PASSWORD;TYPE;ACTION", "somedomain.com;bob;half;" SECRET ";FULL;ADD"),
     SAID({RESULT_FAILED, 0, 0, "The row has 6 fields, but the headline has 5.",
           "Put a cell that holds a separator in quotes."}),
     0},
    {"failed-shifted", "s", 0, 0, 0,
     LINES("TYPE;ACTION;PASSWORD;USER;DOMAIN;TITLE", "FULL;ADD;half;" SECRET ";bob;somedomain.com"),
     SAID({RESULT_FAILED, "DOMAIN", 0, "DOMAIN can't be used as it stands.",
           "Check that each cell stands in its column."}),
     0},
    {"failed-sent-again", "again", 0, 0, 0,
     LINES("RESULT;" P ";REASON", "failed;somedomain.com;bob;FULL;ADD;" SECRET ";old reason"),
     SAID(TAKEN), 0},
    {"failed-hostile-values", "h", 0, 0, 0,
     LINES(P ";LIST MEMBER", "somedomain.com;\"bob\r\nBcc: x@y.z\";LIST;ADD;;\"a\r\n.\r\n\""),
     SAID({RESULT_FAILED, "LIST MEMBER", "a\r\n.\r\n--=_batchload", "It says\r\n\r\n--=_batchload.",
           "Do\nnot."}),
     0},
    {"refused", "some-reference-number", "No batchload.csv was attached. Attach one.", 0, 0, 0, 0,
     0},
    {"refused-without-reference", 0, "The password is missing.", 0, 0, 0, 0, 0},
    {"refused-hostile-reference", "x\r\nBcc: everybody@example.com\r\n\r\nbody", "No.", 0, 0, 0, 0,
     0},
    {"refused-encoded-word", "=?utf-8?Q?=0D=0ABcc:_x?= and =?utf-8?B?4oKs?=", "No.", 0, 0, 0, 0, 0},
    {"refused-long-reference",
     "a reference of two hundred bytes, äöü äöü äöü äöü äöü äöü äöü äöü äöü äöü äöü äöü äöü äöü "
     "äöü "
     "0123456789012345678901234567890123456789012345678901234567890123456789",
     "No.", 0, 0, 0, 0, 0},
    {"refused-thread", "t", "No.", "<three@somedomain.com> (comment)",
     "<zero@a.de>\r\n <one@somedomain.com>\t<two@somedomain.com>", 0, 0, 0},
    {"refused-hostile-ids", "t", "No.", "<a@b.de\r\nBcc: x@y.z>", "<b@c.de>\r\nX-Evil: <c@d.de>", 0,
     0, 0},
};

static void compare(const char *name, const char *mail)
{
    g_autofree char *file = g_strconcat(name, ".eml", NULL), *expected = NULL;
    g_autofree char *path =
        g_test_build_filename(G_TEST_DIST, "test-fixtures", "response", file, NULL);
    /* To look at and commit after a change that is meant. */
    if (g_getenv("BATCHLOAD_WRITE_GOLDEN"))
        g_assert_true(g_file_set_contents(path, mail, -1, NULL));
    g_assert_true(g_file_get_contents(path, &expected, NULL, NULL));
    g_assert_cmpstr(mail, ==, expected);
}

static void test_golden(gconstpointer data)
{
    unsigned i = GPOINTER_TO_UINT(data);
    Fixture fixture = {.lines = golden[i].lines, .said = golden[i].said};
    Job job = make_job(golden[i].reference, golden[i].refusal);
    g_autoptr(GError) error = NULL;
    if (golden[i].message_id)
        job.facts.message_id = *golden[i].message_id ? (char *)golden[i].message_id : NULL;
    job.facts.references = (char *)golden[i].references;
    job.received -= golden[i].seconds * G_USEC_PER_SEC;
    if (fixture.lines)
        fixture_open(&fixture);
    g_autofree char *mail = write_response(&job, fixture.lines ? &fixture : NULL, &error);
    g_assert_no_error(error);
    if (fixture.lines)
        fixture_close(&fixture);
    g_auto(Parts) parts = take_apart(mail);
    g_assert_true(strstr(parts.text, "20261120-K7M2QP") != NULL);
    /* Not of a long one: GMime reads only the first of several padded words. */
    if (job.reference && !strpbrk(job.reference, "\r\n") && strlen(job.reference) < 60)
        g_assert_nonnull(strstr(parts.subject, job.reference));
    g_assert_null(strstr(mail, "\nBcc"));
    g_assert_null(strstr(parts.text, "\nBcc"));
    compare(golden[i].file, mail);
}

/* R4.4: the first 200 are told one by one, all of them in the files. */
static void test_many(void)
{
    Fixture fixture = {.lines = LINES(P, "a.de;bob;FULL;ADD;" SECRET, "a.de;eve;FULL;ADD;x"),
                       .said = SAID(TAKEN, CREATED),
                       .repeat = 501};
    Job job = make_job("many", NULL);
    fixture_open(&fixture);
    g_autofree char *mail = write_response(&job, &fixture, NULL);
    g_auto(Parts) parts = take_apart(mail);
    g_auto(GStrv) told = g_strsplit(parts.text, "Line ", -1);
    g_auto(GStrv) result = g_strsplit(parts.result, "\r\n", -1);
    g_auto(GStrv) failed = g_strsplit(parts.batchload, "\r\n", -1);
    g_assert_cmpstr(parts.subject, ==, "Batchload many: processed, 251 of 501 rows failed");
    g_assert_cmpuint(g_strv_length(told), ==, 201);
    g_assert_nonnull(strstr(parts.text, "51 more failed rows are told in the attached result.csv"));
    g_assert_cmpuint(g_strv_length(result), ==, 503);
    g_assert_cmpuint(g_strv_length(failed), ==, 253);
    fixture_close(&fixture);
}

/* R4.4: what a row after those lacks is told of all of them. */
static void test_many_gaps(void)
{
    static const Said taken = TAKEN;
    g_autoptr(GPtrArray) lines = g_ptr_array_new();
    g_autofree Said *all = g_new(Said, RESPONSE_FAILURES_LISTED + 1);
    g_ptr_array_add(lines, (gpointer)P);
    for (unsigned i = 0; i <= RESPONSE_FAILURES_LISTED; i++) {
        bool last = i == RESPONSE_FAILURES_LISTED;
        g_ptr_array_add(lines, (gpointer)(last ? "a.de;bob;FULL" : "a.de;bob;FULL;ADD;" SECRET));
        all[i] = taken;
    }
    g_ptr_array_add(lines, NULL);
    Job job = make_job("many", NULL);
    Fixture fixture = {.lines = (const char *const *)lines->pdata, .said = all};
    fixture_open(&fixture);
    g_autofree char *mail = write_response(&job, &fixture, NULL);
    g_auto(Parts) parts = take_apart(mail);
    g_assert_nonnull(strstr(parts.text, " Cells"));
    fixture_close(&fixture);
}

/* R4.9: the same rows in each form, and only as large as is allowed. */
static void test_forms(void)
{
    Fixture fixture = {.lines = LINES(P, "a.de;bob;FULL;ADD;" SECRET, "a.de;eve;FULL;ADD;x"),
                       .said = SAID(TAKEN, CREATED),
                       .repeat = 20001};
    Job job = make_job("many", NULL);
    g_autofree char *mail[RESPONSE_FORM_COUNT] = {NULL};
    fixture_open(&fixture);
    for (unsigned i = 0; i < RESPONSE_FORM_COUNT; i++) {
        fixture.form = (ResponseForm)i;
        mail[i] = write_response(&job, &fixture, NULL);
        g_assert_nonnull(mail[i]);
    }
    g_auto(Parts) plain = take_apart(mail[RESPONSE_PLAIN]);
    g_auto(Parts) packed = take_apart(mail[RESPONSE_COMPRESSED]);
    g_auto(Parts) failed = take_apart(mail[RESPONSE_FAILED]);
    g_auto(Parts) text = take_apart(mail[RESPONSE_TEXT]);
    g_assert_false(plain.packed);
    g_assert_true(packed.packed);
    g_assert_cmpstr(packed.result, ==, plain.result);
    g_assert_cmpstr(packed.batchload, ==, plain.batchload);
    g_assert_null(failed.result);
    g_assert_cmpstr(failed.batchload, ==, plain.batchload);
    g_auto(GStrv) lines = g_strsplit(failed.text, "\r\n", -1);
    g_autofree char *words = g_strjoinv(" ", lines);
    g_assert_nonnull(strstr(words, "9801 more failed rows are told in the attached "
                                   "batchload.csv.gz"));
    g_assert_nonnull(strstr(words, "Every row that is not in batchload.csv.gz was done."));
    g_assert_null(text.result);
    g_assert_null(text.batchload);
    g_assert_cmpstr(packed.subject, ==, plain.subject);
    g_assert_cmpstr(text.subject, ==, plain.subject);
    g_assert_cmpuint(strlen(mail[RESPONSE_COMPRESSED]), <, strlen(mail[RESPONSE_PLAIN]) / 10);
    g_assert_nonnull(strstr(packed.text, "and batchload.csv.gz before use"));
    g_assert_nonnull(strstr(packed.text, "9801 more failed rows are told in the attached "
                                         "result.csv.gz"));
    g_assert_nonnull(strstr(text.text, "result.csv is left out"));
    g_assert_cmpuint(strlen(text.text), <, RESPONSE_FAILURES_BYTES * 11 / 10);
    g_auto(GStrv) told = g_strsplit(text.text, "Line ", -1);
    g_assert_cmpuint(g_strv_length(told), >, 1000);
    g_free(mail[RESPONSE_COMPRESSED]);
    g_free(mail[RESPONSE_FAILED]);
    g_free(mail[RESPONSE_TEXT]);
    fixture_close(&fixture);
}

/* R4.9: without failed rows there is no batchload.csv to keep; a text is as small as it must be. */
static void test_smallest(void)
{
    Fixture fixture = {.lines = LINES(P, "a.de;bob;FULL;ADD;" SECRET),
                       .said = SAID(CREATED),
                       .repeat = 5000,
                       .form = RESPONSE_FAILED};
    Job job = make_job("many", NULL);
    ResponseSource source = source_of(&fixture);
    fixture_open(&fixture);
    g_autofree char *mail = write_response(&job, &fixture, NULL);
    g_auto(Parts) parts = take_apart(mail);
    g_assert_null(parts.result);
    g_assert_null(parts.batchload);
    g_auto(GStrv) lines = g_strsplit(parts.text, "\r\n", -1);
    g_autofree char *words = g_strjoinv(" ", lines);
    g_assert_nonnull(strstr(words, "Every row was done."));
    fixture.said = SAID(TAKEN);
    source.head = fixture.head;
    g_autoptr(GOutputStream) out = g_memory_output_stream_new_resizable();
    g_assert_true(response_write(&job, &source, RESPONSE_TEXT, 100000, NOW, out, NULL));
    gsize size = g_memory_output_stream_get_data_size(G_MEMORY_OUTPUT_STREAM(out));
    g_assert_cmpuint(size, >, 20000);
    g_assert_cmpuint(size, <, 100000);
    fixture_close(&fixture);
}

/* R8.80 R8.84: what was asked to be seen is attached in the larger forms; without failed rows, too,
 * where result.csv has no room. */
static void test_export(void)
{
    static const struct {
        ResponseForm form;
        const char *words;
    } forms[] = {
        [RESPONSE_PLAIN] = {RESPONSE_PLAIN, "attached export.csv, in 3 rows"},
        [RESPONSE_COMPRESSED] = {RESPONSE_COMPRESSED, "attached export.csv.gz, in 3 rows"},
        [RESPONSE_FAILED] = {RESPONSE_FAILED, "Unpack export.csv.gz before use"},
        [RESPONSE_TEXT] = {RESPONSE_TEXT, "What you asked to see (3 rows) is left out"},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(forms); i++) {
        Fixture fixture = {.lines = LINES(P, "a.de;;DOMAIN;EXPORT;"),
                           .said = SAID({RESULT_UNCHANGED, 0, 0, "It is shown.", 0}),
                           .form = forms[i].form,
                           .shown = 3};
        Job job = make_job("see", NULL);
        fixture_open(&fixture);
        g_autofree char *mail = write_response(&job, &fixture, NULL);
        g_auto(Parts) parts = take_apart(mail);
        g_auto(GStrv) lines = g_strsplit(parts.text, "\r\n", -1);
        g_autofree char *words = g_strjoinv(" ", lines);
        g_test_message("%s", words);
        g_assert_nonnull(strstr(words, forms[i].words));
        g_assert_cmpint(parts.export != NULL, ==, i != RESPONSE_TEXT);
        g_assert_cmpint(parts.result != NULL, ==, i <= RESPONSE_COMPRESSED);
        g_assert_null(parts.batchload);
        if (parts.export) {
            g_assert_true(g_str_has_prefix(parts.export, "\xef\xbb\xbf" P ";MAILFORWARD;"));
            g_assert_true(g_str_has_suffix(parts.export,
                                           "\r\na.de;u1;FULL;ADD\r\na.de;u2;FULL;ADD\r\n"
                                           "a.de;u3;FULL;ADD\r\n"));
        }
        fixture_close(&fixture);
    }
}

/* R4.9: a response is as large as allowed, or not at all. */
static void test_too_large(void)
{
    Fixture fixture = {.lines = LINES(P, "a.de;bob;FULL;ADD;" SECRET), .said = SAID(TAKEN)};
    Job job = make_job("size", NULL);
    fixture_open(&fixture);
    g_autofree char *mail = write_response(&job, &fixture, NULL);
    const gsize size = strlen(mail), added = 4096;
    for (unsigned i = 0; i < 3; i++) {
        ResponseForm form = i < 2 ? RESPONSE_PLAIN : RESPONSE_TEXT;
        guint64 bytes_max = i == 1 ? size + added - 1 : i == 0 ? size + added : 0;
        ResponseSource source = source_of(&fixture);
        g_autoptr(GOutputStream) out = g_memory_output_stream_new_resizable();
        g_autoptr(GError) error = NULL;
        bool well = response_write(&job, &source, form, bytes_max, NOW, out, &error);
        g_assert_cmpint(well, ==, i != 1);
        if (i == 1)
            g_assert_error(error, RESPONSE_ERROR, RESPONSE_ERROR_TOO_LARGE);
    }
    fixture_close(&fixture);
}

/* R4.5: as exact as it is of use. */
static void test_durations(void)
{
    static const struct {
        gint64 microseconds;
        const char *words;
    } rows[] = {
        {-5, "less than 0.01 seconds"},
        {9999, "less than 0.01 seconds"},
        {10000, "0.01 seconds"},
        {420000, "0.42 seconds"},
        {9999999, "9.99 seconds"},
        {10000000, "10 seconds"},
        {59999999, "59 seconds"},
        {60000000, "1 min 0 s"},
        {G_GINT64_CONSTANT(3661000000), "61 min 1 s"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        Job job = make_job("time", "No.");
        job.received = NOW - rows[i].microseconds;
        g_autofree char *mail = write_response(&job, NULL, NULL);
        g_autofree char *line = g_strdup_printf("\r\nTime taken: %s\r\n", rows[i].words);
        g_test_message("%s", rows[i].words);
        g_assert_nonnull(strstr(mail, line));
    }
}

/* R4.7: what is mailed back can be sent again. */
static void test_again(void)
{
    Fixture fixture = {.lines = LINES(P ";TITLE", "a.de;bob;FULL;ADD;" SECRET ";\"=1\n;'\"\"-\""),
                       .said = SAID(TAKEN)};
    Job job = make_job("again", NULL);
    const TableLimits limits = {1000, 60, 100000, 10000000, NULL};
    fixture_open(&fixture);
    g_autofree char *mail = write_response(&job, &fixture, NULL);
    g_auto(Parts) parts = take_apart(mail);
    g_autoptr(GInputStream) stream = g_memory_input_stream_new_from_data(parts.batchload, -1, NULL);
    g_autoptr(TableReader) reader = table_reader_new(stream, &limits);
    TableRow *next = NULL;
    g_assert_cmpint(table_reader_next(reader, &next, NULL), ==, ANSWER_YES);
    g_autoptr(TableRow) row = next;
    const TableHead *head = table_reader_head(reader, NULL);
    g_assert_cmpstr(table_row_cell(row, head, FIELD_PASSWORD), ==, "");
    g_assert_cmpstr(table_row_cell(row, head, FIELD_TITLE), ==, "=1\n;'\"-");
    g_assert_cmpstr(table_row_cell(row, head, FIELD_RESULT), ==, "failed");
    g_assert_cmpint(table_reader_next(reader, &next, NULL), ==, ANSWER_NO);
    fixture_close(&fixture);
}

/* A long thread: the first id and the last ones, each on its own account. */
static void test_references(void)
{
    g_autoptr(GString) references = g_string_new(NULL);
    for (unsigned i = 0; i < 100; i++)
        g_string_append_printf(references, "<%u@a.de> ", i);
    g_autofree char *filler = g_strnfill(950, 'x');
    g_string_append_printf(references, "<%s@a.de>", filler);
    Job job = make_job("t", "No.");
    job.facts.references = references->str;
    g_autofree char *mail = write_response(&job, NULL, NULL);
    g_auto(Parts) parts G_GNUC_UNUSED = take_apart(mail);
    g_assert_nonnull(strstr(mail, "References: <0@a.de>"));
    g_assert_nonnull(strstr(mail, "<99@a.de>"));
    g_assert_nonnull(strstr(mail, "<82@a.de>"));
    g_assert_null(strstr(mail, "<81@a.de>"));
    g_assert_null(strstr(mail, filler));
    g_assert_nonnull(strstr(mail, "<one@somedomain.com>"));
}

/* A source that breaks in any pass, and a full disk, are the caller's errors. */
static void test_failures(void)
{
    Job job = make_job("x", NULL);
    for (unsigned pass = 1; pass <= 3; pass++) {
        Fixture fixture = {
            .lines = LINES(P, "a.de;bob;FULL;ADD;x"), .said = SAID(TAKEN), .fail_pass = pass};
        g_autoptr(GError) error = NULL;
        fixture_open(&fixture);
        g_assert_null(write_response(&job, &fixture, &error));
        g_assert_error(error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
        fixture_close(&fixture);
    }
    /* A row is asked for where it is told. */
    const struct {
        Said said;
        ResponseForm form;
        bool asked;
    } rows[] = {
        {TAKEN, RESPONSE_PLAIN, true},
        {TAKEN, RESPONSE_TEXT, true},
        {{RESULT_CREATED, NULL, NULL, NULL, NULL}, RESPONSE_PLAIN, true},
        {{RESULT_CREATED, NULL, NULL, NULL, NULL}, RESPONSE_TEXT, false},
        {{RESULT_CREATED, NULL, NULL, NULL, NULL}, RESPONSE_FAILED, false},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        Fixture fixture = {.lines = LINES(P, "a.de;bob;FULL;ADD;x"),
                           .said = &rows[i].said,
                           .form = rows[i].form,
                           .no_rows = true};
        g_autoptr(GError) error = NULL;
        fixture_open(&fixture);
        g_autofree char *mail = write_response(&job, &fixture, &error);
        g_assert_true((mail == NULL) == rows[i].asked);
        g_assert_true(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND) == rows[i].asked);
        fixture_close(&fixture);
    }
    Fixture fixture = {.lines = LINES(P, "a.de;bob;FULL;ADD;x"), .said = SAID(TAKEN)};
    fixture_open(&fixture);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(full, >=, 0);
    g_autoptr(GOutputStream) out = g_unix_output_stream_new(full, TRUE);
    g_autoptr(GError) error = NULL;
    ResponseSource source = source_of(&fixture);
    g_assert_false(response_write(&job, &source, RESPONSE_PLAIN, G_MAXUINT64, NOW, out, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
    g_assert_false(g_output_stream_is_closed(out));
    fixture_close(&fixture);
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

static void write_nowhere(unsigned rows)
{
    Fixture fixture = {.lines = LINES(P, "a.de;bob;FULL;ADD;x", "a.de;eve;FULL;ADD;x"),
                       .said = SAID(TAKEN, CREATED),
                       .repeat = rows};
    Job job = make_job("large", NULL);
    fixture_open(&fixture);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(null, >=, 0);
    g_autoptr(GOutputStream) out = g_unix_output_stream_new(null, TRUE);
    g_autoptr(GError) error = NULL;
    ResponseSource source = source_of(&fixture);
    g_assert_true(response_write(&job, &source, RESPONSE_PLAIN, G_MAXUINT64, NOW, out, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(fixture.pass, ==, 3);
    fixture_close(&fixture);
}

/* A sanitizer's own memory is not counted. */
static void test_flat(void)
{
    write_nowhere(1000);
    long before = resident_kb();
    write_nowhere(300000);
    long grown = resident_kb() - before;
    g_test_message("grown by %ld kB", grown);
#ifndef __SANITIZE_ADDRESS__
    g_assert_cmpint(grown, <, 1024);
#endif
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_mime_init();
    for (unsigned i = 0; i < G_N_ELEMENTS(golden); i++) {
        g_autofree char *path = g_strdup_printf("/response/%s (R4)", golden[i].file);
        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_golden);
    }
    g_test_add_func("/response/501 rows (R4.4)", test_many);
    g_test_add_func("/response/201 rows, the last of them cut short (R4.4)", test_many_gaps);
    g_test_add_func("/response/forms (R4.9)", test_forms);
    g_test_add_func("/response/smallest (R4.9)", test_smallest);
    g_test_add_func("/response/export (R8.80 R8.84)", test_export);
    g_test_add_func("/response/too large (R4.9)", test_too_large);
    g_test_add_func("/response/time taken (R4.5)", test_durations);
    g_test_add_func("/response/sent again (R4.7)", test_again);
    g_test_add_func("/response/references (R4.2)", test_references);
    g_test_add_func("/response/failures", test_failures);
    g_test_add_func("/response/300,000 rows", test_flat);
    return g_test_run();
}
