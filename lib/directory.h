/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_DIRECTORY_H
#define BATCHLOAD_DIRECTORY_H

#include "lib/answer.h"
#include "lib/entry.h"
#include "lib/secret.h"

/* LDAP sessions (libldap; no other room includes ldap.h). A Directory is one connection for one
 * thread at a time; it connects and binds by itself when needed, and after a fault again. */

/* Most servers that can be named, and what stands between them. */
#define DIRECTORY_SERVERS_MAX 8
#define DIRECTORY_SEPARATORS " \t\r\n,"

/* The servers of a list of addresses: which one is in use, and which are not tried for a moment
 * since they failed. Any thread. */
typedef struct DirectoryServers DirectoryServers;
DirectoryServers *directory_servers_new(const char *uri);
void directory_servers_free(DirectoryServers *servers);
/* Where before has the same addresses, the one that is in use there is in use here, too. */
void directory_servers_follow(DirectoryServers *servers, DirectoryServers *before);
/* A sentence for the log where another server has come into use since the last call, else NULL.
 * Caller owns it. */
char *directory_servers_news(DirectoryServers *servers);

typedef struct {
    char *uri; /* ldapi://…, ldap://…, ldaps://…; or several, separated by blanks or commas: the
                  first one that can be used, which stays in use until it can't be any more */
    DirectoryServers *servers; /* of uri, shared by all connections with these settings; NULL: each
                                  connection is for itself, and makes no pauses */
    bool same_data;            /* what one of the servers has done, all know at once */
    char *base;
    char *bind_dn;         /* NULL: SASL EXTERNAL over ldapi, or with a certificate of our own */
    Secret *bind_password; /* NULL with EXTERNAL */
    bool starttls;
    char *ca_file; /* NULL: the system's */
    unsigned connect_seconds;
    unsigned answer_seconds; /* longest wait for one answer */
    unsigned window;         /* most writes in flight, 1 … 256 */
    /* For tables that are only read; else 0 or NULL: */
    bool reads_only;   /* whether a server takes changes does not matter */
    bool anonymous;    /* no login */
    bool unchecked;    /* whose certificate the server shows is not looked at */
    char *authz_id;    /* whom to be with EXTERNAL, or NULL */
    char *ca_folder;   /* certificates beside those of ca_file, or NULL */
    char *certificate; /* our own, or NULL; with its key */
    char *key;
    bool inside; /* conditions go inside of changes, as with a server that can't check them beside
                    (below); for tests */
    int dereference; /* when aliases are followed, as LDAP_OPT_DEREF has it: 0 never … 3 always */
} DirectorySettings;
/* Frees all that they point to, where it is their own; not the struct, which is empty then. */
void directory_settings_clear(DirectorySettings *settings);

typedef enum {
    DIRECTORY_ERROR_AWAY,     /* could not tell: away, busy, full, broken, answer too late */
    DIRECTORY_ERROR_SETTINGS, /* could not tell: the service's own bind is refused, clear text to a
                                 remote host; the message is for the postmaster's log */
    DIRECTORY_ERROR_SIZE,     /* could not tell: more entries than were asked for */
    DIRECTORY_ERROR_COPY,     /* not done: the server is a copy, and points to another one */
} DirectoryError;
#define DIRECTORY_ERROR (directory_error_quark())
GQuark directory_error_quark(void);

typedef struct Directory Directory;

/* First call of libldap in the process: once, in main(), before threads. */
void directory_init(void);

/* Whether text has the form of an entry's name (a DN), such as base and bind_dn must have. Any
 * thread; asks nobody. */
bool directory_is_name(const char *text);

/* Refuses settings that would send a password in clear, or to a server that is not looked at, to
 * another host: only ldapi, ldaps, StartTLS, or ldap to a loopback address are taken. Does not
 * connect yet. NULL with DIRECTORY_ERROR_SETTINGS. settings must outlive the result, which is for
 * one begun thing until directory_begin(). */
Directory *directory_new(const DirectorySettings *settings, GError **error);
void directory_free(Directory *directory);

/* Answers are waited for until then at the longest (monotonic time; 0: no more than
 * answer_seconds each). Connecting takes what it takes. */
void directory_set_deadline(Directory *directory, gint64 deadline);
/* What is done from now on belongs together: it stays at one server, whichever can be used, or at
 * this one (one of uri; NULL: any), unless all of them have the same data. Until then nothing is
 * sent to another one. false: server is none of uri's, so any will do. */
