/* SPDX-License-Identifier: MIT */
#include "lib/conf-file.h"

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Comments become blanks; a '#' inside quotes is none. */
static void blank_comments(char *text)
{
    char quote = '\0';
    bool comment = false;
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '\n')
            comment = false;
        else if (comment)
            *at = ' ';
        else if (quote != '\0' && *at == '\\' && at[1] != '\0')
            at++;
        else if (quote != '\0' && *at == quote)
            quote = '\0';
        else if (quote != '\0')
            continue;
        else if (*at == '"' || *at == '\'')
            quote = *at;
        else if (*at == '#') {
            comment = true;
            *at = ' ';
        }
    }
}

/* The file's text, or NULL with errno. */
static char *read_text(const char *path)
{
    g_autofree char *text = g_malloc(CONF_FILE_MAX + 1);
    FILE *file = fopen(path, "re");
    gsize length;
    bool failed;
    if (file == NULL)
        return NULL;
    length = fread(text, 1, CONF_FILE_MAX + 1, file);
    failed = ferror(file) != 0;
    fclose(file);
    if (failed || length > CONF_FILE_MAX || memchr(text, '\0', length) != NULL) {
        errno = failed ? EIO : length > CONF_FILE_MAX ? EFBIG : EINVAL;
        return NULL;
    }
    text[length] = '\0';
    return g_steal_pointer(&text);
}

int conf_file_parse(cfg_t *cfg, const char *path)
{
    g_autofree char *text = read_text(path);
    char newline[] = "\n";
    FILE *stream;
    int result;
    if (text == NULL)
        return CFG_FILE_ERROR;
    blank_comments(text);
    /* A stream of nothing can't be opened. */
    stream = *text == '\0' ? fmemopen(newline, 1, "r") : fmemopen(text, strlen(text), "r");
    if (stream == NULL)
        return CFG_FILE_ERROR;
    free(cfg->filename);
    cfg->filename = strdup(path);
    result = cfg_parse_fp(cfg, stream);
    fclose(stream);
    return result;
}
