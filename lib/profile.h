/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PROFILE_H
#define BATCHLOAD_PROFILE_H

#include "lib/address.h"
#include "lib/entry.h"
#include "lib/operation.h"

/* The profile knows the schema: DN templates, object classes, the attribute of each field, how
 * members and targets are stored. The engine never names an attribute. Read from a file
 * (libconfuse; policy/profiles/default.conf), immutable afterwards; then any thread. */
typedef struct Profile Profile;

typedef enum { PROFILE_ERROR_SYNTAX, PROFILE_ERROR_NOT_AVAILABLE } ProfileError;
#define PROFILE_ERROR (profile_error_quark())
GQuark profile_error_quark(void);

/* Version of the profile format this program reads. */
#define PROFILE_VERSION 1
/* Most that a quota in MB is multiplied by to be stored: bytes. */
#define PROFILE_QUOTA_FACTOR_MAX (1024 * 1024)

/* Loads a profile for a directory suffix. NULL with PROFILE_ERROR (file and line in the message).
 * Not two threads at once (libconfuse). Caller owns the result. */
Profile *profile_load(const char *path, const char *base, GError **error);
void profile_free(Profile *profile);

/* --- names and look-ups; results owned by the caller unless said otherwise --- */

const char *profile_base(const Profile *profile); /* owned by the profile */
char *profile_domain_dn(const Profile *profile, const char *domain);
/* What all domains lie below: the rest of domain_dn behind all that names one. */
char *profile_domains_dn(const Profile *profile);
/* What the profile calls itself, for messages; owned by the profile. */
const char *profile_title(const Profile *profile);
/* The DN of an account with the address; and of what is of another type (TYPE_ENTRY_COUNT and
 * beyond: of an account). */
char *profile_entry_dn(const Profile *profile, const Address *address);
char *profile_type_dn(const Profile *profile, ObjectType type, const Address *address);
/* Whether an entry may bear several addresses, or lies elsewhere by its type. Else there is one DN
 * for each address. */
bool profile_addresses_vary(const Profile *profile);
/* How far below its domain an entry lies at most; 1: directly. */
unsigned profile_depth(const Profile *profile);
/* Whether aliases are further addresses of their account's entry. */
bool profile_aliases_inside(const Profile *profile);
/* The address an entry bears (from its attributes), or NULL. */
Address *profile_entry_address(const Profile *profile, const Entry *entry);
/* What a value of that attribute stands for, the catch-all's "@domain" among them, or NULL. */
Address *profile_address(const char *text);
/* All values of that attribute as they stand (of char *), owned by the entry; NULL: none. */
GPtrArray *profile_entry_addresses(const Profile *profile, const Entry *entry);
/* Attributes to ask for so that every question below can be answered; NULL-terminated, owned by
 * the profile. Includes the operational ones (entry's unique id and version). */
const char *const *profile_attributes(const Profile *profile);
/* Those of them that tell what an entry is, whether it is enabled, who wrote it last, and where
 * mail to it goes on to: enough of one that is only named by others. */
const char *const *profile_routing_attributes(const Profile *profile);
/* RFC 4515 filters, values escaped. One for no addresses or members matches nothing. */
char *profile_filter_addresses(const Profile *profile, GPtrArray *addresses /* of Address */);
char *profile_filter_type(const Profile *profile, ObjectType type);
/* What stands for a domain; NULL where the profile has no such thing. */
char *profile_filter_further_names(const Profile *profile, const char *domain);
char *profile_filter_address_anywhere(const Profile *profile, const Address *address);
/* Every address with this local part (in normal form). */
char *profile_filter_local_part(const Profile *profile, const char *local);
/* Whatever would be left with an address (of char *) that is gone: lists and groups that have it as
 * member, aliases and catch-alls that lead to it. */
char *profile_filter_referrers(const Profile *profile, GPtrArray *addresses);
/* Those of them that are about the addresses, or have them: not the members of a list. */
char *profile_filter_around(const Profile *profile, GPtrArray *addresses);
#define PROFILE_WITH_MEMBERS                                                                       \
    (1u << TYPE_LIST | 1u << TYPE_DLIST | 1u << TYPE_GROUP | 1u << TYPE_RESOURCEGROUP)
#define PROFILE_POINTERS (1u << TYPE_ALIAS | 1u << TYPE_CATCHALL)

/* --- reading an entry --- */

