/* SPDX-License-Identifier: MIT */
#include "lib/response-stream.h"

#include "lib/operation.h"
#include "lib/text.h"
#include <string.h>

/* Longest reason, advice or address that the text repeats, in bytes. */
#define TEXT_BYTES_MAX 600
/* Longest reference that is repeated: what a request may have, and somewhat more. */
#define REFERENCE_BYTES_MAX 250
/* Longest message-id that fits in a line with its header's name. */
#define MESSAGE_ID_MAX 900
/* Most message-ids in References: of a long thread the first one and the last ones stay. */
#define REFERENCES_MAX 20
/* What the MTA adds to a message on its way, at most, in bytes. */
#define ADDED_BYTES_MAX 4096
/* Longest line of a text that is sent as it is. */
#define PLAIN_LINE_MAX 300

G_DEFINE_QUARK(batchload_response_error, response_error)

/* What is told, gathered in one pass over the outcomes. */
typedef struct {
    const Job *job;
    const TableHead *head;
    const char *note;
    ResponseForm form;
    guint64 bytes_max;
    gint64 now;
    unsigned rows, counts[RESULT_COUNT];
    unsigned again;    /* failed rows that are to be sent again */
    unsigned shown;    /* rows of export.csv */
    unsigned listed;   /* failed rows in failures */
    bool gaps;         /* some of them lack cells other than passwords in what is attached */
    GString *failures; /* their text */
} Report;

static void report_clear(Report *report)
{
    g_string_free(report->failures, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Report, report_clear)

static char *domain_of(const char *address)
{
    const char *at = strrchr(address, '@');
    return g_strdup(at ? at + 1 : "localhost");
}

/* Without the angle brackets, as GMime wants it. */
static char *message_id_of(const Job *job)
{
    g_autofree char *domain = domain_of(job->facts.batch_address);
    return g_strdup_printf("%s.batchload@%s", job->id, domain);
}

/* --- the text --- */

/* A labelled line; nothing where there is no text. */
static void add_labelled(GString *out, const char *label, const char *text)
{
    if (!text || !*text)
        return;
    g_autofree char *line = text_printable(text, -1, TEXT_BYTES_MAX);
    g_string_append_printf(out, "%s%s\n", label, line);
}

/* user@domain as they stand in the row, or the domain of a row that has no user; nothing where
 * neither may be told. */
static void add_address(GString *out, const TableRow *row, const TableHead *head)
{
    const Field fields[] = {FIELD_USER, FIELD_DOMAIN};
    const char *parts[] = {"", ""};
    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        const char *cell = table_row_cell(row, head, fields[i]);
        if (cell && !operation_cell_is_doubtful(row, head, (unsigned)head->column_of[fields[i]]))
            parts[i] = cell;
    }
    if (!*parts[0] && !*parts[1])
        return;
    g_autofree char *both = g_strconcat(parts[0], *parts[0] ? "@" : "", parts[1], NULL);
    g_autofree char *line = text_printable(both, -1, TEXT_BYTES_MAX);
    g_string_append_printf(out, ": %s", line);
}

/* The same for a sentence, over as many lines as it takes. */
static void add_sentence(GString *out, const char *label, const char *text)
{
    if (!text || !*text)
        return;
    g_autofree char *line = text_printable(text, -1, TEXT_BYTES_MAX);
    text_wrap(out, label, line);
}

/* Sentences with a blank line after them. */
G_GNUC_PRINTF(2, 3)
static void add_paragraph(GString *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    text_wrap(out, "", text);
    g_string_append_c(out, '\n');
}

static void add_failure(GString *out, const TableRow *row, const TableHead *head,
                        const Outcome *outcome)
{
    g_string_append_printf(out, "Line %u", row->line);
    add_address(out, row, head);
    g_string_append_c(out, '\n');
    add_labelled(out, "  Field:  ", outcome->field);
    add_labelled(out, "  Value:  ", outcome->value);
    add_sentence(out, "  Reason: ", outcome->reason);
    add_sentence(out, "  To do:  ", outcome->advice);
    g_string_append_c(out, '\n');
}

/* Whether the text has room for one more failed row. */
static bool has_room(const Report *report)
{
    /* What quoted-printable makes of a text is three times as long at most. */
    return report->form == RESPONSE_TEXT
               ? report->failures->len < MIN(RESPONSE_FAILURES_BYTES, report->bytes_max / 4)
               : report->listed < RESPONSE_FAILURES_LISTED;
}