bool directory_begin(Directory *directory, const char *server);
/* The address of the server that it is at; connects where there are several. Owned by directory.
 * NULL with DIRECTORY_ERROR. */
const char *directory_server(Directory *directory, GError **error);
/* --- the server's schema, for who looks whether a profile suits it --- */

typedef struct DirectorySchema DirectorySchema;

/* ANSWER_YES: *schema is the caller's. ANSWER_NO: the server does not tell it. */
Answer directory_schema_read(Directory *directory, DirectorySchema **schema, GError **error);
void directory_schema_free(DirectorySchema *schema);

typedef enum {
    SCHEMA_UNKNOWN,  /* there is no such attribute */
    SCHEMA_KEPT,     /* the server itself writes it, or it is operational */
    SCHEMA_NOT_TEXT, /* binary, or a password */
    SCHEMA_TEXT,
} SchemaAttribute;
SchemaAttribute directory_schema_attribute(const DirectorySchema *schema, const char *name);
/* Whether an entry of these classes, NULL-terminated, may have the attribute. */
bool directory_schema_allows(const DirectorySchema *schema, const char *const *classes,
                             const char *name);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirectorySchema, directory_schema_free)

/* Whether the server takes changes, which it is asked without making one. ANSWER_YES, or
 * ANSWER_UNKNOWN. */
Answer directory_can_change(Directory *directory, GError **error);
/* Whether its server checks a condition beside a change (RFC 4528), as far as that was met with. */
bool directory_checks_conditions(const Directory *directory);
/* Whether there is a connection, which may have died since it was used last. */
bool directory_is_connected(const Directory *directory);

/* One entry by its DN. ANSWER_YES: *entry, owned by the caller. ANSWER_NO: no such entry. */
Answer directory_read(Directory *directory, const char *dn, const char *const *attributes,
                      Entry **entry, GError **error);

typedef enum { DIRECTORY_SCOPE_BASE, DIRECTORY_SCOPE_ONE, DIRECTORY_SCOPE_SUB } DirectoryScope;

/* Entries below base, or base itself; ANSWER_NO when base itself does not exist; an empty array is
 * ANSWER_YES. More than limit entries: DIRECTORY_ERROR_SIZE. */
Answer directory_search(Directory *directory, const char *base, DirectoryScope scope,
                        const char *filter, const char *const *attributes, unsigned limit,
                        GPtrArray **entries, GError **error);

/* One search of several; the first part is the caller's, borrowed. */
typedef enum {
    QUERY_OPEN, /* not carried out to its end */
    QUERY_DONE,
    QUERY_NO_BASE,  /* base itself does not exist */
    QUERY_TOO_MANY, /* more than limit entries */
    QUERY_CUT,      /* the server gives the service fewer entries at once than there are */
} QueryState;
typedef struct {
    const char *base;
    DirectoryScope scope;
    const char *filter;
    const char *const *attributes;
    unsigned limit;
    /* results */
    QueryState state;
    unsigned found; /* entries that were handed over, at most limit */
} DirectoryQuery;

/* Takes an entry over, as it comes; may not use the directory. false: enough of all the searches.
 */
typedef bool (*DirectoryFound)(gpointer data, const DirectoryQuery *query, Entry *entry);

/* Most searches of one call that are in flight at a time. */
#define DIRECTORY_SEARCHES_MAX 4

/* Carries out all queries (of DirectoryQuery *) on the one connection, a few at a time; their
 * entries come in any order, and none is kept. ANSWER_YES: each has a state other than QUERY_OPEN.
 * ANSWER_NO: found had enough. ANSWER_UNKNOWN: with DIRECTORY_ERROR. */
Answer directory_search_many(Directory *directory, GPtrArray *queries, DirectoryFound found,
                             gpointer data, GError **error);
/* Why a query that is QUERY_TOO_MANY or QUERY_CUT could not be answered. */
void directory_query_fault(const DirectoryQuery *query, GError **error);

/* Whether the server offers to set passwords (RFC 3062) and hash them, as its root entry tells;
 * asked once a connection. ANSWER_YES, or ANSWER_UNKNOWN: with DIRECTORY_ERROR_SETTINGS where it
 * does not. */
Answer directory_sets_passwords(Directory *directory, GError **error);

