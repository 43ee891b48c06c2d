/* SPDX-License-Identifier: MIT */
#include "lib/parse.h"
#include "lib/keyword.h"
#include "lib/parse-stream.h"
#include "lib/parse-uuencode.h"
#include "lib/text.h"
#include <string.h>

#define TABLE_NAME "batchload.csv"

struct Parse {
    RequestLimits limits;
    ParseInput input;
    GMimeParserOptions *options;
    GMimeMessage *message;
    /* while the parser runs */
    unsigned chain;       /* containers since the last finished part */
    unsigned chain_leaf;  /* input.leaves when it began */
    guint64 chain_header; /* bytes of headers since then */
    /* found on the walk */
    unsigned parts;
    unsigned tables;
    GMimePart *table;
    bool table_uuencoded; /* it stands so in its part, which may be a text */
    bool winmail;         /* a part in Outlook's own format, which may hold any file */
    bool workbook;        /* a file that a spreadsheet program keeps for itself */
    GPtrArray *plains;    /* of GMimePart: the texts, in their order */
    GMimePart *html;
    bool found[PARSE_REASON_COUNT];
    bool done;
    ParseRecord record;
};

/* --- while the parser runs --- */

static void find(Parse *parse, ParseReason reason)
{
    parse->found[reason] = true;
}

static void stop(Parse *parse, ParseReason reason)
{
    find(parse, reason);
    parse->input.stopped = true;
}

/* Which of the parser's warnings make a mail unreadable: those after which another program might
 * see another mail than this one does. */
static void warned(gint64 offset G_GNUC_UNUSED, GMimeParserWarning warning,
                   const char *item G_GNUC_UNUSED, gpointer data)
{
    Parse *parse = data;
    switch (warning) {
    case GMIME_CRIT_INVALID_HEADER_NAME:
    case GMIME_CRIT_CONFLICTING_HEADER:
    case GMIME_WARN_DUPLICATED_HEADER:
    case GMIME_WARN_INVALID_ADDRESS_LIST:
        find(parse, PARSE_HEADER);
        return;
    case GMIME_CRIT_CONFLICTING_PARAMETER:
    case GMIME_WARN_DUPLICATED_PARAMETER:
        find(parse, PARSE_PARAMETER);
        return;
    case GMIME_CRIT_MULTIPART_WITHOUT_BOUNDARY:
    case GMIME_CRIT_PART_WITHOUT_HEADERS_OR_CONTENT:
    case GMIME_WARN_MALFORMED_MULTIPART:
        find(parse, PARSE_BOUNDARY);
        return;
    case GMIME_WARN_TRUNCATED_MESSAGE:
    case GMIME_WARN_MALFORMED_MESSAGE:
        find(parse, PARSE_TRUNCATED);
        return;
    case GMIME_CRIT_NESTING_OVERFLOW:
        stop(parse, PARSE_MIME_DEPTH);
        return;
    case GMIME_WARN_UNENCODED_8BIT_HEADER:
    case GMIME_WARN_INVALID_CONTENT_TYPE:
    case GMIME_WARN_INVALID_RFC2047_HEADER_VALUE:
    case GMIME_WARN_INVALID_PARAMETER:
    case GMIME_WARN_PART_WITHOUT_CONTENT:
        return;
    }
}

/* The parser has no limits of its own; these end its input. */
static void check_input(gpointer data)
{
    Parse *parse = data;
    const ParseInput *input = &parse->input;
    if (input->nul)
        find(parse, PARSE_NUL);
    if ((guint64)input->seen > parse->limits.message_bytes_max)
        stop(parse, PARSE_MESSAGE_BYTES);
    if ((guint64)input->first_header > parse->limits.header_bytes_max)
        stop(parse, PARSE_HEADER_BYTES);
    if (input->leaves > parse->limits.mime_parts_max)
        stop(parse, PARSE_MIME_PARTS);
}

/* Each header of each part as the parser meets it. Parts that hold parts follow each other down
 * to the first that does not; so their number is a depth, and their headers' bytes have a bound.
 * The walk afterwards is exact, this keeps the growth small until then. */