/* Whether the failed row lacks more than its password: what is correct there must be known. */
static bool has_gaps(const TableRow *row, const TableHead *head, const Outcome *outcome)
{
    bool gaps = row->found != row->columns;
    for (unsigned i = 0; i < head->columns && !gaps; i++)
        gaps = *row->cell[i] && !field_is_secret(head->field[i]) &&
               response_cell_is_hidden(row, head, outcome, i);
    return gaps;
}

static bool gather_failure(Report *report, const ResponseSource *source, const Outcome *outcome,
                           ResponseFailure *failure)
{
    if (report->gaps && !has_room(report))
        return true;
    g_autoptr(TableRow) row = response_row(source, failure);
    if (!row)
        return false;
    report->gaps = report->gaps || has_gaps(row, source->head, outcome);
    if (has_room(report)) {
        add_failure(report->failures, row, source->head, outcome);
        report->listed++;
    }
    return true;
}

/* The first of the passes over the outcomes. */
static bool gather(Report *report, const ResponseSource *source, ResponseFailure *failure)
{
    GError *error = NULL;
    if (!source->rewind(source->data, &error)) {
        response_fail(failure, error);
        return false;
    }
    for (;;) {
        Outcome *next = NULL;
        Answer answer = response_next(source, &next, failure);
        if (answer != ANSWER_YES)
            return answer == ANSWER_NO;
        g_autoptr(Outcome) outcome = next;
        report->rows++;
        report->counts[outcome->result]++;
        report->again += outcome->result == RESULT_FAILED && !outcome->done;
        if (outcome->result == RESULT_FAILED && !gather_failure(report, source, outcome, failure))
            return false;
    }
}

static void add_duration(GString *out, gint64 microseconds)
{
    gint64 hundredths = MAX(microseconds, 0) / (G_USEC_PER_SEC / 100), seconds = hundredths / 100;
    if (hundredths == 0)
        g_string_append(out, "Time taken: less than 0.01 seconds\n");
    else if (seconds < 10)
        g_string_append_printf(out, "Time taken: %d.%02d seconds\n", (int)seconds,
                               (int)(hundredths % 100));
    else if (seconds < 60)
        g_string_append_printf(out, "Time taken: %d seconds\n", (int)seconds);
    else
        g_string_append_printf(out, "Time taken: %" G_GINT64_FORMAT " min %" G_GINT64_FORMAT " s\n",
                               seconds / 60, seconds % 60);
}

static const char *rows_noun(const Report *report)
{
    return report->rows == 1 ? "row" : "rows";
}

/* What stands at the end of every text. */
static void add_foot(GString *out, const Report *report)
{
    const Job *job = report->job;
    add_duration(out, report->now - job->received);
    add_labelled(out, "Reference: ", job->reference);
    add_labelled(out, "Job: ", job->id);
}

static void add_counts(GString *out, const Report *report)
{
    static const Result order[] = {RESULT_CREATED, RESULT_CHANGED, RESULT_DELETED, RESULT_UNCHANGED,
                                   RESULT_FAILED};
    for (unsigned i = 0; i < G_N_ELEMENTS(order); i++) {
        g_autofree char *name = g_strdup(result_name(order[i]));
        name[0] = g_ascii_toupper(name[0]);
        g_string_append_printf(out, "%s: %u\n", name, report->counts[order[i]]);
    }
}

/* Work on the rows had begun. */
static bool is_broken_off(const Job *job)
{
    return job->refusal && job->slices > 0;
}

static char *text_of_refusal(const Report *report)
{
    GString *out = g_string_new(NULL);
    add_paragraph(out, is_broken_off(report->job)
                           ? "Your request could not be carried to its end."
                           : "Your request was not processed; nothing was changed.");
    add_sentence(out, "", report->job->refusal);
    g_string_append_c(out, '\n');
    add_foot(out, report);
    return g_string_free(out, FALSE);
}

/* Commands show the text alone, to who wrote no mail. */
static bool is_for_command(const Job *job)
{
    return spool_is_fetched(&job->facts);
}

/* What must be known before the rows are read: that nothing was changed. */
static void add_mode(GString *out, const Job *job)
{
    if (is_for_command(job) && job->mode == MODE_CHECK)
        add_paragraph(out, "Checked only: nothing was changed. Below stands what would happen.");
    else if (job->mode == MODE_CHECK)
        add_paragraph(out, "Checked only (Mode: check): nothing was changed. Below stands what "
                           "would happen without that line.");
    else if (job->phase == PHASE_UNDONE)
        add_paragraph(out, "Nothing was changed: with Mode: atomic all rows are carried out, or "
                           "none.");
    else if (job->phase == PHASE_UNDONE_LEFT)
        add_paragraph(out, "With Mode: atomic all rows are carried out, or none. What had been "
                           "done was taken back, except for the rows below that say so.");
}

