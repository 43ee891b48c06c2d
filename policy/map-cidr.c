/* SPDX-License-Identifier: MIT */
#include "lib/text.h"
#include "policy/map-file.h"
#include "policy/map-private.h"
#include "policy/map-rules.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* cidr_table(5): "network/length value", or an address alone, also in square brackets. What is
 * looked up and is no address is not found; neither a pattern nor its negation holds for an address
 * of the other family. */

/* Most rules of a table. */
#define CIDR_RULES_MAX 100000
/* Most bytes of a pattern that an error repeats. */
#define SHOWN_MAX 60

typedef struct {
    int family;
    guint8 bytes[sizeof(struct in6_addr)];
} Client;

typedef struct {
    Client network;
    unsigned bits; /* that count */
} Network;

/* --- reading --- */

static bool parse_client(Client *client, const char *text)
{
    client->family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
    return inet_pton(client->family, text, client->bytes) == 1;
}

static unsigned most_bits(const Client *client)
{
    return client->family == AF_INET6 ? 128 : 32;
}

/* Sets the bits that don't count to 0; false when one wasn't. */
static bool mask(Network *network)
{
    bool clean = true;
    for (unsigned i = 0; i < most_bits(&network->network) / 8; i++) {
        unsigned kept = network->bits > i * 8 ? MIN(network->bits - i * 8, 8) : 0;
        guint8 masked = network->network.bytes[i] & (guint8)(0xff00u >> kept);
        clean = clean && masked == network->network.bytes[i];
        network->network.bytes[i] = masked;
    }
    return clean;
}

/* Takes the brackets off: "[address/length]" or "[address]/length"; NULL when they don't fit. */
static char *without_brackets(char *text)
{
    if (*text != '[')
        return text;
    char *end = strchr(text, ']');
    if (end == NULL || (end[1] != '\0' && end[1] != '/'))
        return NULL;
    memmove(end, end + 1, strlen(end));
    return text + 1;
}

/* NULL, or what is wrong; the caller owns it. */
static char *read_network(Network *network, char *text)
{
    guint64 bits = 0;
    char *bare = without_brackets(text);
    if (bare == NULL)
        return g_strdup("its square brackets don't fit together");
    char *slash = strchr(bare, '/');
    if (slash != NULL)
        *slash = '\0';
    if (!parse_client(&network->network, bare))
        return g_strdup("it begins with no address and no network");
    unsigned longest = most_bits(&network->network);
    if (slash == NULL)
        network->bits = longest;
    else if (g_ascii_string_to_unsigned(slash + 1, 10, 0, longest, &bits, NULL))
        network->bits = (unsigned)bits;
    else
        return g_strdup_printf("the length behind / is no number up to %u", longest);
    if (mask(network))
        return NULL;
    char right[INET6_ADDRSTRLEN];
    inet_ntop(network->network.family, network->network.bytes, right, sizeof right);
    return g_strdup_printf("there must be zeros behind the length, as in %s/%u", right,
                           network->bits);
}

static gsize parse_rule(MapRule *rule, char *text)
{
    char *end = text;
    /* Of an if all is the pattern. */
    while (*end != '\0' && (rule->kind == MAP_RULE_IF || !map_is_space(*end)))
        end++;
    if (*end != '\0')
        *end++ = '\0';
    const char *value = map_skip_spaces(end);
    Network network = {.bits = 0};
    rule->problem = read_network(&network, text);
    if (rule->problem == NULL && rule->kind == MAP_RULE_MATCH && *value == '\0')
        rule->problem = g_strdup("it has a pattern and no value");
    if (rule->problem != NULL)
        return 0;
    rule->value = rule->kind == MAP_RULE_MATCH ? g_strdup(value) : NULL;
    rule->pattern = g_memdup2(&network, sizeof network);
    return sizeof network;
}

static const MapRulesType rules_type = {
    .type = "cidr",
    .rules_max = CIDR_RULES_MAX,
    .patterns_max = CIDR_RULES_MAX * sizeof(Network),
    .parse = parse_rule,
    .free = g_free,
};

/* --- asking --- */

static bool lies_in(const Client *client, const Network *network)
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    if (memcmp(client->bytes, network->network.bytes, whole) != 0)
        return false;
    return rest == 0 ||
           ((client->bytes[whole] ^ network->network.bytes[whole]) & (0xff00u >> rest) & 0xff) == 0;
}

static Answer match(gpointer data, const MapRule *rule, GError **error G_GNUC_UNUSED)
{
    const Client *client = data;
    const Network *network = rule->pattern;
    if (network->network.family != client->family)
        return ANSWER_NO;
    return lies_in(client, network) != rule->negated ? ANSWER_YES : ANSWER_NO;
}

static gpointer cidr_open(const char *name, GError **error)
{
    return map_rules_open(&rules_type, name, error);
}

static Answer cidr_lookup(gpointer handle, const char *key, char **value, GError **error)
{
    const MapRule *rule = NULL;
    Client client;
    /* Asked for a word, a table that can't be used says so, too. */
    bool is_client = parse_client(&client, key);
    if (!is_client)
        client.family = AF_UNSPEC;
    Answer answer = map_rules_find(handle, match, &client, &rule, error);
    if (answer == ANSWER_YES)
        *value = g_strdup(rule->value);
    return answer;
}

static char *cidr_advice(gpointer handle)
{
    return g_strdup_printf("The table cidr:%s finds the addresses of clients, and so neither a "
                           "sender nor a login.",
                           map_rules_name(handle));
}

const MapType map_cidr = {
    .type = "cidr",
    .open = cidr_open,
    .lookup = cidr_lookup,
    .values = map_rules_values,
    .advice = cidr_advice,
    .close = map_rules_close,
    .fingerprint = map_rules_fingerprint,
    .patterns = true,
};