/* false: something else, which bears the address but is none of our types. */
bool profile_entry_type(const Profile *profile, const Entry *entry, ObjectType *type);
/* What an entry is for who writes to one of its addresses: an alias by a further one. false also
 * where it does not bear that. */
bool profile_type_at(const Profile *profile, const Entry *entry, const char *address,
                     ObjectType *type);
/* All addresses as they stand (of char *, the entry's), its own first; the array is the caller's.
 * And those of them that are aliases, owned by the entry; NULL: none. */
GPtrArray *profile_entry_bears(const Profile *profile, const Entry *entry);
GPtrArray *profile_entry_aliases(const Profile *profile, const Entry *entry);
/* The same of what a CHANGE_ADD makes. */
bool profile_added_type(const Profile *profile, const Change *add, ObjectType *type);
const char *profile_added_address(const Profile *profile, const Change *add);
bool profile_entry_enabled(const Profile *profile, const Entry *entry);
/* The value of a disabled entry in the column ACTIVATED; owned by the profile. */
const char *profile_disabled(const Profile *profile);
bool profile_domain_enabled(const Profile *profile, const Entry *domain);
/* Members of a list (where they have it and not it them: those that were noted in it), targets of a
 * forward, as addresses in text; owned by the entry, may be NULL. */
GPtrArray *profile_entry_members(const Profile *profile, const Entry *entry);
GPtrArray *profile_entry_targets(const Profile *profile, const Entry *entry);
bool profile_entry_has_member(const Profile *profile, const Entry *entry, const char *member);
/* The domain that a DOMAINALIAS stands for, owned by the entry, or NULL. */
const char *profile_entry_target_domain(const Profile *profile, const Entry *entry);
/* Whether a switch is on; without a value it is. */
bool profile_entry_switch(const Profile *profile, const Entry *entry, Field field);
/* The stored value of a column of one value, owned by the entry, or NULL. */
const char *profile_entry_value(const Profile *profile, const Entry *entry, Field field);
/* Whether profile_filter_referrers() finds it for the address. */
bool profile_entry_refers(const Profile *profile, const Entry *entry, const char *address);
/* The identifier of an account's mailbox, owned by the entry, or NULL. */
const char *profile_entry_mailbox(const Profile *profile, const Entry *entry);
const char *profile_entry_mark(const Profile *profile, const Entry *entry);    /* or NULL */
const char *profile_entry_uuid(const Profile *profile, const Entry *entry);    /* or NULL */
const char *profile_entry_version(const Profile *profile, const Entry *entry); /* or NULL */

/* --- writing; mark is "JOB/LINE"; hash is the userPassword value or NULL --- */

/* What a profile can express: whether it has a type, and an action on it, and the first column
 * given that it has no place for, or FIELD_COUNT. */
bool profile_has_type(const Profile *profile, ObjectType type);
bool profile_has_action(const Profile *profile, ObjectType type, Action action);
/* Whether it has a place for what a column of the type says. */
bool profile_takes(const Profile *profile, ObjectType type, Field field);
Field profile_lacks(const Profile *profile, const Operation *operation);

/* Creation of an entry. mailbox_id (of FULL and RESOURCE alone, else NULL) is a fresh UUID that is
 * never used again. */
Change *profile_add(const Profile *profile, const Operation *operation, const char *hash,
                    const char *mailbox_id, const char *mark);
/* Password, values, targets of an existing entry. NULL when everything given is there
 * already (nothing to change). cn and sn change only where GIVENNAME or SURNAME is given. */
Change *profile_modify(const Profile *profile, const Operation *operation, const char *hash,
                       const Entry *entry, const char *mark);
/* Switches an entry off or on again; NULL where it is so already. */
Change *profile_enable(const Profile *profile, const Entry *entry, bool enabled, const char *mark);
/* The change (taken over) that has the directory hash a password in clear once it is done, and
 * knows its way back. entry: what is changed, NULL for a CHANGE_ADD; change NULL: the entry's
 * password alone is new. Caller owns the result. */
Change *profile_with_password(const Profile *profile, Change *change, const Entry *entry,
                              const Secret *password, const char *mark);
/* Adds or removes members (char *) of a list or group, the names of removed ones with them, or the
 * lists of a member; either array may be NULL or empty. */
Change *profile_members(const Profile *profile, const Entry *entry, GPtrArray *added,
                        GPtrArray *removed, const char *mark);