/* What was asked for is there, attached or not. */
static bool has_export(const Report *report)
{
    return report->shown > 0 && report->job->mode != MODE_CHECK;
}

/* The response has no result.csv. Where it has no batchload.csv either, the text itself tells all
 * that there was room for. */
static void add_left_out(GString *out, const Report *report)
{
    bool failed = report->again > 0, apply = report->job->mode == MODE_APPLY;
    bool attached = report->form == RESPONSE_FAILED && failed;
    bool all = attached || report->listed == report->counts[RESULT_FAILED];
    add_paragraph(out,
                  "result.csv is left out, since this mail would be too large with it.%s%s A "
                  "request of fewer rows gets its result.csv; your service provider can also have "
                  "larger mails allowed.",
                  !all || !apply ? ""
                  : attached     ? " Every row that is not in batchload.csv.gz was done."
                  : failed       ? " Every row that is not told above was done."
                                 : " Every row was done.",
                  !failed || attached ? ""
                  : apply ? " To send the failed rows again, take their lines from your "
                            "own file, correct them, and send them as a new request."
                          : " Correct these rows in your file, and send the whole file again.");
}

static void add_export(GString *out, const Report *report)
{
    const char *end = report->form == RESPONSE_PLAIN ? "" : ".gz";
    const char *rows = report->shown == 1 ? "row" : "rows";
    if (report->shown == 0)
        return;
    if (!has_export(report))
        add_paragraph(out,
                      "As it is now, an export.csv with %u %s would be attached: what the request "
                      "asks to see.",
                      report->shown, rows);
    else if (report->form == RESPONSE_TEXT)
        add_paragraph(out,
                      "What you asked to see (%u %s) is left out, since this mail would be too "
                      "large with it. Ask for less in one request, or ask your service provider.",
                      report->shown, rows);
    else
        add_paragraph(out,
                      "What you asked to see is in the attached export.csv%s, in %u %s. It has the "
                      "form of a request, without passwords. To have it made again, name it "
                      "batchload.csv, fill in a password for each FULL, and send it.",
                      end, report->shown, rows);
}

/* How to go on with the failed rows. */
static void add_correction(GString *out, const Report *report)
{
    const char *end = report->form == RESPONSE_PLAIN ? "" : ".gz";
    bool one = report->again == 1, all = report->again == report->counts[RESULT_FAILED];
    bool passwords = report->head->column_of[FIELD_PASSWORD] >= 0;
    const char *gaps = report->gaps
                           ? " Cells that may hold a part of a password are left out of it: "
                             "take them from your own file."
                           : "";
    if (report->job->mode != MODE_APPLY)
        add_paragraph(out,
                      "Correct %s in your file, and send the whole file again. (The attached "
                      "batchload.csv%s holds only %s.)",
                      one ? "this row" : "these rows", end,
                      one ? "the failed row" : "the failed rows");
    else
        add_paragraph(
            out,
            "The attached batchload.csv%s holds only the failed %s%s. Correct %s there%s and "
            "send it in a new mail, not in a reply.%s",
            end, one ? "row" : "rows", all ? "" : " that can be sent again", one ? "it" : "them",
            passwords ? ", fill in passwords again (they are never mailed back)," : "", gaps);
}

/* The attachments that are compressed, in words. Caller owns the result. */
static char *packed_files(const Report *report)
{
    const char *names[4] = {NULL};
    unsigned count = 0;
    if (report->form == RESPONSE_COMPRESSED)
        names[count++] = "result.csv.gz";
    if (report->again > 0)
        names[count++] = "batchload.csv.gz";
    if (has_export(report))
        names[count++] = "export.csv.gz";
    return g_strjoinv(" and ", (char **)names);
}

/* What to do with the attachments. */
static void add_how_on(GString *out, const Report *report)
{
    bool packed = report->form == RESPONSE_COMPRESSED, failed = report->again > 0;
    g_autofree char *files = packed_files(report);
    if (failed)
        add_correction(out, report);
    if (report->form == RESPONSE_FAILED)
        add_paragraph(out, "Unpack %s before use (a double click does it on most computers)%s.",
                      files,
                      !failed || report->job->mode != MODE_APPLY ? ""
                      : has_export(report) ? ", and send batchload.csv unpacked"
                                           : ", and send it unpacked");
    if (packed)
        add_paragraph(out,
                      "The attachments are compressed, since they are large. Unpack %s before use "
                      "(a double click does it on most computers)%s.",
                      files, failed ? ", and send batchload.csv unpacked" : "");
}

