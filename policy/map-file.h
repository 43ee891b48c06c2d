/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_MAP_FILE_H
#define BATCHLOAD_MAP_FILE_H

#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* The files that tables are read from; shared by their types. Any thread. */

/* Opens a regular file of at most max bytes for reading, without waiting for a FIFO. Returns the
 * descriptor, which the caller closes, and *status; -1 with MAP_ERROR_FAILED. */
int map_file_open(const char *path, gsize max, struct stat *status, GError **error);

/* The whole of a regular file of at most max bytes; NULL with MAP_ERROR_FAILED. *mode, where asked
 * for, is the mode of what was read. Caller owns the text, which has no NUL at its end. */
char *map_file_read(const char *path, gsize max, gsize *size, mode_t *mode, GError **error);

/* A text that differs as soon as the file does (device, inode, size and times). Caller owns it. */
char *map_file_fingerprint(const char *path);

/* Whether name, of a table of type, is a full path; false with MAP_ERROR_SYNTAX. */
bool map_file_check_path(const char *type, const char *name, GError **error);

/* A logical line, borrowed, and the number of its first line. */
typedef void (*MapFileLine)(gpointer data, const GString *text, unsigned line);

/* Splits a text as postmap(1) and postconf(5) have it: a logical line goes on in the lines after it
 * that begin with white space; blank lines and those whose first text is '#' count nowhere, not
 * even between a line and its continuation. A line that begins with white space without one that
 * it could go on is given as it stands. Nothing of the text is left in memory. */
void map_file_lines(const char *text, gsize size, MapFileLine take, gpointer data);

/* What is wrong with a logical line whatever type it is of, NUL and white space at its beginning
 * before letters that are not UTF-8; static, NULL for nothing. */
const char *map_line_problem(const GString *line);

/* White space as Postfix has it in tables: that of ASCII in the C locale. */
bool map_is_space(char c);
/* Where text goes on after white space. */
char *map_skip_spaces(char *text);
/* text without white space at both ends; changes it in place. */
char *map_strip(char *text);

#endif
