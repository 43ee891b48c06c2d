/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PROFILE_PRIVATE_H
#define BATCHLOAD_PROFILE_PRIVATE_H

#include "lib/profile.h"

/* What the sources of this room share. */

/* The single attributes a profile names. */
typedef enum {
    NAME_ADDRESS,
    NAME_COMMON_NAME,
    NAME_ENABLED,
    NAME_MARK,
    NAME_UNIQUE_ID,
    NAME_VERSION,
    NAME_PASSWORD,
    NAME_MAILBOX_ID,
    NAME_TARGET,
    NAME_MEMBER,
    NAME_FIRST_OPTIONAL,
    NAME_MEMBER_NAME = NAME_FIRST_OPTIONAL,
    NAME_BLOCKED,
    NAME_OWNER,
    NAME_TARGET_DOMAIN,
    NAME_COUNT,
} ProfileName;

typedef struct {
    GStrv classes;  /* of a new entry */
    char *known_by; /* the class that tells the type; NULL: the profile does not have it */
} ProfileType;

struct Profile {
    char *base;
    char *domain_dn; /* templates */
    char *entry_dn;
    char *name[NAME_COUNT];             /* from NAME_FIRST_OPTIONAL on maybe NULL */
    char *field[FIELD_VALUE_COUNT];     /* maybe NULL behind the white pages */
    unsigned digits[FIELD_WHITE_COUNT]; /* 0: any */
    ProfileType type[TYPE_ENTRY_COUNT];
    GPtrArray *attributes;       /* of char *, borrowed, NULL at the end */
    GPtrArray *routing;          /* those that profile_routing_attributes() has; the same */
    const char *other_domain[2]; /* those of profile_other_domain_attributes() */
    GHashTable *columns;         /* attribute as the profile writes it, borrowed → Field */
};

#endif