static void add_failures(GString *out, const Report *report)
{
    unsigned failed = report->counts[RESULT_FAILED], more = failed - report->listed;
    const char *rows = more == 1 ? "row is" : "rows are";
    add_paragraph(out, "%u of %u %s failed:", failed, report->rows, rows_noun(report));
    g_string_append(out, report->failures->str);
    if (more && is_for_command(report->job))
        add_paragraph(out, "%u more failed %s not told here.", more, rows);
    else if (more && report->form == RESPONSE_TEXT)
        add_paragraph(
            out,
            "%u more failed %s not told here, to keep this mail small. To see why, send "
            "the rows behind the last one above again in smaller requests; that does no harm "
            "to those that were done.",
            more, rows);
    else if (more)
        add_paragraph(out, "%u more failed %s told in the attached %s.csv%s.", more, rows,
                      report->form == RESPONSE_FAILED ? "batchload" : "result",
                      report->form == RESPONSE_PLAIN ? "" : ".gz");
}

static char *text_of_rows(const Report *report)
{
    const Job *job = report->job;
    GString *out = g_string_new(NULL);
    add_mode(out, job);
    if (report->counts[RESULT_FAILED])
        add_failures(out, report);
    else
        add_paragraph(out, job->mode == MODE_CHECK ? "processed ok: every row can be carried out."
                                                   : "processed ok");
    add_export(out, report);
    if (report->form != RESPONSE_TEXT)
        add_how_on(out, report);
    if (report->form >= RESPONSE_FAILED && !is_for_command(job))
        add_left_out(out, report);
    if (!report->rows)
        add_paragraph(out, "Please note: batchload.csv has no rows below its first line, so there "
                           "was nothing to do.");
    if (report->note)
        add_paragraph(out, "Please note: %s", report->note);
    add_counts(out, report);
    add_foot(out, report);
    return g_string_free(out, FALSE);
}

/* --- the header --- */

/* Where not all that did not fail was done. */
static const char *subject_end(const Job *job)
{
    if (job->mode == MODE_CHECK)
        return " (checked only, nothing was changed)";
    if (job->phase == PHASE_UNDONE)
        return " (nothing was changed)";
    if (job->phase == PHASE_UNDONE_LEFT)
        return " (not all could be taken back)";
    return "";
}

static char *make_subject(const Report *report)
{
    const char *reference = report->job->reference ? report->job->reference : "";
    g_autofree char *shown = text_printable(reference, -1, REFERENCE_BYTES_MAX);
    g_autofree char *start =
        *shown ? g_strdup_printf("Batchload %s", shown) : g_strdup("Batchload");
    unsigned failed = report->counts[RESULT_FAILED];
    const char *end = subject_end(report->job);
    if (!report->head)
        return g_strdup_printf("%s: %s", start,
                               is_broken_off(report->job) ? "not finished" : "not processed");
    if (failed)
        return g_strdup_printf("%s: processed, %u of %u %s failed%s", start, failed, report->rows,
                               rows_noun(report), end);
    return g_strdup_printf("%s: processed ok%s", start, end);
}

/* A text as encoded words whatever is in it (RFC 2047), folded by the blanks between them. */
static char *encode_all(const char *text)
{
    const gsize bytes_max = 42; /* so that a word stays below its 75 characters */
    GString *out = g_string_new(NULL);
    while (*text) {
        const char *end = text;
        while (*end && (gsize)(g_utf8_next_char(end) - text) <= bytes_max)
            end = g_utf8_next_char(end);
        g_autofree char *encoded = g_base64_encode((const guchar *)text, (gsize)(end - text));
        g_string_append_printf(out, "%s=?UTF-8?B?%s?=", out->len ? " " : "", encoded);
        text = end;
    }
    return g_string_free(out, FALSE);
}

static void set_subject(GMimeMessage *message, const char *subject)
{
    /* What looks like an encoded word would be decoded by the reader into who knows what. */
    if (strstr(subject, "=?")) {
        g_autofree char *encoded = encode_all(subject);
        g_mime_object_set_header(GMIME_OBJECT(message), "Subject", encoded, NULL);
    } else {
        g_mime_message_set_subject(message, subject, "UTF-8");
    }
}

