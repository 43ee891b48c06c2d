/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_REQUEST_H
#define BATCHLOAD_REQUEST_H

#include "lib/mode.h"
#include "lib/secret.h"
#include <gio/gio.h>
#include <stdbool.h>

/* The mail becomes a request: keywords and the attachment. The bytes are parsed by a helper
 * program (batchload-parse, GMime) in a confined child, a fresh one per mail (which may have been
 * started before it): a mail that crashes GMime or exhausts memory costs that mail only.
 * doc/requests.md section 2.
 *
 * The child never holds the mail: it reads it as a replayed stream. Frames on its standard input
 * are a 32-bit length in host order and that many bytes; length 0 is the end of the mail, length
 * REQUEST_FRAME_REWOUND says that the mail begins again. On its standard output it sends frames
 * of a 32-bit length, a byte of REQUEST_FRAME_* kind, and so many bytes: READY says that the child
 * is confined and begins to read, REWIND asks for the mail from its start, RECORD is the typed
 * record (GVariant REQUEST_RECORD_TYPE: a ParseReason, the reference, the Mode, the password; read
 * by the parent as untrusted), DATA is decoded attachment, END closes it. A child that ends
 * before READY tells nothing about the mail, nor does one that somebody killed, or that says by
 * EX_IOERR that its socket failed. Both are one socket. */
#define REQUEST_FRAME_REWOUND 0xffffffffu
#define REQUEST_FRAME_MAX 65536
#define REQUEST_REWINDS_MAX 8
#define REQUEST_RECORD_TYPE "(ysys)"
enum {
    REQUEST_FRAME_READY = 'Y',
    REQUEST_FRAME_REWIND = 'W',
    REQUEST_FRAME_RECORD = 'R',
    REQUEST_FRAME_DATA = 'D',
    REQUEST_FRAME_END = 'E',
};

/* The helper's arguments are the first seven limits, and this word where a mail needs no password.
 */
#define REQUEST_PASSWORD_OPTIONAL "password-optional"

/* Longest values of the keywords, in bytes. */
#define REQUEST_REFERENCE_MAX 200
#define REQUEST_PASSWORD_MAX 1024
#define REQUEST_TEXT_MAX 65536 /* of the first text part that is looked at for keywords */

typedef struct {
    guint64 message_bytes_max;
    guint64 attachment_bytes_max;
    unsigned mime_depth_max;
    unsigned mime_parts_max;
    gsize header_bytes_max;    /* all headers of one part */
    guint64 parser_memory_max; /* bytes of address space of the child */
    unsigned parser_cpu_seconds;
    unsigned parser_seconds; /* the parent waits for the child, in all */
    bool password_optional;  /* a mail without password is a request, too */
} RequestLimits;

/* Refusals of the whole request, in the order in which they are looked for; the message is the
 * sentence that the administrator reads and names the limit where there is one. The order
 * continues with the proof and then TABLE_ERROR_*. */
typedef enum {
    REQUEST_ERROR_TOO_LARGE,
    REQUEST_ERROR_UNREADABLE, /* GMime's critical warnings, or the child died of this mail */
    REQUEST_ERROR_NO_TABLE,   /* no batchload.csv */
    REQUEST_ERROR_SEVERAL_TABLES,
    REQUEST_ERROR_KEYWORD,     /* a keyword twice with different values, reference too long,
                                  a Mode that does not exist */
    REQUEST_ERROR_NO_PASSWORD, /* missing or empty */
    REQUEST_ERROR_CHILD,       /* could not tell: no child could be started, pipe or spool
                                  failed; to be tried again, never told to anybody */
    REQUEST_ERROR_CUT,         /* the same: somebody else ended the child */
    REQUEST_ERROR_DAMAGED,     /* the mail's stream, or open, failed with SEAL_ERROR_BROKEN: it will
                                  the next time, too */
} RequestError;
#define REQUEST_ERROR (request_error_quark())
GQuark request_error_quark(void);

typedef struct {
    char *reference; /* never NULL, "" where none; valid UTF-8, one line, no control characters */
    Mode mode;
    Secret *password; /* never NULL, "" where it is optional only */
} Request;

typedef struct RequestReader RequestReader;

/* Why the system ended the child over its mail, for the log: "its processor time was up (SIGXCPU)"
 * and the like. Static; NULL where it was not so. */
const char *request_reader_ended(const RequestReader *reader);

/* Reopens the mail's bytes from the start; called once at first and once per rewind. NULL with
 * any error, which is told as REQUEST_ERROR_CHILD or _DAMAGED. */
typedef GInputStream *(*RequestOpenFunc)(gpointer data, GError **error);

/* Starts helper (an absolute path), which shuts itself in and waits for its one mail: ahead of it,
 * since that takes longer than to read a small one. limits are copied. One thread at a time.
 * SIGCHLD must not be ignored in the process; SIGPIPE does not matter. NULL with
 * REQUEST_ERROR_CHILD. Caller owns the result. */
RequestReader *request_reader_prepare(const char *helper, const RequestLimits *limits,
                                      GError **error);
/* Whether it was started with these limits, got no mail yet, and its child lives. */
bool request_reader_waits(const RequestReader *reader, const RequestLimits *limits);
/* Gives it its mail, once; data must outlive the reader. It blocks in the calling thread only.
 * false with REQUEST_ERROR_CHILD or _DAMAGED. */
bool request_reader_begin(RequestReader *reader, RequestOpenFunc open, gpointer data,
                          GError **error);
/* Both at once. */
RequestReader *request_reader_new(const char *helper, const RequestLimits *limits,
                                  RequestOpenFunc open, gpointer data, GError **error);

/* Kills the child if it still runs, and reaps it. */
void request_reader_free(RequestReader *reader);

/* Runs the child up to its record. The result is owned by the reader. NULL with REQUEST_ERROR.
 * The reference is also had when the request is refused: *reference (may be NULL as a pointer)
 * then holds it or "", owned by the caller. */
const Request *request_reader_request(RequestReader *reader, char **reference, GError **error);

/* The decoded batchload.csv, once, after the request. Reads fail with REQUEST_ERROR (TOO_LARGE,
 * UNREADABLE, CHILD). Not seekable. Owned by the caller; must be freed before the reader. */
GInputStream *request_reader_table(RequestReader *reader);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(RequestReader, request_reader_free)

#endif
