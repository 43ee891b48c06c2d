/* SPDX-License-Identifier: MIT */
#include "policy/map-file.h"
#include "lib/conf-file.h"
#include "lib/secret.h"
#include "policy/map.h"
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <gio/gunixinputstream.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Logical lines up to this length, in bytes, leave no copy of themselves while they grow. */
#define LINE_BYTES (64 * 1024)

int map_file_open(const char *path, gsize max, struct stat *status, GError **error)
{
    /* Not blocking, or a FIFO would hold up the start. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        g_set_error(error, MAP_ERROR, MAP_ERROR_FAILED, "The table %s can't be read: %s.", path,
                    g_strerror(errno));
        return -1;
    }
    const char *fault = NULL;
    if (fstat(fd, status) != 0 || !S_ISREG(status->st_mode) || (gsize)status->st_size > max)
        g_set_error(error, MAP_ERROR, MAP_ERROR_FAILED,
                    "The table %s can't be read: it is no regular file of at most %" G_GSIZE_FORMAT
                    " bytes.",
                    path, max);
    else if ((fault = conf_file_fault(status)) != NULL)
        g_set_error(error, MAP_ERROR, MAP_ERROR_FAILED, "The table %s can't be used: %s.", path,
                    fault);
    else
        return fd;
    close(fd);
    return -1;
}

char *map_file_read(const char *path, gsize max, gsize *size, mode_t *mode, GError **error)
{
    struct stat status;
    int fd = map_file_open(path, max, &status, error);
    if (fd < 0)
        return NULL;
    g_autoptr(GInputStream) stream = g_unix_input_stream_new(fd, TRUE);
    g_autofree char *text = g_malloc((gsize)status.st_size + 1);
    g_autoptr(GError) failed = NULL;
    if (!g_input_stream_read_all(stream, text, (gsize)status.st_size, size, NULL, &failed)) {
        g_set_error(error, MAP_ERROR, MAP_ERROR_FAILED, "The table %s can't be read: %s.", path,
                    failed->message);
        return NULL;
    }
    if (mode != NULL)
        *mode = status.st_mode;
    return g_steal_pointer(&text);
}

char *map_file_fingerprint(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return g_strdup_printf("errno %d;", errno);
    return g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT ":%" G_GINT64_FORMAT
                           ":%" G_GINT64_FORMAT ".%09ld:%" G_GINT64_FORMAT ".%09ld;",
                           (guint64)status.st_dev, (guint64)status.st_ino, (gint64)status.st_size,
                           (gint64)status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                           (gint64)status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
}

bool map_file_check_path(const char *type, const char *name, GError **error)
{
    if (g_path_is_absolute(name))
        return true;
    g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX,
                "The table %s:%s needs a full path, such as %s:/etc/batchload/senders.", type, name,
                type);
    return false;
}

bool map_is_space(char c)
{
    return g_ascii_isspace(c) || c == '\v';
}

char *map_skip_spaces(char *text)
{
    while (map_is_space(*text))
        text++;
    return text;
}

char *map_strip(char *text)
{
    text = map_skip_spaces(text);
    gsize length = strlen(text);
    while (length > 0 && map_is_space(text[length - 1]))
        length--;
    text[length] = '\0';
    return text;
}

const char *map_line_problem(const GString *line)
{
    if (memchr(line->str, '\0', line->len) != NULL)
        return "it holds a NUL byte";
    if (map_is_space(line->str[0]))
        return "it begins with white space, but there is no line that it could continue";
    return g_utf8_validate(line->str, (gssize)line->len, NULL) ? NULL : "it is not UTF-8";
}

static bool counts_nowhere(const char *line, gsize size)
{
    gsize i = 0;
    while (i < size && map_is_space(line[i]))
        i++;
    return i == size || line[i] == '#';
}

void map_file_lines(const char *text, gsize size, MapFileLine take, gpointer data)
{
    GString *logical = g_string_sized_new(MIN(size, LINE_BYTES));
    unsigned first = 0, line = 0;
    while (size > 0) {
        const char *newline = memchr(text, '\n', size);
        gsize length = newline != NULL ? (gsize)(newline - text) : size;
        line++;
        if (!counts_nowhere(text, length)) {
            if (!map_is_space(text[0]) && logical->len > 0) {
                take(data, logical, first);
                g_string_truncate(logical, 0);
            }
            if (logical->len == 0)
                first = line;
            g_string_append_len(logical, text, (gssize)length);
        }
        if (newline != NULL)
            length++;
        text += length;
        size -= length;
    }
    if (logical->len > 0)
        take(data, logical, first);
    secret_wipe(logical->str, logical->allocated_len);
    g_string_free(logical, TRUE);
}
