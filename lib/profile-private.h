/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PROFILE_PRIVATE_H
#define BATCHLOAD_PROFILE_PRIVATE_H

#include "lib/conf-file.h"
#include "lib/profile.h"

/* What the sources of this room share. */

/* The single attributes a profile names. */
typedef enum {
    NAME_ADDRESS,
    NAME_COMMON_NAME,
    NAME_MARK,
    NAME_UNIQUE_ID,
    NAME_VERSION,
    NAME_PASSWORD,
    NAME_FIRST_OPTIONAL,
    NAME_MAILBOX_ID = NAME_FIRST_OPTIONAL,
    NAME_ENABLED,
    NAME_ALIAS, /* further addresses of an account; without it they are entries of their own */
    NAME_TARGET,
    NAME_MEMBER, /* on the list: its members; on the member (on_member): its lists */
    NAME_MEMBER_NAME,
    NAME_BLOCKED,
    NAME_OWNER,
    NAME_TARGET_DOMAIN,
    NAME_COUNTER, /* of counter_dn: the next number */
    NAME_COUNT,
} ProfileName;

typedef struct {
    GStrv classes;    /* of a new entry */
    char *known_by;   /* the class that tells the type; NULL: the profile does not have it */
    char *with;       /* what such an entry has besides: this attribute, NULL: nothing */
    char *with_value; /* "*": any */
    char *dn;         /* template of its DN; NULL: that of the profile */
    GStrv fixed;      /* attributes that a new one gets, and in turn their values' templates */
    bool nameless;    /* its classes have no names of persons, and no white pages */
    bool lacks[FIELD_COUNT]; /* columns that it has no place for, though others have */
    bool lacks_action[ACTION_COUNT];
    bool numbered;    /* one of fixed has a number of the counter */
    bool joins;       /* such an entry may be on lists, where members say so */
    bool bare;        /* lists have no entries of their own: their members are all there is */
    GStrv attributes; /* of columns "@attribute"; may be NULL */
    GStrv containers; /* of a domain: what its entries lie below, "attribute=value" directly below
                         it; may be NULL */
} ProfileType;

struct Profile {
    char *title; /* what it calls itself, for messages */
    char *base;
    char *domain_dn; /* templates */
    char *entry_dn;
    char *counter_dn;  /* template, or NULL */
    char *other_class; /* of entries that are none of ours, and have other's addresses in the
                          attribute of the address; NULL: none */
    char *mark_class;  /* auxiliary class that has the mark's attribute; NULL: each class has it */
    char *enabled_on;  /* values of that attribute */
    char *enabled_off;
    bool enabled_absent;    /* what has none is enabled */
    bool keep_copy;         /* an account that keeps a copy of what it forwards names itself, too */
    bool own_among_aliases; /* an entry's own address is one of its further ones, too */
    bool on_member;         /* a list's members have its address, and it has not theirs */
    guint64 quota_factor;   /* from MB to what is stored */
    bool many;              /* an entry may bear several addresses, or lie elsewhere by its type */
    unsigned depth;         /* how far below its domain an entry lies at most, 1: directly */
    char *name[NAME_COUNT]; /* from NAME_FIRST_OPTIONAL on maybe NULL */
    char *field[FIELD_VALUE_COUNT];     /* maybe NULL behind the white pages */
    unsigned digits[FIELD_WHITE_COUNT]; /* 0: any */
    ProfileType type[TYPE_ENTRY_COUNT];
    ProfileType externals;       /* has a list's members of other domains; known_by NULL: none */
    GPtrArray *attributes;       /* of char *, borrowed, NULL at the end */
    GPtrArray *routing;          /* those that profile_routing_attributes() has; the same */
    const char *other_domain[2]; /* those of profile_other_domain_attributes() */
    GPtrArray *allowed;          /* attributes of all types, as attributes, once each */
    GPtrArray *allowed_columns;  /* the columns of those, in the same order, "@" first */
    TableAttributes table;       /* those, and the ones that have columns of their own */
    const char *const *by_type[TYPE_COUNT]; /* borrowed of the types */
    GHashTable *columns; /* attribute as the profile writes it, borrowed → Field */
};

/* What a number of the counter stands for in a change until it is known, behind which the mark
 * follows. */
#define NUMBER_PLACE "number of "

/* Small help, for all sources of this room. */
static inline const char *given_value(const Operation *operation, Field field)
{
    return operation->value[field - FIELD_VALUE_FIRST];
}

static inline const char *attribute_of(const Profile *profile, Field field)
{
    return profile->field[field - FIELD_VALUE_FIRST];
}

/* NULL where there is none. */
static inline const char *filled(const char *text)
{
    return text == NULL || *text == '\0' ? NULL : text;
}

/* The values of what the profile names, which it may not, or NULL; owned by the entry. */
static inline GPtrArray *values_of(const Profile *profile, const Entry *entry, ProfileName name)
{
    return profile->name[name] != NULL ? entry_values(entry, profile->name[name]) : NULL;
}

/* What stands in a template's places; what is not known may be NULL where the template has no place
 * for it. */
typedef struct {
    const char *domain;
    const Address *address;
    const char *mailbox_id;
    const char *number;
    bool dn; /* values are escaped for a DN */
} Filling;
/* The class of a list that has no entry of its own, which none in a directory has. */
#define BARE_CLASS "no entry"
/* What a list's members are noted by in an entry that was read, where they have it and not it them:
 * no attribute of a directory is called so. */
#define MEMBERS_FOUND "members found"

void profile_append_type(const Profile *profile, GString *filter, ObjectType type);
/* What has one of these (of char *) as a member, or as a list that it is on. */
void profile_append_members(const Profile *profile, GString *filter, GPtrArray *values);
/* The mark of a change to what is there (NULL: something new), and the class that has it. */
void profile_set_mark(const Profile *profile, Change *change, const Entry *entry, const char *mark);
/* Caller owns the result. */
char *profile_fill(const Profile *profile, const char *text, const Filling *filling);

/* --- the attributes that columns "@attribute" may name --- */

/* Gives the types their lists. lines: "type attribute" (the attribute in lower case) → the line of
 * the file. false with PROFILE_ERROR where one can't be listed. */
bool profile_take_allowed(Profile *profile, cfg_t *cfg, const char *const *types, GHashTable *lines,
                          const char *path, GError **error);
/* Fills in what is made of them. */
void profile_list_allowed(Profile *profile);

#endif