static void met_header(GMimeParser *parser G_GNUC_UNUSED, const char *name, const char *value,
                       gint64 offset G_GNUC_UNUSED, gpointer data)
{
    Parse *parse = data;
    if (parse->chain_leaf != parse->input.leaves) {
        parse->chain_leaf = parse->input.leaves;
        parse->chain = 0;
        parse->chain_header = 0;
    }
    guint64 max = parse->limits.header_bytes_max;
    gsize size = strlen(name) + strlen(value) + 1;
    parse->chain_header += size;
    if (size > max || parse->chain_header / (parse->limits.mime_depth_max + 1u) > max)
        stop(parse, PARSE_HEADER_BYTES);
    if (g_ascii_strcasecmp(name, "Content-Type") != 0)
        return;
    value += strspn(value, " \t\r\n");
    if (g_ascii_strncasecmp(value, "multipart/", 10) != 0 &&
        g_ascii_strncasecmp(value, "message/", 8) != 0)
        return;
    if (++parse->chain > parse->limits.mime_depth_max)
        stop(parse, PARSE_MIME_DEPTH);
}

static void run_parser(Parse *parse)
{
    GMimeStream *stream = parse_input_stream(&parse->input);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    g_mime_parser_set_persist_stream(parser, TRUE);
    g_mime_parser_set_header_regex(parser, "^", met_header, parse);
    parse->message = g_mime_parser_construct_message(parser, parse->options);
    g_object_unref(parser);
    g_object_unref(stream);
    parse->input.check = NULL;
    parse->input.stopped = false;
    if (parse->message == NULL)
        find(parse, PARSE_HEADER);
}

/* --- what the parts are --- */

static void check_headers(Parse *parse, GMimeObject *object)
{
    GMimeHeaderList *list = g_mime_object_get_header_list(object);
    int count = g_mime_header_list_get_count(list);
    guint64 bytes = 0;
    for (int i = 0; i < count; i++) {
        GMimeHeader *header = g_mime_header_list_get_header_at(list, i);
        const char *value = g_mime_header_get_raw_value(header);
        bytes += strlen(g_mime_header_get_name(header)) + 1 + (value ? strlen(value) : 0);
    }
    if (bytes > parse->limits.header_bytes_max)
        find(parse, PARSE_HEADER_BYTES);
}

static bool is_table_name(const char *name)
{
    return name != NULL && g_ascii_strcasecmp(name, TABLE_NAME) == 0;
}

/* A header as it stands, "" where there is none. */
static const char *raw_header(GMimeObject *object, const char *name)
{
    GMimeHeader *found = g_mime_header_list_get_header(g_mime_object_get_header_list(object), name);
    const char *raw = found == NULL ? NULL : g_mime_header_get_raw_value(found);
    return raw == NULL ? "" : raw;
}

/* "filename=" and "filename*0=" side by side: the parser joins them, others take one. */
static bool has_mixed_names(GMimeObject *object, const char *header, const char *parameter)
{
    const char *raw = raw_header(object, header);
    bool plain = false, starred = false;
    gsize length = strlen(parameter);
    for (const char *at = raw; *at != '\0'; at++) {
        if (g_ascii_strncasecmp(at, parameter, length) != 0 || at == raw || g_ascii_isalnum(at[-1]))
            continue;
        const char *next = at + length + strspn(at + length, " \t\r\n");
        plain = plain || *next == '=';
        starred = starred || *next == '*';
    }
    return plain && starred;
}

static bool is_uuencoded(GMimePart *part)
{
    return g_mime_part_get_content_encoding(part) == GMIME_CONTENT_ENCODING_UUENCODE;
}

/* The file of a part, by either of its names. */
static void look_at_names(Parse *parse, GMimePart *part)
{
    GMimeObject *object = GMIME_OBJECT(part);
    const char *file = g_mime_object_get_content_disposition_parameter(object, "filename");
    const char *name = g_mime_object_get_content_type_parameter(object, "name");
    bool by_file = is_table_name(file);
    bool by_name = is_table_name(name);
    if (!by_file && !by_name)
        return;
    if ((file != NULL && !by_file) || (name != NULL && !by_name) ||
        has_mixed_names(object, "Content-Disposition", "filename") ||
        has_mixed_names(object, "Content-Type", "name"))
        find(parse, PARSE_PARAMETER);
    /* The name goes on behind it, for those who see that (RFC 2231). */
    if (strstr(raw_header(object, "Content-Disposition"), "%00") != NULL ||
        strstr(raw_header(object, "Content-Type"), "%00") != NULL)
        find(parse, PARSE_NUL);
    parse->tables++;
    if (parse->table == NULL) {
        parse->table = part;
        parse->table_uuencoded = is_uuencoded(part);
    }
}