/* What such a change, or profile_leave(), removes (of char *, the change's). Caller owns the array.
 */
GPtrArray *profile_removed_members(const Profile *profile, const Change *change);
/* Adds the name of the row's one member to a change, where the row gives it. */
void profile_member_name(const Profile *profile, Change *change, const Operation *operation);
/* Gives an account a further address, or takes it off; where aliases are inside. */
Change *profile_alias(const Profile *profile, const Entry *account, const char *alias, bool add,
                      const char *mark);
Change *profile_delete(const Profile *profile, const Entry *entry);
/* What a new domain gets besides for its entries to lie below (of Change *), none as a rule. Caller
 * owns the array, and what is in it. */
#define PROFILE_CONTAINERS_MAX 20
bool profile_has_containers(const Profile *profile);
GPtrArray *profile_add_containers(const Profile *profile, const char *domain, const char *mark);
/* A filter for what lies anywhere below a domain that has such, but for them and itself. */
char *profile_filter_contents(const Profile *profile);

/* --- lists whose members have them --- */

/* Whether a list's members have its address in their entries, and its own has not theirs. */
bool profile_members_join(const Profile *profile);
/* Whether entries of the type may be on such lists. */
bool profile_joins(const Profile *profile, ObjectType type);
/* Whether there is nothing else of a list than what its members have. */
bool profile_is_bare(const Profile *profile, ObjectType type);
/* Such a list, as if it had an entry; owned by the caller. */
Entry *profile_bare_list(const Profile *profile, const Address *address);
/* The lists that an entry is on (of char *, the entry's), NULL: none; and the addresses by which it
 * is (of char *, the entry's; the array is the caller's). */
GPtrArray *profile_entry_lists(const Profile *profile, const Entry *entry);
GPtrArray *profile_entry_stands_for(const Profile *profile, const Entry *entry);
/* Whether an entry itself has this one, as a member or as a list that it is on. */
bool profile_entry_names(const Profile *profile, const Entry *entry, const char *other);
/* Notes in a list that was read who was found to be on it (of char *), or no longer is (NULL: all),
 * for profile_entry_members(). Never written. */
void profile_note_members(const Profile *profile, Entry *list, GPtrArray *members);
void profile_drop_members(const Profile *profile, Entry *list, GPtrArray *members);
/* The lists (of char *, normal form) that a change to an entry (before; NULL: a new one) is or may
 * be about. Caller owns the result. */
GPtrArray *profile_change_lists(const Profile *profile, const Change *change, const Entry *before);
/* Takes an entry off lists (of char *). Of one that has a list's members of other domains those go
 * that are among them, and all with their list. */
Change *profile_leave(const Profile *profile, const Entry *entry, GPtrArray *others,
                      const char *mark);

/* A list's members of other domains have one entry of the list's domain, which is of none of our
 * types. Makes them these (of char *), by value; entry NULL: there is none yet. NULL: nothing is to
 * be done. */
bool profile_has_externals(const Profile *profile);
bool profile_entry_is_externals(const Profile *profile, const Entry *entry);
char *profile_externals_dn(const Profile *profile, const Address *list);
Change *profile_externals(const Profile *profile, const Entry *entry, const Address *list,
                          GPtrArray *members, const char *mark);

/* Filters for who is on a list (in normal form), and for all that are on any. */
char *profile_filter_members_of(const Profile *profile, const char *list);
char *profile_filter_any_list(const Profile *profile);

/* --- numbers that are given out once (uidNumber) --- */

/* Whether a new entry of the type gets one. Until it is known, the word of
 * profile_number_place() stands there. */
bool profile_numbers(const Profile *profile, ObjectType type);
char *profile_number_place(const char *mark);
/* The entry, and its attribute (the profile's), that have the next number. */
char *profile_counter_dn(const Profile *profile);
const char *profile_counter(const Profile *profile);

/* The entry as it was, made again; with_uuid keeps its unique id, which takes the Relax control. */
Change *profile_restore(const Profile *profile, const Entry *entry, bool with_uuid);
bool profile_entry_has_password(const Profile *profile, const Entry *entry);
const char *profile_mark_attribute(const Profile *profile); /* owned by the profile */

/* Leaves a mark on an entry that is about to be deleted, and nothing else. Caller owns it. */
Change *profile_claim(const Profile *profile, const char *dn, const char *mark);

