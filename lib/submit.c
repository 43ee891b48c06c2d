/* SPDX-License-Identifier: MIT */
#include "lib/submit.h"

#include "lib/submit-sendmail.h"

#include "lib/address.h"
#include "lib/seal.h"
#include "lib/text.h"

#include <curl/curl.h>
#include <string.h>

/* Longest words of the server that are repeated, in bytes. */
#define WORDS_MAX 300
/* Most bytes of one reply that are kept. */
#define REPLY_MAX 1000
/* How long the server may take to say good-bye. What becomes of the message stands by then. */
#define QUIT_SECONDS 2

#define SENDMAIL "sendmail:"

G_DEFINE_QUARK(batchload_submit_error, submit_error)

/* --- the target --- */

/* Scheme, host and perhaps a port; nothing else. Caller frees with curl_url_cleanup(). */
static CURLU *parse_smtp(const char *target)
{
    static const CURLUPart none[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
                                     CURLUPART_QUERY, CURLUPART_FRAGMENT};
    CURLU *url = curl_url();
    char *path = NULL;
    bool good = g_str_has_prefix(target, "smtp://") &&
                curl_url_set(url, CURLUPART_URL, target, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_PATH, &path, 0) == CURLUE_OK && strcmp(path, "/") == 0;

    curl_free(path);
    for (gsize i = 0; good && i < G_N_ELEMENTS(none); i++) {
        char *part = NULL;
        good = curl_url_get(url, none[i], &part, 0) != CURLUE_OK;
        curl_free(part);
    }
    if (good)
        return url;
    curl_url_cleanup(url);
    return NULL;
}

bool submit_runs_program(const SubmitSettings *settings)
{
    return g_str_has_prefix(settings->target, SENDMAIL);
}

bool submit_target_valid(const char *target, GError **error)
{
    CURLU *url;

    if (g_str_has_prefix(target, SENDMAIL) && g_path_is_absolute(target + strlen(SENDMAIL)))
        return true;
    url = parse_smtp(target);
    if (url != NULL) {
        curl_url_cleanup(url);
        return true;
    }
    g_set_error_literal(error, SUBMIT_ERROR, SUBMIT_ERROR_AWAY,
                        "smtp://HOST:PORT or sendmail:/PATH was expected");
    return false;
}

/* --- SMTP --- */

typedef struct {
    GInputStream *message;
    GError *read_error;
    guint64 sent;      /* bytes of the message */
    guint64 announced; /* most bytes of one, as the server says; 0: it does not */
    bool in_ehlo;
    bool in_mail;   /* MAIL or a later command was the last one sent */
    bool quits;     /* QUIT was sent: what is answered now says nothing of the message */
    GString *reply; /* to the last command */
    bool whole;     /* its last line has come */
} Dialogue;

static size_t on_read(char *buffer, size_t size, size_t count, void *data)
{
    Dialogue *dialogue = data;
    gssize got =
        g_input_stream_read(dialogue->message, buffer, size * count, NULL, &dialogue->read_error);
    if (got < 0)
        return CURL_READFUNC_ABORT;
    dialogue->sent += (guint64)got;
    return (size_t)got;
}

static bool is_command(const char *data, size_t size, const char *word)
{
    return size >= strlen(word) && g_ascii_strncasecmp(data, word, strlen(word)) == 0;
}

/* "250-SIZE 10240000"; without a number, or 0, there is no limit that it knows of (RFC 1870). */
static void take_size(Dialogue *dialogue, const char *line, size_t size)
{
    g_autofree char *text = g_strndup(line, size);
    guint64 number;
    if (strlen(text) <= 9 || !g_str_has_prefix(text, "250") ||
        g_ascii_strncasecmp(text + 4, "SIZE ", 5) != 0)
        return;
    g_strstrip(text);
    if (g_ascii_string_to_unsigned(text + 9, 10, 0, G_MAXUINT64, &number, NULL))
        dialogue->announced = number;
}

/* Of a reply of several lines all but the last one have a hyphen behind the code. */
static bool ends_reply(const char *data, size_t size)
{
    const char *line;
    while (size > 0 && strchr("\r\n", data[size - 1]) != NULL)
        size--;
    line = g_strrstr_len(data, (gssize)size, "\n");
    line = line != NULL ? line + 1 : data;
    return line + 3 >= data + size || line[3] != '-';
}

/* The library's result says that something failed; what and when is told by the dialogue itself. */
static int on_debug(CURL *curl, curl_infotype type, char *data, size_t size, void *user)
{
    Dialogue *dialogue = user;

    if (dialogue->quits)
        return 0;
    if (type == CURLINFO_HEADER_OUT) {
        dialogue->quits = is_command(data, size, "QUIT");
        if (dialogue->quits) {
            curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)QUIT_SECONDS);
            return 0;
        }
        dialogue->in_ehlo = is_command(data, size, "EHLO");
        dialogue->in_mail = is_command(data, size, "MAIL") || is_command(data, size, "RCPT") ||
                            is_command(data, size, "DATA");
        g_string_truncate(dialogue->reply, 0);
        dialogue->whole = false;
    } else if (type == CURLINFO_HEADER_IN) {
        if (dialogue->in_ehlo)
            take_size(dialogue, data, size);
        dialogue->whole = ends_reply(data, size);
        /* of DATA's two answers the second counts */
        if (g_str_has_prefix(dialogue->reply->str, "354"))
            g_string_truncate(dialogue->reply, 0);
        if (dialogue->reply->len + size <= REPLY_MAX)
            g_string_append_len(dialogue->reply, data, (gssize)size);
    }
    return 0;
}