/* What Outlook wraps files in when it believes that the reader has Outlook, too (TNEF). */
static bool is_winmail(GMimePart *part)
{
    const char *name = g_mime_part_get_filename(part);
    GMimeContentType *type = g_mime_object_get_content_type(GMIME_OBJECT(part));
    return g_mime_content_type_is_type(type, "application", "ms-tnef") ||
           g_mime_content_type_is_type(type, "application", "vnd.ms-tnef") ||
           (name != NULL && g_ascii_strcasecmp(name, "winmail.dat") == 0);
}

static bool is_workbook(GMimePart *part)
{
    static const char *const ends[] = {".xls", ".xlsx", ".xlsm", ".xlsb", ".ods", ".numbers"};
    const char *name = g_mime_part_get_filename(part);
    const char *dot = name != NULL ? strrchr(name, '.') : NULL;
    for (gsize i = 0; dot != NULL && i < G_N_ELEMENTS(ends); i++)
        if (g_ascii_strcasecmp(dot, ends[i]) == 0)
            return true;
    return false;
}

/* A text is what has no file name and is not said to be a file. */
static bool is_text(GMimePart *part, const char *subtype)
{
    GMimeObject *object = GMIME_OBJECT(part);
    GMimeContentType *type = g_mime_object_get_content_type(object);
    GMimeContentDisposition *disposition = g_mime_object_get_content_disposition(object);
    return g_mime_content_type_is_type(type, "text", subtype) &&
           g_mime_part_get_filename(part) == NULL &&
           (disposition == NULL ||
            g_ascii_strcasecmp(g_mime_content_disposition_get_disposition(disposition),
                               GMIME_DISPOSITION_ATTACHMENT) != 0);
}

static void look_at_leaf(Parse *parse, GMimePart *part)
{
    look_at_names(parse, part);
    parse->winmail = parse->winmail || is_winmail(part);
    parse->workbook = parse->workbook || is_workbook(part);
    if (is_text(part, "plain"))
        g_ptr_array_add(parse->plains, part);
    if (parse->html == NULL && is_text(part, "html"))
        parse->html = part;
}

/* own: not inside an attached mail. The recursion is bounded by the parser's. */
static void walk(Parse *parse, GMimeObject *object, unsigned depth, bool own)
{
    parse->parts++;
    if (depth > parse->limits.mime_depth_max)
        find(parse, PARSE_MIME_DEPTH);
    check_headers(parse, object);
    if (GMIME_IS_MULTIPART(object)) {
        GMimeMultipart *multipart = GMIME_MULTIPART(object);
        int count = g_mime_multipart_get_count(multipart);
        for (int i = 0; i < count; i++)
            walk(parse, g_mime_multipart_get_part(multipart, i), depth + 1, own);
        if (count == 0)
            find(parse, PARSE_BOUNDARY);
    } else if (GMIME_IS_MESSAGE_PART(object)) {
        GMimeMessage *message = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
        if (message == NULL)
            return;
        check_headers(parse, GMIME_OBJECT(message));
        if (g_mime_message_get_mime_part(message) != NULL)
            walk(parse, g_mime_message_get_mime_part(message), depth + 1, false);
    } else if (GMIME_IS_MESSAGE_PARTIAL(object)) {
        find(parse, PARSE_PARTIAL);
    } else if (own && GMIME_IS_PART(object)) {
        look_at_leaf(parse, GMIME_PART(object));
    }
}

static void look_at_parts(Parse *parse)
{
    GMimeObject *top = parse->message ? g_mime_message_get_mime_part(parse->message) : NULL;
    if (top == NULL)
        return;
    check_headers(parse, GMIME_OBJECT(parse->message));
    walk(parse, top, 0, true);
    if (parse->parts > parse->limits.mime_parts_max)
        find(parse, PARSE_MIME_PARTS);
}

/* --- texts --- */

/* What reads a text: its beginning is kept, and all of it is looked through for a file. */
typedef struct {
    GString *bytes; /* never more than REQUEST_TEXT_MAX; NULL: not wanted */
    Uuencode *file; /* NULL: not wanted */
} Text;

