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

const char *conf_file_fault(const struct stat *status)
{
    return (status->st_mode & S_IWOTH) != 0
               ? "everybody may write to it; its mode must be 0644, 0664 or less"
               : NULL;
}

/* The file's text, or NULL. */
static char *read_text(const char *path, const char **why)
{
    g_autofree char *text = g_malloc(CONF_FILE_MAX + 1);
    FILE *file = fopen(path, "re");
    struct stat status;
    gsize length;
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        *why = g_strerror(errno);
        if (file != NULL)
            fclose(file);
        return NULL;
    }
    length = fread(text, 1, CONF_FILE_MAX + 1, file);
    *why = ferror(file) != 0                    ? g_strerror(EIO)
           : length > CONF_FILE_MAX             ? g_strerror(EFBIG)
           : memchr(text, '\0', length) != NULL ? g_strerror(EINVAL)
                                                : conf_file_fault(&status);
    fclose(file);
    if (*why != NULL)
        return NULL;
    text[length] = '\0';
    return g_steal_pointer(&text);
}

int conf_file_parse(cfg_t *cfg, const char *path, const char **why)
{
    g_autofree char *text = read_text(path, why);
    char newline[] = "\n";
    FILE *stream;
    int result;
    if (text == NULL)
        return CFG_FILE_ERROR;
    blank_comments(text);
    /* A stream of nothing can't be opened. */
    stream = *text == '\0' ? fmemopen(newline, 1, "r") : fmemopen(text, strlen(text), "r");
    if (stream == NULL) {
        *why = g_strerror(errno);
        return CFG_FILE_ERROR;
    }
    free(cfg->filename);
    cfg->filename = strdup(path);
    result = cfg_parse_fp(cfg, stream);
    fclose(stream);
    return result;
}
