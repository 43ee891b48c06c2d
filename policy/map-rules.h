/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_MAP_RULES_H
#define BATCHLOAD_MAP_RULES_H

#include "policy/map.h"

/* Tables of patterns, which are tried in order (cidr_table(5), pcre_table(5)): a file, or
 * "{ { rule }, { rule } }" in the place of its name. A rule is a logical line, "[!]pattern value",
 * "if [!]pattern" or "endif". As Postfix does, look-ups pass over a rule that can't be used;
 * map_rules_values tells it. Immutable once open; any thread. */

/* Largest file, in bytes. */
#define MAP_RULES_FILE_MAX (64 * 1024 * 1024)
/* Longest rule, in bytes. */
#define MAP_RULE_MAX (64 * 1024)
/* Deepest nesting of if. */
#define MAP_RULES_DEPTH_MAX 100

typedef struct {
    enum { MAP_RULE_BROKEN, MAP_RULE_MATCH, MAP_RULE_IF, MAP_RULE_ENDIF } kind;
    bool negated;     /* "!" before the pattern */
    bool varies;      /* parts of the key come into the value */
    unsigned line;    /* on which it begins */
    unsigned end;     /* of an if: the rule that ends it, MAP_RULE_NO_END for none */
    char *value;      /* as written; of a match */
    char *problem;    /* why it can't be used, or what is ignored of it; NULL: nothing */
    gpointer pattern; /* of the type */
} MapRule;
#define MAP_RULE_NO_END G_MAXUINT

typedef struct {
    const char *type;
    unsigned rules_max; /* most rules of a table */
    bool delimited;     /* a rule that begins with a letter or digit, and is no if, is none */
    bool lenient;       /* what stands behind endif is ignored */
    gsize patterns_max; /* most bytes of all patterns of a table */
    /* Reads a pattern, and of a match what is behind it; text is not empty and may be changed.
     * Returns how many bytes rule->pattern takes, 0 with rule->problem for a rule that can't be
     * used; a problem may be set, too, where it can. */
    gsize (*parse)(MapRule *rule, char *text);
    void (*free)(gpointer pattern);
} MapRulesType;

typedef struct MapRules MapRules;

/* NULL with MAP_ERROR_SYNTAX for a name that can never work; a file that can't be read, or is over
 * a limit, fails each look-up. */
MapRules *map_rules_open(const MapRulesType *type, const char *name, GError **error);
void map_rules_close(gpointer data);

/* Whether a rule's pattern, with its "!", holds for what is looked up. */
typedef Answer (*MapRuleMatch)(gpointer data, const MapRule *rule, GError **error);
/* The first rule whose pattern holds; ANSWER_YES: *rule, borrowed. */
Answer map_rules_find(const MapRules *rules, MapRuleMatch match, gpointer data,
                      const MapRule **rule, GError **error);

/* The members values and fingerprint of a MapType. */
Answer map_rules_values(gpointer handle, MapValueFunc each, gpointer data, GError **error);
void map_rules_fingerprint(gpointer handle, bool now, GString *text);

/* For messages: the table's name. */
const char *map_rules_name(const MapRules *rules);
/* All rules in order, for what a type has to know of all of them. */
const MapRule *map_rules_get(const MapRules *rules, unsigned index);
unsigned map_rules_count(const MapRules *rules);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MapRules, map_rules_close)

#endif
