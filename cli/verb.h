/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_VERB_H
#define BATCHLOAD_VERB_H

#include "cli/cli.h"

#include "lib/operation.h"

/* The verbs: batchload TYPE ACTION. Which there are, and what each takes, comes from the tables of
 * types, actions and columns (lib/operation, lib/field); here is only what people read and type. */

/* What a verb does: an action of a request, or show. */
typedef struct {
    ObjectType type;
    Action action;
    bool show;
} Verb;

/* What stood behind a verb. */
typedef struct {
    char *as, *reference, *password_file;
    int password_fd; /* -1: none */
    gboolean no_wait, check, password, csv, json;
    char **cell[FIELD_COUNT]; /* what was given for each column, NULL: nothing */
    GPtrArray *spelt;         /* words of argv that were spelt otherwise */
} VerbOptions;
void verb_options_clear(VerbOptions *options);

/* "user" for FULL, "list" …; owned by the caller. */
char *verb_word(ObjectType type);
/* The type of such a word, or of a type's own name. */
bool verb_type(const char *word, ObjectType *type);
/* "mailbox accounts"; static. */
const char *verb_things(ObjectType type);
/* "ADDRESS", or "DOMAIN" where the type has no USER; static. */
const char *verb_names(ObjectType type);
/* Whether the verb takes the column. */
bool verb_takes(const Verb *verb, Field field);
/* "given-name" for GIVENNAME; owned by the caller. */
char *verb_option(Field field);

/* The actions of a type, as "add, delete and show" lists them. Owned by the caller. */
char *verb_actions(ObjectType type);

/* The help of all verbs of a type, of one verb, and the usage line of one. Owned by the caller. */
char *verb_type_help(ObjectType type);
char *verb_help(const Verb *verb);
char *verb_usage(const Verb *verb);

/* Parses what stands behind the verb; argv is left with the addresses. false: *code says with what
 * to end. */
bool verb_parse(const Verb *verb, int *argc, char ***argv, VerbOptions *options, int *code);

/* The password that is to be set, as the options say, or typed on a terminal where none of them
 * does and it is needed; *password stays NULL where there is none. Caller owns it. Returns the exit
 * code. */
int verb_password(const Verb *verb, const VerbOptions *options, Secret **password);

/* How it is told what is there: for people, or else. */
typedef struct {
    bool csv, json;
    bool hashes;        /* with the passwords' hashes */
    const char *output; /* a new file, which only we may read; NULL: standard output */
} VerbShow;

/* What is there, for each of the names (addresses or domains), of a type or (TYPE_COUNT) all of it.
 * Returns the exit code. */
int verb_show(const CliPlace *place, int type, char **names, const VerbShow *how);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VerbOptions, verb_options_clear)

#endif
