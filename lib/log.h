/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_LOG_H
#define BATCHLOAD_LOG_H

#include <glib.h>
#include <stdbool.h>

typedef enum { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_FILE } LogTarget;
typedef enum { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG } LogLevel;

/* Longest line written; what is longer is cut. */
#define LOG_LINE_MAX 2000

/* Opens the log of this process; ident is the program's name. path is used with LOG_TO_FILE only
 * (opened for append, mode 0640; lines in the shape of a Postfix maillog_file). Before it is
 * called, and after a failure (false with error), lines go to stderr. Main thread, once. */
bool log_open(LogTarget target, const char *ident, const char *path, GError **error);

/* Opens the file of LOG_TO_FILE again, for it may have been renamed; no line is lost. One that is
 * still in its place, and every other target, is left as it is. false with a G_FILE_ERROR: lines go
 * on to the old file. Main thread. */
bool log_reopen(GError **error);

/* One line in Postfix's shape: "QUEUEID: text" (queue_id NULL: "text"), with "warning: " or
 * "error: " before the text of these levels; debug lines go to syslog only. Control characters and
 * bytes that are not UTF-8 are written as '?', so that no value can begin a line of its own. Any
 * thread. */
void log_line(LogLevel level, const char *queue_id, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* text as a value for key=value: as it is where it is plain, else in double quotes with '"' and
 * '\' escaped and control characters as '?', cut at 200 bytes. NULL gives "-". Caller owns it. */
char *log_value(const char *text);

#endif
