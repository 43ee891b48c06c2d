/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_CONFIG_H
#define BATCHLOAD_CONFIG_H

#include "lib/addon.h"
#include "lib/address.h"
#include "lib/directory.h"
#include "lib/log.h"
#include "lib/operation.h"
#include "lib/password.h"
#include "lib/profile.h"
#include "lib/request.h"
#include "lib/spool.h"
#include "lib/submit.h"
#include "lib/table.h"

/* batchload.conf (libconfuse), validated whole. One immutable snapshot, shared by reference. */

/* Version of the configuration format. */
#define CONFIG_VERSION 1

typedef struct {
    /* daemon */
    char *socket;         /* "unix:/path" or "inet:port@host" */
    unsigned socket_mode; /* of a unix socket; default 0660 */
    char *socket_group;   /* or NULL */
    char *user;           /* to run as; NULL: stay */
    LogTarget log;
    char *log_file; /* with LOG_TO_FILE */
    unsigned workers;
    char *parser; /* path of batchload-parse */
    /* mail */
    GStrv batch_addresses; /* normal form, at least one */
    char *sender_table;    /* "texthash:/path" */
    char *login_map;       /* the same, or NULL: whose addresses a login owns */
    char *authserv_id;     /* of our own filter's Authentication-Results, or NULL */
    bool authserv_trusted; /* it removes foreign ones of that name, and always adds its own */
    bool wrong_subject_reject;
    GStrv reserved_addresses; /* local parts, lower case */
    /* request */
    RequestLimits request;
    TableLimits table;
    OperationRules rules;
    PasswordScheme password_scheme;
    unsigned atomic_rows; /* most rows of a request with Mode: atomic */
    unsigned slice_rows;
    unsigned list_members_max;
    unsigned proof_wait;        /* seconds a job may wait unproven for the directory */
    unsigned refusal_pause;     /* seconds between a refused proof and its response */
    unsigned refusals_per_hour; /* most responses to unproven requests, to one address */
    LockoutRules lockout;
    /* rooms */
    SpoolSettings spool;
    DirectorySettings directory;
    char *addons_folder;   /* of the registrations of add-ons */
    GPtrArray *addons;     /* of Addon; NULL with config_load_file() */
    char *addon_socket;    /* "unix:/path" of batchload-follow */
    char *addon_user;      /* as whom that runs them; NULL: as who it is */
    unsigned addon_wait;   /* seconds the response waits for them at most */
    char *panel_requester; /* normal form: whose requests a panel's calls are, or NULL */
    char *panel_commands;  /* the folder of the commands that calls of a panel run */
    Profile *profile;
    SubmitSettings submit;
    guint64 response_bytes_max; /* of a response as the MTA has it */
    unsigned export_rows_max;   /* of all that one request asks to see, together */
    guint64 export_bytes_max;
    guint64 compress_above; /* a response larger than this has its attachments compressed */
} Config;

typedef enum { CONFIG_ERROR_SYNTAX, CONFIG_ERROR_FILE } ConfigError;
#define CONFIG_ERROR (config_error_quark())
GQuark config_error_quark(void);

/* Reads and checks everything, the profile and the directory's password file included. NULL with
 * CONFIG_ERROR, file and line in the message where libconfuse knows them. The caller owns one
 * reference. Any thread, but not two at once (libconfuse). */
Config *config_load(const char *path, GError **error);
/* For those who may not read the directory's password: the file is checked as above, no other file
 * is opened, what belongs to other rooms may be missing, and profile and bind_password are NULL.
 * NULL with CONFIG_ERROR. */
Config *config_load_file(const char *path, GError **error);

Config *config_ref(Config *config);
void config_unref(Config *config);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Config, config_unref)

#endif
