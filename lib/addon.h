/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_ADDON_H
#define BATCHLOAD_ADDON_H

#include <glib.h>
#include <stdbool.h>

/* Add-ons: programs that follow what was changed in the directory. Each is registered by a file
 * NAME.conf (libconfuse) in the folder of the setting addons; RegisterMailAddon writes one. */

/* Version of that file's format. */
#define ADDON_VERSION 1
/* Most add-ons, and most parameters of an interpreter. */
#define ADDONS_MAX 8
#define ADDON_PARAMETERS_MAX 20
/* Longest name of an add-on, and longest other value, in bytes. */
#define ADDON_NAME_MAX 64
#define ADDON_VALUE_MAX 1000
/* How long one call may take, in seconds. */
#define ADDON_SECONDS 60
#define ADDON_SECONDS_MAX 3600

typedef struct {
    char *name; /* of the file, without its end */
    char *vendor, *server, *server_version;
    char *folder;      /* where its executables are, absolute */
    char *extension;   /* of each ("php"), or "" */
    char *interpreter; /* absolute, or NULL: they are run by themselves */
    GStrv parameters;  /* of the interpreter */
    bool older;        /* called with the parameters of the older API (3.x) */
    unsigned seconds;
    GStrv calls;      /* the only ones that it takes; NULL: all */
    char *mail_store; /* absolute: removes the mail of an account that was deleted; or NULL */
} Addon;

typedef enum { ADDON_ERROR_FILE, ADDON_ERROR_SYNTAX } AddonError;
#define ADDON_ERROR (addon_error_quark())
GQuark addon_error_quark(void);

/* Letters, digits, and . _ - behind the first. */
bool addon_name_is_good(const char *name);

/* Reads one registration, or all of a folder in the order of their names (of Addon); a folder that
 * is not there has none. NULL with ADDON_ERROR, a sentence with the file's name. Not two threads at
 * once (libconfuse). Caller owns the result. */
Addon *addon_load(const char *folder, const char *name, GError **error);
GPtrArray *addons_load(const char *folder, GError **error);
void addon_free(Addon *addon);

/* Checks an add-on and writes its file (0644), which replaces one of that name. */
bool addon_store(const Addon *addon, const char *folder, GError **error);

/* The file of a registration. Caller owns it. */
char *addon_file(const char *folder, const char *name);
/* Whether it is called for a call of the API. */
bool addon_takes(const Addon *addon, const char *call);
/* What a call runs: the interpreter with its parameters, if any, and the executable, whose index is
 * *program. NULL where there is none for it (ADDON_MAIL_STORE without mail_store). Caller owns it.
 */
GPtrArray *addon_command(const Addon *addon, const char *call, unsigned *program);

/* The call that is none of the API's: removes the mail of an account that was deleted. Parameters:
 * the identifier of its mailbox, DomainName, UserName. */
#define ADDON_MAIL_STORE "RemoveMailStore"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Addon, addon_free)

#endif