/* GMime's reading of a message-id, if it can stand in our header. */
static bool usable_id(const char *id)
{
    if (!id || !*id || strlen(id) > MESSAGE_ID_MAX)
        return false;
    for (; *id; id++) {
        if (!g_ascii_isgraph(*id) || strchr("<>()\\\"", *id))
            return false;
    }
    return true;
}

/* The usable message-ids of a header's value, each as "<id>". */
static void add_ids(GPtrArray *ids, const char *text)
{
    if (!text)
        return;
    GMimeReferences *found = g_mime_references_parse(NULL, text);
    for (int i = 0; i < g_mime_references_length(found); i++) {
        const char *id = g_mime_references_get_message_id(found, i);
        if (usable_id(id))
            g_ptr_array_add(ids, g_strdup_printf("<%s>", id));
    }
    g_mime_references_free(found);
}

static void set_thread(GMimeMessage *message, const JobFacts *facts)
{
    g_autoptr(GPtrArray) own = g_ptr_array_new_with_free_func(g_free);
    add_ids(own, facts->message_id);
    if (own->len == 0)
        return;
    g_ptr_array_set_size(own, 1);
    const char *id = g_ptr_array_index(own, 0);
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    add_ids(ids, facts->references);
    if (ids->len >= REFERENCES_MAX)
        g_ptr_array_remove_range(ids, 1, ids->len - (REFERENCES_MAX - 1));
    g_ptr_array_add(ids, g_strdup(id));
    g_ptr_array_add(ids, NULL);
    g_autofree char *all = g_strjoinv(" ", (char **)ids->pdata);
    g_mime_object_set_header(GMIME_OBJECT(message), "In-Reply-To", id, NULL);
    g_mime_object_set_header(GMIME_OBJECT(message), "References", all, NULL);
}

static GMimeMessage *make_message(const Report *report)
{
    const Job *job = report->job;
    GMimeMessage *message = g_mime_message_new(FALSE);
    g_autofree char *subject = make_subject(report), *id = message_id_of(job);
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(report->now / G_USEC_PER_SEC);
    g_mime_message_add_mailbox(message, GMIME_ADDRESS_TYPE_FROM, NULL, job->facts.batch_address);
    g_mime_message_add_mailbox(message, GMIME_ADDRESS_TYPE_TO, NULL, job->facts.requester);
    set_subject(message, subject);
    g_mime_message_set_date(message, date);
    g_mime_message_set_message_id(message, id);
    set_thread(message, &job->facts);
    g_mime_object_set_header(GMIME_OBJECT(message), "Auto-Submitted", "auto-replied", NULL);
    return message;
}

/* --- the body --- */

static bool is_plain(const char *text)
{
    gsize line = 0;
    for (; *text; text++) {
        line = *text == '\n' ? 0 : line + 1;
        if (!g_ascii_isprint(*text) && *text != '\n')
            return false;
        if (line > PLAIN_LINE_MAX)
            return false;
    }
    return true;
}

/* Takes stream over. GMime's own way for texts would choose a charset by the text. */
static GMimePart *make_part(const char *type, const char *subtype, GMimeStream *stream,
                            GMimeContentEncoding encoding)
{
    GMimePart *part = g_mime_part_new_with_type(type, subtype);
    GMimeDataWrapper *content =
        g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT);
    if (strcmp(type, "text") == 0)
        g_mime_object_set_content_type_parameter(GMIME_OBJECT(part), "charset", "utf-8");
    g_mime_part_set_content_encoding(part, encoding);
    g_mime_part_set_content(part, content);
    g_object_unref(content);
    g_object_unref(stream);
    return part;
}