/* How a write ended. */
typedef enum {
    WRITE_UNSENT, /* never left: nothing can have happened */
    WRITE_DONE,
    WRITE_CONFLICT, /* 68, 32, 122, 16/20 of a value: another state than the one expected */
    WRITE_REFUSED,  /* the row's: 17 18 19 21 33 34 50 64 65 66 67 69; words says why. Of a
                       password 53, too */
    WRITE_UNKNOWN,  /* sent, no answer, or an answer that leaves it open (51 52 53 80 …) */
} WriteState;

typedef struct {
    const Change *change; /* a MOD_PASSWORD in it is set right after the rest is done */
    bool relax;           /* of an ADD: the Relax control, so that the unique id can be given */
    bool again;      /* all but the password is done, and that may be, too: only it is set. Where
                        it is refused the server is asked whether it is the one there already */
    char *assertion; /* RFC 4515 filter that the entry must match, or NULL. Sent as a critical
                        RFC 4528 control; to a server that has none see directory_stream() */
    Change *claim;   /* of a deletion with an assertion: leaves a mark on the entry, or NULL; sent
                        before it where the server has no such control */
    /* results */
    WriteState state;
    bool changed;      /* all but the password is done; with WRITE_REFUSED the password alone was */
    int code;          /* LDAP result code */
    char *words;       /* of WRITE_REFUSED: our words, a sentence, for the administrator */
    char *attribute;   /* the attribute the server's text names, or NULL */
    char *server_text; /* the server's own diagnostic, printable, at most 200 bytes, or NULL; never
                          with a part of a password that was refused */
} Write;

Write *write_new(const Change *change, char *assertion /* taken over */);
void write_free(Write *write);

/* Where writes come from, and their ends go to. Neither function may use the directory. */
typedef struct {
    /* The next write to be sent, which stays the caller's and as it is until it has ended. NULL:
     * none as long as none of those in flight has ended. */
    Write *(*next)(gpointer data);
    /* A write has ended, its results are filled in. Each one that next gave out is told of. */
    void (*ended)(gpointer data, Write *write);
    gpointer data;
} WriteStream;

/* Sends writes in the order in which they are given out and tells each one's end as its answer
 * comes, as many in flight on one connection as keep the server at work, up to window, never two in
 * flight on the same DN or on parent and child; a write's password goes before the next on its DN.
 * To a server whose root entry tells that it does not check conditions beside a change (RFC 4528)
 * a write with an assertion goes in steps: the entry is looked up by that filter, then the change
 * is sent as change_guarded() makes it of what was found, a deletion after its claim was sent so.
 * Where that is refused the filter is asked once more, which tells CONFLICT from REFUSED. Asks for
 * no more after the first UNKNOWN. ANSWER_YES when nothing was given out any more and every write
 * has a sure end (DONE, CONFLICT, REFUSED); ANSWER_UNKNOWN with DIRECTORY_ERROR otherwise. */
Answer directory_stream(Directory *directory, const WriteStream *stream, GError **error);

/* The same with all writes (of Write *) of an array; what was not sent stays WRITE_UNSENT. */
Answer directory_apply(Directory *directory, GPtrArray *writes, GError **error);

/* Tries a person's password on a connection of its own. ANSWER_NO: wrong. An empty password is
 * never sent: ANSWER_NO. */
Answer directory_check_password(Directory *directory, const char *dn, const Secret *password,
                                GError **error);

/* value with the escapes of an RFC 4515 assertion value / an RFC 4514 attribute value. Caller
 * owns the result. */
/* Whether a value has only what neither escapes. */
bool directory_is_plain(const char *value);
char *directory_escape_filter(const char *value);
char *directory_escape_dn(const char *value);

/* An ldap:// address of entries (RFC 4516), without its host: whoever reads it asks the server that
 * it came from. */
typedef struct {
    char *base;
    DirectoryScope scope;
    char *filter;     /* NULL: any entry */
    GStrv attributes; /* NULL: all */
} DirectoryUrl;
/* Whether text begins as one. */
bool directory_is_url(const char *text);
/* NULL: it is none, or has something in it that can't be done. Caller owns the result. */
DirectoryUrl *directory_url_parse(const char *text);
void directory_url_free(DirectoryUrl *url);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Directory, directory_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirectoryServers, directory_servers_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Write, write_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirectoryUrl, directory_url_free)

#endif
