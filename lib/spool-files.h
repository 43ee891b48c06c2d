/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SPOOL_FILES_H
#define BATCHLOAD_SPOOL_FILES_H

#include "lib/spool.h"

/* The spool's folder on the disk:
 *
 *   DIR/  lock  spool.db (-wal, -shm)  mail/ID  rows/ID  response/ID
 *
 * (ID.tmp until the file is whole; what is small lies in spool.db, see lib/spool-content.h.)
 * All of it is the daemon's own (0700, 0600); links, other owners and other modes are refused.
 * Everything is opened relative to folders held open, never through a link. Any thread. */
typedef enum { SPOOL_MAIL, SPOOL_ROWS, SPOOL_RESPONSE, SPOOL_FOLDER_COUNT } SpoolFolder;

typedef struct {
    char *path; /* real path of the folder */
    int root;
    int lock;
    int folder[SPOOL_FOLDER_COUNT];
} SpoolFiles;

/* Makes what is missing, takes the lock, looks at all that lies there. NULL with
 * SPOOL_ERROR_UNSAFE, _LOCKED or _STORE. */
SpoolFiles *spool_files_open(const char *directory, GError **error);
void spool_files_close(SpoolFiles *files);

/* The real path of a folder whose spool.db is a plain file; owned by the caller. For readers. */
char *spool_files_look(const char *directory, GError **error);

/* A new file for writing, or a file for reading; a descriptor, owned by the caller, or -1. _create
 * with errno EEXIST where it is there. */
int spool_files_create(const SpoolFiles *files, SpoolFolder folder, const char *name,
                       GError **error);
int spool_files_read(const SpoolFiles *files, SpoolFolder folder, const char *name, GError **error);

/* Bytes that may still be written to the disk; G_MAXUINT64 where that can't be told. */
guint64 spool_files_room(const SpoolFiles *files);

/* Syncs the names in the folder, and its own: once all is there that is to last, the database's log
 * included, for the library does not heed whether its own sync of the folder went well. */
bool spool_files_sync_names(const SpoolFiles *files, GError **error);

/* Syncs a file, or the names in a folder. *fatal: what the disk holds is not known. */
bool spool_files_sync(int fd, bool *fatal, GError **error);
bool spool_files_sync_folder(const SpoolFiles *files, SpoolFolder folder, bool *fatal,
                             GError **error);
bool spool_files_rename(const SpoolFiles *files, SpoolFolder folder, const char *from,
                        const char *to, GError **error);
/* Leftovers are no failure: the next start removes them. */
void spool_files_remove(const SpoolFiles *files, SpoolFolder folder, const char *name);

/* Removes every file whose name is not in keep (a set). */
bool spool_files_sweep(const SpoolFiles *files, SpoolFolder folder, GHashTable *keep,
                       GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpoolFiles, spool_files_close)

#endif