static bool write_text(gpointer data, const void *bytes, gsize size)
{
    Text *text = data;
    gsize room = text->bytes != NULL ? REQUEST_TEXT_MAX - text->bytes->len : 0;
    if (room > 0)
        g_string_append_len(text->bytes, bytes, (gssize)MIN(room, size));
    return text->file != NULL ? uuencode_feed(text->file, bytes, size) : size < room;
}

static void read_part(GMimePart *part, bool (*write)(gpointer, const void *, gsize), gpointer data)
{
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    if (content == NULL)
        return;
    GMimeStream *sink = parse_sink_new(write, data);
    g_mime_data_wrapper_write_to_stream(content, sink);
    g_object_unref(sink);
}

static bool write_file(gpointer data, const void *bytes, gsize size)
{
    return uuencode_feed(data, bytes, size);
}

/* The file in a part; false when its write failed. Of a part whose transfer encoding is uuencode
 * the mail's own lines are read: GMime would not tell whether the end was there. */
static bool read_file(GMimePart *part, Uuencode *file)
{
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    if (is_uuencoded(part) && content != NULL) {
        GMimeStream *raw = g_mime_data_wrapper_get_stream(content);
        GMimeStream *sink = parse_sink_new(write_file, file);
        g_mime_stream_reset(raw);
        g_mime_stream_write_to_stream(raw, sink);
        g_object_unref(sink);
    } else {
        read_part(part, write_file, file);
    }
    return uuencode_end(file);
}

static void found_file(Parse *parse, GMimePart *part, const Uuencode *file)
{
    if (file->files == 0)
        return;
    parse->tables += file->files;
    if (file->broken)
        find(parse, PARSE_UUENCODE);
    if (parse->table == NULL) {
        parse->table = part;
        parse->table_uuencoded = true;
    }
}

/* Each byte as the character of that number: what always works. */
static Secret *of_latin1(const char *bytes, gsize length)
{
    GString *text = g_string_sized_new(2 * length + 1);
    for (gsize i = 0; i < length; i++)
        g_string_append_unichar(text, (guchar)bytes[i]);
    return g_string_free(text, FALSE);
}

/* What is not in the character set that it claims is UTF-8 if it can be, else Windows-1252. */
static Secret *to_utf8(const char *bytes, gsize length, const char *charset)
{
    gsize used = 0;
    if (charset != NULL && g_ascii_strcasecmp(charset, "us-ascii") != 0 &&
        g_ascii_strcasecmp(charset, "utf-8") != 0) {
        char *text = g_convert(bytes, (gssize)length, "UTF-8", g_mime_charset_iconv_name(charset),
                               &used, NULL, NULL);
        if (text != NULL)
            return text;
    }
    const char *end;
    /* The last character may have been cut at the limit. */
    if (g_utf8_validate(bytes, (gssize)length, &end) ||
        (length == REQUEST_TEXT_MAX && length - (gsize)(end - bytes) < 4))
        return secret_ndup(bytes, (gsize)(end - bytes));
    char *text = g_convert(bytes, (gssize)length, "UTF-8", "WINDOWS-1252", &used, NULL, NULL);
    return text != NULL ? text : of_latin1(bytes, length);
}

static bool has_parameter(GMimePart *part, const char *name, const char *value)
{
    const char *found = g_mime_object_get_content_type_parameter(GMIME_OBJECT(part), name);
    return found != NULL && g_ascii_strcasecmp(found, value) == 0;
}

/* file: also looked for, or NULL. */
static void keywords_of_part(GMimePart *part, bool html, Uuencode *file, Keywords *keywords)
{
    /* Sized so that it never moves and leaves no copy behind. */
    Text head = {g_string_sized_new(REQUEST_TEXT_MAX + 1), file};
    read_part(part, write_text, &head);
    const char *charset = g_mime_object_get_content_type_parameter(GMIME_OBJECT(part), "charset");
    g_autoptr(Secret) text = to_utf8(head.bytes->str, head.bytes->len, charset);
    secret_free(g_string_free(head.bytes, FALSE));
    if (html) {
        g_autoptr(Secret) plain = keyword_text_of_html(text);
        keywords_add_text(keywords, plain);
    } else if (has_parameter(part, "format", "flowed")) {
        g_autoptr(Secret) plain = keyword_text_of_flowed(text, has_parameter(part, "delsp", "yes"));
        keywords_add_text(keywords, plain);
    } else {
        keywords_add_text(keywords, text);
    }
}