/* What a write expects of its entry, as a filter: the unique id (NULL: not known) and
 * either the version or the mark that was seen. NULL where all three are. Caller owns the result.
 */
char *profile_assertion(const Profile *profile, const char *uuid, const char *version,
                        const char *mark);

/* How many digits each white page has at least, index Field - FIELD_WHITE_FIRST, 0 where any will
 * do; owned by the profile. */
#define PROFILE_DIGITS_MAX 40
const unsigned *profile_digits(const Profile *profile);

/* The attributes that rows may name by columns "@attribute": of each type, index ObjectType, and
 * NULL-terminated, or NULL; and what a headline may name. Owned by the profile. */
#define PROFILE_ALLOWED_MAX 64
const char *const *const *profile_allowed(const Profile *profile);
const TableAttributes *profile_table_attributes(const Profile *profile);
/* The classes of a new entry of a type that the profile has, NULL-terminated; owned by it. */
const char *const *profile_classes(const Profile *profile, ObjectType type);

/* Attribute a directory's complaint names (NULL: none) → the column to tell the administrator, or
 * FIELD_COUNT. */
Field profile_field_of_attribute(const Profile *profile, const char *attribute);
/* The column whose cell stands in an attribute, or FIELD_COUNT where it has another origin (the
 * name that is made of two columns, the address, what the profile keeps for itself). */
Field profile_column_of_attribute(const Profile *profile, const char *attribute);

/* What that column is called ("PHONE", "@displayName"), or NULL; owned by the profile. */
const char *profile_column_name(const Profile *profile, const char *attribute);

/* --- who may not send mail to a domain --- */

/* Adds one of them, or takes it off. */
Change *profile_block(const Profile *profile, const Entry *domain, const char *sender, bool add,
                      const char *mark);

/* Of the entry that bears a domain's name: whether it blocks one of these (char *, as they are
 * stored; where its switch is off, it blocks none), or is a further name of another domain. Asked
 * with these attributes, an entry that is found without such another domain is one that blocks. */
char *profile_filter_blocked(const Profile *profile, GPtrArray *senders);
const char *const *profile_other_domain_attributes(const Profile *profile);
const char *profile_other_domain(const Profile *profile, const Entry *entry); /* or NULL */

/* --- the way back, for lib/show --- */

/* What the column's cell would hold to make the entry what it is (of char *, valid UTF-8), or NULL
 * where it would be empty, as it is of secret columns. Caller owns the result. */
GPtrArray *profile_entry_cell(const Profile *profile, const Entry *entry, Field field);
/* One stored value as the column has it: a quota in MB, all else as it is. Caller owns the result.
 */
char *profile_shown_value(const Profile *profile, Field field, const char *value);
/* The attributes that columns of the type may name and the entry has (of AttributeCell, valid
 * UTF-8, a line a value), or NULL. Caller owns the result. */
GPtrArray *profile_entry_attributes(const Profile *profile, const Entry *entry, ObjectType type);
/* The surname an entry has, or NULL where its sn is only the user's local part because the schema
 * demands one; owned by the entry. */
const char *profile_entry_surname(const Profile *profile, const Entry *entry);
/* Names of members ("ADDRESS NAME") and what a domain blocks ("KIND:WHAT"), of char *; owned by the
 * entry, may be NULL. */
const GPtrArray *profile_entry_member_names(const Profile *profile, const Entry *entry);
const GPtrArray *profile_entry_blocked(const Profile *profile, const Entry *entry);
/* Stored passwords, where they were asked for; owned by the entry, may be NULL. */
const GPtrArray *profile_entry_passwords(const Profile *profile, const Entry *entry);
const char *profile_password_attribute(const Profile *profile); /* owned by the profile */
/* The domain that a DN is named by, in normal form, or NULL. Caller owns the result. */
char *profile_domain_of(const char *dn);
/* What has an entry's address; owned by the profile. */
const char *profile_address_attribute(const Profile *profile);
/* Filters for what lies below a domain and has rows of the type (TYPE_COUNT: of any), and leads on
 * to other addresses or does not; and for further names of a domain (NULL: the profile has none).
 * Caller owns the result. */
char *profile_filter_shown(const Profile *profile, int type, bool leading);
char *profile_filter_names_of(const Profile *profile, const char *domain);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Profile, profile_free)

#endif