static void set_options(CURL *curl, const SubmitSettings *settings, const char *url,
                        struct curl_slist *recipients, Dialogue *dialogue)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)settings->seconds);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)settings->seconds);
    /* The last reply has no other bound; and QUIT is said by this handle, not by the library's own
     * one, which would wait for minutes. */
    curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)settings->seconds);
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    /* CURLOPT_MAIL_FROM stays unset: that is the null sender */
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(curl, CURLOPT_READDATA, dialogue);
    curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug);
    curl_easy_setopt(curl, CURLOPT_DEBUGDATA, dialogue);
    curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
}

/* "smtp://host:port/helo": the library takes our name from the path. */
static char *url_with_helo(const SubmitSettings *settings)
{
    CURLU *url = parse_smtp(settings->target);
    g_autofree char *path = g_strconcat("/", settings->helo ? settings->helo : "localhost", NULL);
    char *text = NULL, *copy = NULL;

    if (url != NULL && curl_url_set(url, CURLUPART_PATH, path, CURLU_URLENCODE) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK)
        copy = g_strdup(text);
    curl_free(text);
    curl_url_cleanup(url);
    return copy;
}

void submit_unreadable(const GError *cause, GError **error)
{
    bool damaged = g_error_matches(cause, SEAL_ERROR, SEAL_ERROR_BROKEN);
    g_set_error(error, SUBMIT_ERROR, damaged ? SUBMIT_ERROR_DAMAGED : SUBMIT_ERROR_AWAY,
                "the message can't be read: %s", cause->message);
}

static Answer conclude(CURLcode code, const Dialogue *dialogue, GError **error)
{
    g_autofree char *reply = g_strstrip(g_strdup(dialogue->reply->str));
    g_autofree char *words = text_printable(g_strdelimit(reply, "\r\n", ' '), -1, WORDS_MAX);

    if (code == CURLE_OK)
        return ANSWER_YES;
    /* Half a refusal is none: the connection broke. */
    if (dialogue->in_mail && dialogue->whole && words[0] == '5') {
        /* 552: by the server's own count, which has what it adds */
        bool large = dialogue->announced > 0 &&
                     (dialogue->sent > dialogue->announced || g_str_has_prefix(words, "552"));
        g_set_error(error, SUBMIT_ERROR, large ? SUBMIT_ERROR_TOO_LARGE : SUBMIT_ERROR_REFUSED,
                    "the mail server refuses the message: %s", words);
        return ANSWER_NO;
    }
    if (dialogue->read_error != NULL)
        submit_unreadable(dialogue->read_error, error);
    else if (words[0] == '4' || words[0] == '5')
        g_set_error(error, SUBMIT_ERROR, SUBMIT_ERROR_AWAY,
                    "the mail server does not take the message now: %s", words);
    else
        g_set_error(error, SUBMIT_ERROR, SUBMIT_ERROR_AWAY, "the mail server can't be used: %s",
                    curl_easy_strerror(code));
    return ANSWER_UNKNOWN;
}

static Answer submit_smtp(const SubmitSettings *settings, const char *recipient,
                          GInputStream *message, guint64 *bytes_max, GError **error)
{
    g_autofree char *url = url_with_helo(settings);
    struct curl_slist *recipients = curl_slist_append(NULL, recipient);
    Dialogue dialogue = {.message = message, .reply = g_string_new(NULL)};
    CURL *curl = curl_easy_init();
    CURLcode code = CURLE_FAILED_INIT;
    Answer answer;

    if (curl != NULL && url != NULL) {
        set_options(curl, settings, url, recipients, &dialogue);
        code = curl_easy_perform(curl);
    }
    answer = conclude(code, &dialogue, error);
    *bytes_max = dialogue.announced;
    curl_easy_cleanup(curl);
    curl_slist_free_all(recipients);
    g_string_free(dialogue.reply, TRUE);
    g_clear_error(&dialogue.read_error);
    return answer;
}

Answer submit_message(const SubmitSettings *settings, const char *recipient, GInputStream *message,
                      guint64 *bytes_max, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(Address) address = address_parse(recipient, NULL, &cause);

    *bytes_max = 0;
    /* what is no address could be read as something else on the way */
    if (address == NULL) {
        g_set_error(error, SUBMIT_ERROR, SUBMIT_ERROR_REFUSED,
                    "the recipient is not an address: %s", cause->message);
        return ANSWER_NO;
    }
    if (submit_runs_program(settings))
        return submit_sendmail(settings->target + strlen(SENDMAIL), settings->seconds,
                               address->full, message, error);
    return submit_smtp(settings, address->full, message, bytes_max, error);
}