/* Texts are read in the order in which they stand, so that the mail begins again once at most. */
static void look_at_texts(Parse *parse, Keywords *keywords)
{
    if (parse->plains->len == 0 && parse->html != NULL)
        keywords_of_part(parse->html, true, NULL, keywords);
    for (guint i = 0; i < parse->plains->len; i++) {
        GMimePart *part = g_ptr_array_index(parse->plains, i);
        Uuencode file = {.name = TABLE_NAME};
        bool both = i == 0 && !is_uuencoded(part);
        if (i == 0)
            keywords_of_part(part, false, both ? &file : NULL, keywords);
        if (both)
            uuencode_end(&file);
        else
            read_file(part, &file);
        found_file(parse, part, &file);
    }
}

static void look_for_keywords(Parse *parse, Keywords *keywords)
{
    if (parse->message == NULL)
        return;
    GMimeHeaderList *list = g_mime_object_get_header_list(GMIME_OBJECT(parse->message));
    int count = g_mime_header_list_get_count(list);
    for (int i = 0; i < count; i++) {
        GMimeHeader *header = g_mime_header_list_get_header_at(list, i);
        const char *raw = g_mime_header_get_raw_value(header);
        g_autoptr(Secret) decoded =
            g_mime_utils_header_decode_text(parse->options, raw == NULL ? "" : raw);
        g_autoptr(Secret) value = g_utf8_make_valid(decoded, -1);
        keywords_add(keywords, g_mime_header_get_name(header), value);
    }
    look_at_texts(parse, keywords);
}

static void judge_mode(Parse *parse, const Keywords *keywords)
{
    const char *mode = keywords->value[KEYWORD_MODE];
    ParseRecord *record = &parse->record;
    if (keywords->twice[KEYWORD_MODE])
        find(parse, PARSE_MODE_TWICE);
    if (mode == NULL || g_ascii_strcasecmp(mode, "apply") == 0)
        record->mode = MODE_APPLY;
    else if (g_ascii_strcasecmp(mode, "check") == 0)
        record->mode = MODE_CHECK;
    else if (g_ascii_strcasecmp(mode, "atomic") == 0)
        record->mode = MODE_ATOMIC;
    else
        find(parse, PARSE_MODE_UNKNOWN);
}

static void judge_keywords(Parse *parse, const Keywords *keywords)
{
    const char *reference = keywords->value[KEYWORD_BATCHLOAD];
    const char *password = keywords->value[KEYWORD_PASSWORD];
    if (keywords->twice[KEYWORD_BATCHLOAD])
        find(parse, PARSE_REFERENCE_TWICE);
    if (reference != NULL && strlen(reference) > REQUEST_REFERENCE_MAX)
        find(parse, PARSE_REFERENCE_LONG);
    parse->record.reference = text_printable(reference ? reference : "", -1, REQUEST_REFERENCE_MAX);
    if (keywords->twice[KEYWORD_PASSWORD])
        find(parse, PARSE_PASSWORD_TWICE);
    const bool missing = password == NULL || *password == '\0';
    if (missing && !parse->limits.password_optional)
        find(parse, password == NULL && keywords->late[KEYWORD_PASSWORD] ? PARSE_PASSWORD_LATE
                                                                         : PARSE_NO_PASSWORD);
    else if (!missing && strlen(password) > REQUEST_PASSWORD_MAX)
        find(parse, PARSE_PASSWORD_LONG);
    judge_mode(parse, keywords);
}

/* --- the table --- */

typedef struct {
    guint64 size;
    guint64 max;
} Count;

static bool write_count(gpointer data, const void *bytes G_GNUC_UNUSED, gsize size)
{
    Count *count = data;
    count->size += size;
    return count->size <= count->max;
}

/* The file in the part that holds it: any of a part that has the name itself. */
static const char *name_inside(const Parse *parse)
{
    return is_uuencoded(parse->table) ? NULL : TABLE_NAME;
}

/* No transfer encoding makes bytes more than they were: only a part that is over the limit as it
 * stands in the mail has to be decoded to know. */
