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

/* What the server says, and what was said to it. */
typedef struct {
    GError *read_error; /* of the message */
    guint64 sent;       /* bytes of the message */
    guint64 announced;  /* most bytes of one, as the server says; 0: it does not */
    bool in_ehlo;
    bool in_mail;   /* MAIL or a later command was the last one sent */
    bool quits;     /* QUIT was sent: what is answered now says nothing of the message */
    GString *reply; /* to the last command */
    bool whole;     /* its last line has come */
} Dialogue;

/* One hand-over. What stands before lock belongs to who runs it, until its end. */
struct Submission {
    char *url;
    struct curl_slist *recipients;
    unsigned seconds;
    gint64 until; /* when it no longer waits for the message; monotonic */
    Dialogue dialogue;
    CURLcode code;
    GThread *thread; /* that runs it; NULL: the one that has the message */
    GMutex lock;
    GCond changed;
    GInputStream *message; /* borrowed; NULL: not there yet */
    bool dropped;          /* none comes */
    bool unused;           /* it has not waited for one any longer */
};

/* The message, when it is there; NULL: it did not come. */
static GInputStream *await_message(Submission *submission)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&submission->lock);
    while (!submission->message && !submission->dropped && !submission->unused)
        submission->unused =
            !g_cond_wait_until(&submission->changed, &submission->lock, submission->until);
    return submission->message;
}

static size_t on_read(char *buffer, size_t size, size_t count, void *data)
{
    Submission *submission = data;
    Dialogue *dialogue = &submission->dialogue;
    GInputStream *message = await_message(submission);
    gssize got =
        message ? g_input_stream_read(message, buffer, size * count, NULL, &dialogue->read_error)
                : -1;
    if (got < 0)
        return CURL_READFUNC_ABORT;
    dialogue->sent += (guint64)got;
    return (size_t)got;
}

/* Now and then, also while the server is silent: not zero ends it. */
static int on_progress(void *data, curl_off_t down G_GNUC_UNUSED, curl_off_t down_now G_GNUC_UNUSED,
                       curl_off_t up G_GNUC_UNUSED, curl_off_t up_now G_GNUC_UNUSED)
{
    Submission *submission = data;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&submission->lock);
    return submission->dropped;
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

static void set_options(CURL *curl, Submission *submission)
{
    const long seconds = (long)submission->seconds;
    curl_easy_setopt(curl, CURLOPT_URL, submission->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, seconds);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, seconds);
    /* The last reply has no other bound; and QUIT is said by this handle, not by the library's own
     * one, which would wait for minutes. */
    curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, seconds);
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    /* CURLOPT_MAIL_FROM stays unset: that is the null sender */
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, submission->recipients);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(curl, CURLOPT_READDATA, submission);
    curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug);
    curl_easy_setopt(curl, CURLOPT_DEBUGDATA, &submission->dialogue);
    curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, submission);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
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

/* --- one hand-over --- */

static Submission *submission_new(const SubmitSettings *settings, const char *recipient)
{
    Submission *submission = g_new0(Submission, 1);
    const gint64 patience = MIN((gint64)settings->seconds * G_USEC_PER_SEC / 4,
                                SUBMIT_AHEAD_SECONDS * (gint64)G_USEC_PER_SEC);
    submission->url = url_with_helo(settings);
    submission->recipients = curl_slist_append(NULL, recipient);
    submission->seconds = settings->seconds;
    submission->until = g_get_monotonic_time() + patience;
    submission->dialogue.reply = g_string_new(NULL);
    submission->code = CURLE_FAILED_INIT;
    g_mutex_init(&submission->lock);
    g_cond_init(&submission->changed);
    return submission;
}

static gpointer submission_run(gpointer data)
{
    Submission *submission = data;
    CURL *curl = curl_easy_init();
    if (curl != NULL && submission->url != NULL) {
        set_options(curl, submission);
        submission->code = curl_easy_perform(curl);
    }
    curl_easy_cleanup(curl);
    return NULL;
}

Submission *submission_begin(const SubmitSettings *settings, const char *recipient)
{
    g_autoptr(Address) address = address_parse(recipient, NULL, NULL);
    if (address == NULL || submit_runs_program(settings))
        return NULL;
    Submission *submission = submission_new(settings, address->full);
    submission->thread = g_thread_try_new("submit", submission_run, submission, NULL);
    if (submission->thread == NULL)
        g_clear_pointer(&submission, submission_free);
    return submission;
}

void submission_free(Submission *submission)
{
    if (submission == NULL)
        return;
    g_mutex_lock(&submission->lock);
    submission->dropped = true;
    g_cond_signal(&submission->changed);
    g_mutex_unlock(&submission->lock);
    if (submission->thread != NULL)
        g_thread_join(submission->thread);
    curl_slist_free_all(submission->recipients);
    g_string_free(submission->dialogue.reply, TRUE);
    g_clear_error(&submission->dialogue.read_error);
    g_mutex_clear(&submission->lock);
    g_cond_clear(&submission->changed);
    g_free(submission->url);
    g_free(submission);
}

/* Gives it the message, and waits for its end. false: it had waited long enough, or what it met is
 * so old, and nothing was sent. */
static bool submission_end(Submission *submission, GInputStream *message)
{
    g_mutex_lock(&submission->lock);
    const bool used = submission->thread == NULL ||
                      (!submission->unused && g_get_monotonic_time() < submission->until);
    if (used)
        submission->message = message;
    submission->dropped = !used;
    g_cond_signal(&submission->changed);
    g_mutex_unlock(&submission->lock);
    if (submission->thread != NULL)
        g_thread_join(g_steal_pointer(&submission->thread));
    else
        submission_run(submission);
    return used;
}

static Answer submit_smtp(const SubmitSettings *settings, const char *recipient, Submission *ahead,
                          GInputStream *message, guint64 *bytes_max, GError **error)
{
    g_autoptr(Submission) submission = ahead;
    if (submission == NULL || !submission_end(submission, message)) {
        g_clear_pointer(&submission, submission_free);
        submission = submission_new(settings, recipient);
        submission_end(submission, message);
    }
    *bytes_max = submission->dialogue.announced;
    return conclude(submission->code, &submission->dialogue, error);
}

Answer submit_message(const SubmitSettings *settings, const char *recipient, Submission *ahead,
                      GInputStream *message, guint64 *bytes_max, GError **error)
{
    g_autoptr(Submission) begun = ahead;
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
    return submit_smtp(settings, address->full, g_steal_pointer(&begun), message, bytes_max, error);
}
