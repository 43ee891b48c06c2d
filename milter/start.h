/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_START_H
#define BATCHLOAD_START_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* What a daemon does once at its start, before any thread. Errors are sentences for the
 * postmaster. */
typedef enum {
    START_ERROR_USER,   /* no such user or group */
    START_ERROR_SOCKET, /* the socket's path is in use or can't be used */
    START_ERROR_FOLDER, /* the spool's folder can't be made */
    START_ERROR_RIGHTS, /* privileges could not be dropped */
} StartError;
#define START_ERROR (start_error_quark())
GQuark start_error_quark(void);

/* The options of a program that has a configuration, and no others. */
typedef struct {
    char *config; /* owned by the caller */
    gboolean version;
} StartOptions;
/* Takes them from the command line; summary: a sentence for --help. false: what is wrong was
 * logged. */
bool start_options(int *argc, char ***argv, const char *summary, StartOptions *options);

/* Whom to run as. */
typedef struct {
    char *name; /* NULL: stay who we are */
    uid_t uid;
    gid_t gid;
} StartUser;

/* name NULL: stay. false with START_ERROR_USER where there is no such user, or where we are another
 * one and not root, who could become it. */
bool start_user_find(const char *name, StartUser *user, GError **error);
void start_user_clear(StartUser *user);

/* Makes the folder (0700, the user's) where it is missing. */
bool start_make_folder(const char *path, const StartUser *user, GError **error);

/* Gives a file just made to the user. */
bool start_give_file(const char *path, const StartUser *user, GError **error);

/* Makes a file (0640, the user's) where there is none of this name: no link is followed. */
bool start_make_file(const char *path, const StartUser *user, GError **error);

/* From _lend to _return this process has the user's rights to files, not root's: a name in a folder
 * of the user's may be a link to anything. false with START_ERROR_RIGHTS. */
bool start_rights_lend(const StartUser *user, GError **error);
bool start_rights_return(const StartUser *user, GError **error);

/* Whether the group of a unix socket is there; nothing is changed. false with START_ERROR_USER. */
bool start_socket_check(const char *socket, const char *group, GError **error);

/* Before and after a socket is opened, which gets the mode and group that were configured; a stale
 * unix socket (one where connecting is refused) is removed, a missing folder is made (0755).
 * Afterwards the umask is 077. Other sockets than unix ones need nothing. false with
 * START_ERROR_SOCKET or START_ERROR_USER. */
bool start_socket_prepare(const char *socket, unsigned mode, const char *group, GError **error);
bool start_socket_opened(const char *socket, const char *group, GError **error);

/* Becomes user for good, in no other group than its own ones, without any capability, and shows
 * that there is no way back. Then also where nobody is to become: no program that is run gives new
 * rights (no_new_privs), unless runs_program says that one must, a set-group-ID sendmail(1); and no
 * dump is written, which a change of user would allow again. */
bool start_drop_rights(const StartUser *user, bool runs_program, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StartUser, start_user_clear)

#endif