static void check_table_size(Parse *parse)
{
    GMimeDataWrapper *content = g_mime_part_get_content(parse->table);
    Count count = {0, parse->limits.attachment_bytes_max};
    if (parse->table_uuencoded) {
        Uuencode file = {.name = name_inside(parse)};
        read_file(parse->table, &file);
        if (file.broken || file.files != 1)
            find(parse, PARSE_UUENCODE);
        count.size = file.bytes;
    } else if (content != NULL) {
        gint64 raw = g_mime_stream_length(g_mime_data_wrapper_get_stream(content));
        if (raw < 0 || (guint64)raw > count.max)
            read_part(parse->table, write_count, &count);
    }
    if (count.size > count.max)
        find(parse, PARSE_ATTACHMENT_BYTES);
}

typedef struct {
    GByteArray *bytes;
    bool (*write)(gpointer data, const void *bytes, gsize size);
    gpointer data;
    bool failed;
} Pieces;

static bool flush_pieces(Pieces *pieces)
{
    if (pieces->bytes->len > 0 && !pieces->failed)
        pieces->failed = !pieces->write(pieces->data, pieces->bytes->data, pieces->bytes->len);
    g_byte_array_set_size(pieces->bytes, 0);
    return !pieces->failed;
}

static bool write_pieces(gpointer data, const void *bytes, gsize size)
{
    Pieces *pieces = data;
    const guint8 *at = bytes;
    while (size > 0) {
        gsize piece = MIN(size, REQUEST_FRAME_MAX - pieces->bytes->len);
        g_byte_array_append(pieces->bytes, at, (guint)piece);
        at += piece;
        size -= piece;
        if (pieces->bytes->len == REQUEST_FRAME_MAX && !flush_pieces(pieces))
            return false;
    }
    return true;
}

bool parse_table(Parse *parse, bool (*write)(gpointer data, const void *bytes, gsize size),
                 gpointer data)
{
    g_return_val_if_fail(parse->done && parse->record.reason == PARSE_OK, false);
    Pieces pieces = {g_byte_array_sized_new(REQUEST_FRAME_MAX), write, data, false};
    if (parse->table_uuencoded) {
        Uuencode file = {.name = name_inside(parse), .write = write_pieces, .data = &pieces};
        read_file(parse->table, &file);
    } else {
        read_part(parse->table, write_pieces, &pieces);
    }
    flush_pieces(&pieces);
    g_byte_array_free(pieces.bytes, TRUE);
    return !pieces.failed && !parse->input.failed;
}

/* --- the whole --- */

Parse *parse_new(const ParseSource *source, const RequestLimits *limits)
{
    Parse *parse = g_new0(Parse, 1);
    parse->limits = *limits;
    parse->plains = g_ptr_array_new();
    /* Parsers of 8-bit headers try these. */
    static const char *charsets[] = {"utf-8", "windows-1252", "iso-8859-1", NULL};
    parse->options = g_mime_parser_options_new();
    g_mime_parser_options_set_fallback_charsets(parse->options, charsets);
    g_mime_parser_options_set_warning_callback(parse->options, warned, parse);
    parse->input = (ParseInput){
        .source = *source,
        .newlines = 1, /* a mail may begin with its empty line */
        .check = check_input,
        .data = parse,
    };
    return parse;
}

void parse_free(Parse *parse)
{
    if (parse == NULL)
        return;
    g_ptr_array_free(parse->plains, TRUE);
    g_clear_object(&parse->message);
    g_mime_parser_options_free(parse->options);
    g_free(parse->record.reference);
    secret_free(parse->record.password);
    g_free(parse);
}

const ParseRecord *parse_record(Parse *parse)
{
    if (!parse->done) {
        Keywords keywords = {0};
        run_parser(parse);
        look_at_parts(parse);
        look_for_keywords(parse, &keywords);
        judge_keywords(parse, &keywords);
        if (parse->tables == 0)
            find(parse, parse->winmail    ? PARSE_WINMAIL
                        : parse->workbook ? PARSE_WORKBOOK
                                          : PARSE_NO_TABLE);
        else if (parse->tables > 1)
            find(parse, PARSE_SEVERAL_TABLES);
        else
            check_table_size(parse);
        ParseReason reason = PARSE_OK + 1;
        while (reason < PARSE_REASON_COUNT && !parse->found[reason])
            reason++;
        parse->record.reason = reason == PARSE_REASON_COUNT ? PARSE_OK : reason;
        const char *password = keywords.value[KEYWORD_PASSWORD];
        parse->record.password =
            secret_dup(parse->record.reason == PARSE_OK && password != NULL ? password : "");
        keywords_clear(&keywords);
        parse->done = true;
    }
    return parse->input.failed ? NULL : &parse->record;
}
