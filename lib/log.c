/* SPDX-License-Identifier: MIT */
#include "lib/log.h"

#include "lib/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define VALUE_MAX 200
#define FILE_MODE 0640

/* The one thing a process has of its log: set once by log_open(), only read afterwards (what lies
 * behind fd changes with log_reopen()). */
static struct {
    LogTarget target;
    int fd;
    char *ident;
    char *path; /* of LOG_TO_FILE */
} process_log = {LOG_TO_STDERR, STDERR_FILENO, NULL, NULL};

static int open_file(const char *path, GError **error)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, FILE_MODE);
    if (fd < 0) {
        int saved = errno;
        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(saved), "log file %s: %s",
                    path, g_strerror(saved));
    }
    return fd;
}

bool log_open(LogTarget target, const char *ident, const char *path, GError **error)
{
    g_free(process_log.ident);
    process_log.ident = g_strdup(ident); /* openlog() keeps the pointer */
    process_log.target = LOG_TO_STDERR;
    if (process_log.fd != STDERR_FILENO)
        close(process_log.fd);
    process_log.fd = STDERR_FILENO;
    if (target == LOG_TO_SYSLOG) {
        openlog(process_log.ident, LOG_PID | LOG_NDELAY, LOG_MAIL);
    } else if (target == LOG_TO_FILE) {
        int fd = open_file(path, error);
        if (fd < 0)
            return false;
        g_free(process_log.path);
        process_log.path = g_strdup(path);
        process_log.fd = fd;
    }
    process_log.target = target;
    return true;
}

bool log_reopen(GError **error)
{
    struct stat now = {0}, there = {0};
    if (process_log.target != LOG_TO_FILE)
        return true;
    (void)!fstat(process_log.fd, &now);
    bool in_place = stat(process_log.path, &there) == 0;
    if (in_place && now.st_dev == there.st_dev && now.st_ino == there.st_ino)
        return true;
    int fd = open_file(process_log.path, error);
    if (fd < 0)
        return false;
    /* Whoever could read the old one can read a new one of ours, whatever the umask is by now. */
    if (!in_place)
        (void)!fchmod(fd, now.st_mode & 0777);
    /* In one step: other threads may be writing. */
    bool moved = dup3(fd, process_log.fd, O_CLOEXEC) >= 0;
    int saved = errno;
    close(fd);
    if (!moved)
        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(saved), "log file %s: %s",
                    process_log.path, g_strerror(saved));
    return moved;
}

/* As Postfix begins the lines of these levels. */
static const char *level_prefix(LogLevel level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return "error: ";
    case LOG_LEVEL_WARNING:
        return "warning: ";
    case LOG_LEVEL_INFO:
    case LOG_LEVEL_DEBUG:
        break;
    }
    return "";
}

static int level_priority(LogLevel level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return LOG_ERR;
    case LOG_LEVEL_WARNING:
        return LOG_WARNING;
    case LOG_LEVEL_INFO:
        return LOG_INFO;
    case LOG_LEVEL_DEBUG:
        break;
    }
    return LOG_DEBUG;
}

/* One write(2), so that lines of several threads and processes don't mix. */
static void write_line(const char *text)
{
    const char *ident = process_log.ident != NULL ? process_log.ident : g_get_prgname();
    GString *line = g_string_new(NULL);

    if (process_log.target == LOG_TO_FILE) {
        g_autoptr(GDateTime) now = g_date_time_new_now_local();
        g_autofree char *stamp = g_date_time_format(now, "%b %e %H:%M:%S");
        g_string_printf(line, "%s %s ", stamp, g_get_host_name());
    }
    g_string_append_printf(line, "%s[%d]: %s\n", ident != NULL ? ident : "batchload", (int)getpid(),
                           text);
    while (write(process_log.fd, line->str, line->len) < 0 && errno == EINTR)
        ;
    g_string_free(line, TRUE);
}

void log_line(LogLevel level, const char *queue_id, const char *format, ...)
{
    g_autofree char *words = NULL, *whole = NULL, *line = NULL;
    va_list arguments;

    /* syslog sorts these out by itself; elsewhere nobody could */
    if (level == LOG_LEVEL_DEBUG && process_log.target != LOG_TO_SYSLOG)
        return;
    va_start(arguments, format);
    words = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    whole = g_strconcat(queue_id != NULL ? queue_id : "", queue_id != NULL ? ": " : "",
                        level_prefix(level), words, NULL);
    line = text_printable(whole, -1, LOG_LINE_MAX);
    if (process_log.target == LOG_TO_SYSLOG)
        syslog(level_priority(level), "%s", line);
    else
        write_line(line);
}

static bool is_plain(const char *text)
{
    if (*text == '\0' || strcmp(text, "-") == 0)
        return false;
    for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        if (c == '"' || c == '\\' || g_unichar_isspace(c))
            return false;
    }
    return true;
}

char *log_value(const char *text)
{
    g_autofree char *shown = NULL;
    GString *quoted;

    if (text == NULL)
        return g_strdup("-");
    shown = text_printable(text, -1, VALUE_MAX);
    if (is_plain(shown))
        return g_steal_pointer(&shown);
    quoted = g_string_new("\"");
    for (const char *at = shown; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            g_string_append_c(quoted, '\\');
        g_string_append_c(quoted, *at);
    }
    g_string_append_c(quoted, '"');
    return g_string_free(quoted, FALSE);
}
