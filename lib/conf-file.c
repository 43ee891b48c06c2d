/* SPDX-License-Identifier: MIT */
#include "lib/conf-file.h"

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Deepest nesting of braces that is looked at. */
#define DEPTH_MAX 16

/* Where a scan of the text is. */
typedef struct {
    int line, quote_line;
    char quote; /* '\0': outside of quotes */
    enum { CODE, SHARP, SLASHES, STARRED } in;
    int open[DEPTH_MAX]; /* lines of braces that are not closed */
    gsize depth;
} Scan;

/* Within quotes; returns the last character of the step. */
static char *scan_quoted(Scan *scan, char *at)
{
    if (*at == '\\' && at[1] != '\0')
        return at + 1;
    if (*at == scan->quote)
        scan->quote = '\0';
    return at;
}

static bool begins_word(const char *text, const char *at)
{
    return at == text || strchr(" \t\r\n{}=,", at[-1]) != NULL;
}

static void scan_code(Scan *scan, const char *text, char *at)
{
    if (*at == '#') {
        scan->in = SHARP;
        *at = ' ';
    } else if (*at == '/' && (at[1] == '/' || at[1] == '*') && begins_word(text, at)) {
        scan->in = at[1] == '/' ? SLASHES : STARRED;
    } else if (*at == '"' || *at == '\'') {
        scan->quote = *at;
        scan->quote_line = scan->line;
    } else if (*at == '{') {
        if (scan->depth < DEPTH_MAX)
            scan->open[scan->depth++] = scan->line;
    } else if (*at == '}' && scan->depth > 0) {
        scan->depth--;
    }
}

static void scan_comment(Scan *scan, const char *text, char *at)
{
    if (scan->in == SHARP)
        *at = ' ';
    else if (scan->in == STARRED && *at == '/' && at - text > 1 && at[-1] == '*')
        scan->in = CODE;
}

/* Comments that begin with '#' become blanks; a '#' inside quotes begins none. Returns what is
 * wrong with quotes and braces, which libconfuse tells in odd words and places or not at all, with
 * *line; or NULL. */
static const char *scan_text(char *text, int *line)
{
    Scan scan = {.line = 1};
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '\n' && scan.quote != '\0')
            break;
        if (*at == '\n' && scan.in != STARRED)
            scan.in = CODE;
        else if (scan.quote != '\0')
            at = scan_quoted(&scan, at);
        else if (scan.in == CODE)
            scan_code(&scan, text, at);
        else
            scan_comment(&scan, text, at);
        scan.line += *at == '\n';
    }
    *line = scan.quote_line;
    if (scan.quote != '\0')
        return "a quote opens here and is not closed in this line";
    if (scan.depth > 0)
        *line = scan.open[scan.depth - 1];
    return scan.depth > 0 ? "a brace opens here and is not closed: a } is missing" : NULL;
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
    const char *fault;
    FILE *stream;
    int result;
    if (text == NULL)
        return CFG_FILE_ERROR;
    fault = scan_text(text, &cfg->line);
    if (fault != NULL) {
        cfg_error(cfg, "%s", fault);
        return CFG_PARSE_ERROR;
    }
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