static GMimeObject *make_text(const char *text)
{
    GMimePart *part = make_part(
        "text", "plain", g_mime_stream_mem_new_with_buffer(text, strlen(text)),
        is_plain(text) ? GMIME_CONTENT_ENCODING_7BIT : GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
    return GMIME_OBJECT(part);
}

static GMimeObject *make_attachment(const Report *report, const ResponseSource *source,
                                    ResponseTable table, ResponseFailure *failure)
{
    static const char *const names[] = {
        [RESPONSE_TABLE_RESULT] = "result.csv",
        [RESPONSE_TABLE_FAILED] = "batchload.csv",
        [RESPONSE_TABLE_EXPORT] = "export.csv",
    };
    const char *name = names[table];
    g_autofree char *packed_name = g_strconcat(name, ".gz", NULL);
    bool packed = report->form != RESPONSE_PLAIN;
    GMimePart *part =
        packed ? make_part("application", "gzip", response_packed_stream(source, table, failure),
                           GMIME_CONTENT_ENCODING_BASE64)
               : make_part("text", "csv", response_table_stream(source, table, failure),
                           GMIME_CONTENT_ENCODING_BASE64);
    g_mime_object_set_disposition(GMIME_OBJECT(part), GMIME_DISPOSITION_ATTACHMENT);
    g_mime_part_set_filename(part, packed ? packed_name : name);
    return GMIME_OBJECT(part);
}

/* Takes part over. */
static void add_part(GMimeMultipart *multipart, GMimeObject *part)
{
    g_mime_multipart_add(multipart, part);
    g_object_unref(part);
}

static GMimeObject *make_body(const Report *report, const ResponseSource *source,
                              ResponseFailure *failure)
{
    if (!report->head) {
        g_autofree char *refusal = text_of_refusal(report);
        return make_text(refusal);
    }
    g_autofree char *text = text_of_rows(report);
    if (report->form == RESPONSE_TEXT)
        return make_text(text);
    g_autofree char *boundary = g_strdup_printf("=_batchload-%s", report->job->id);
    GMimeMultipart *multipart = g_mime_multipart_new_with_subtype("mixed");
    g_mime_multipart_set_boundary(multipart, boundary);
    add_part(multipart, make_text(text));
    if (report->form != RESPONSE_FAILED)
        add_part(multipart, make_attachment(report, source, RESPONSE_TABLE_RESULT, failure));
    if (report->again)
        add_part(multipart, make_attachment(report, source, RESPONSE_TABLE_FAILED, failure));
    if (has_export(report))
        add_part(multipart, make_attachment(report, source, RESPONSE_TABLE_EXPORT, failure));
    return GMIME_OBJECT(multipart);
}

static void start_gmime(void)
{
    static gsize started;
    if (g_once_init_enter(&started)) {
        g_mime_init();
        g_once_init_leave(&started, 1);
    }
}

static void write_message(GMimeMessage *message, GOutputStream *out, guint64 bytes_max,
                          ResponseFailure *failure)
{
    g_autoptr(GOutputStream) buffered = g_buffered_output_stream_new_sized(out, 65536);
    g_filter_output_stream_set_close_base_stream(G_FILTER_OUTPUT_STREAM(buffered), FALSE);
    GMimeStream *stream = response_out_stream(buffered, bytes_max, failure);
    GMimeFormatOptions *options = g_mime_format_options_new();
    g_mime_format_options_set_newline_format(options, GMIME_NEWLINE_FORMAT_DOS);
    gssize written = g_mime_object_write_to_stream(GMIME_OBJECT(message), options, stream);
    GError *error = NULL;
    if (!failure->error && !g_output_stream_flush(buffered, NULL, &error))
        response_fail(failure, error);
    else if (written < 0 && !failure->error)
        response_fail(failure, g_error_new_literal(G_IO_ERROR, G_IO_ERROR_FAILED,
                                                   "the response could not be written"));
    g_mime_format_options_free(options);
    g_object_unref(stream);
}

bool response_write(const Job *job, const ResponseSource *source, ResponseForm form,
                    guint64 bytes_max, gint64 now, GOutputStream *out, GError **error)
{
    ResponseFailure failure = {NULL};
    g_auto(Report) report = {.job = job,
                             .form = form,
                             .bytes_max = bytes_max,
                             .now = now,
                             .failures = g_string_new(NULL)};
    report.head = job->refusal ? NULL : source->head;
    report.note = source->note;
    report.shown = source->shown;
    start_gmime();
    if (!report.head || gather(&report, source, &failure)) {
        if (report.form == RESPONSE_FAILED && report.again == 0 && !has_export(&report))
            report.form = RESPONSE_TEXT;
        bool small = report.form == RESPONSE_TEXT || !report.head;
        bytes_max = small ? G_MAXUINT64 : bytes_max - MIN(bytes_max, ADDED_BYTES_MAX);
        GMimeMessage *message = make_message(&report);
        GMimeObject *body = make_body(&report, source, &failure);
        g_mime_message_set_mime_part(message, body);
        g_object_unref(body);
        write_message(message, out, bytes_max, &failure);
        g_object_unref(message);
    }
    if (failure.error)
        g_propagate_error(error, failure.error);
    return failure.error == NULL;
}
