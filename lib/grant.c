/* SPDX-License-Identifier: MIT */
#include "lib/grant.h"
#include "lib/nearest.h"
#include "lib/network.h"
#include "lib/text.h"

#include <string.h>

#define SHOWN_MAX 60
#define ROWS_MAX 1000000000

G_DEFINE_QUARK(batchload_grant_error, grant_error)

/* All settings that can be said once. */
typedef struct {
    Grant *grant;
    unsigned said; /* bits by index of settings[] */
} Parse;

static bool syntax(GError **error, const char *words, const char *word)
{
    g_autofree char *shown = text_printable(word, -1, SHOWN_MAX);
    g_set_error(error, GRANT_ERROR, GRANT_ERROR_SYNTAX, "%s: \"%s\"", words, shown);
    return false;
}

static bool parse_domains(Grant *grant, const char *value, GError **error)
{
    g_auto(GStrv) names = g_strsplit(value, ",", -1);
    g_autoptr(GPtrArray) domains = g_ptr_array_new_with_free_func(g_free);

    if (strcmp(value, "*") == 0) {
        grant->every_domain = true;
        return true;
    }
    for (gsize i = 0; names[i] != NULL; i++) {
        g_autoptr(GError) cause = NULL;
        char *domain = domain_normalise(names[i], &cause);
        if (domain == NULL) {
            g_autofree char *shown = text_printable(names[i], -1, SHOWN_MAX);
            g_set_error(error, GRANT_ERROR, GRANT_ERROR_SYNTAX, "domains=: \"%s\": %s", shown,
                        cause->message);
            return false;
        }
        g_ptr_array_add(domains, domain);
        for (guint j = 0; j + 1 < domains->len; j++)
            if (strcmp(domains->pdata[j], domain) == 0)
                return syntax(error, "domains= names this domain twice", domain);
    }
    if (domains->len == 0)
        return syntax(error, "a list without anything in it", "domains=");
    g_ptr_array_add(domains, NULL);
    grant->domains = (GStrv)g_ptr_array_free(g_steal_pointer(&domains), FALSE);
    return true;
}

static bool find_action_bit(const char *name, unsigned *bit)
{
    Action action;
    if (!action_find(name, &action))
        return false;
    *bit = 1u << action;
    return true;
}

static bool find_type_bit(const char *name, unsigned *bit)
{
    ObjectType type;
    if (!type_find(name, &type))
        return false;
    *bit = 1u << type;
    return true;
}

static bool parse_bits(unsigned *bits, const char *value, const char *key,
                       bool (*find)(const char *name, unsigned *bit), GError **error)
{
    g_auto(GStrv) names = g_strsplit(value, ",", -1);

    *bits = 0;
    for (gsize i = 0; names[i] != NULL; i++) {
        g_autofree char *unknown = g_strdup_printf("%s= does not know this word", key);
        g_autofree char *doubled = g_strdup_printf("%s= says this word twice", key);
        unsigned bit = 0;
        if (!find(names[i], &bit))
            return syntax(error, unknown, names[i]);
        if ((*bits & bit) != 0)
            return syntax(error, doubled, names[i]);
        *bits |= bit;
    }
    return *bits != 0 || syntax(error, "a list without anything in it", key);
}

static bool parse_actions(Grant *grant, const char *value, GError **error)
{
    return parse_bits(&grant->actions, value, "actions", find_action_bit, error);
}

static bool parse_types(Grant *grant, const char *value, GError **error)
{
    return parse_bits(&grant->types, value, "types", find_type_bit, error);
}

static bool parse_rows(Grant *grant, const char *value, GError **error)
{
    guint64 rows = 0;
    if (!g_ascii_string_to_unsigned(value, 10, 1, ROWS_MAX, &rows, NULL))
        return syntax(error, "rows= needs a number from 1 to " G_STRINGIFY(ROWS_MAX), value);
    grant->rows = (unsigned)rows;
    return true;
}

static bool parse_external(Grant *grant, const char *value, GError **error)
{
    static const struct {
        const char *word;
        unsigned allowed;
    } words[] = {
        {"all", GRANT_EXTERNAL_FORWARD | GRANT_EXTERNAL_MEMBER},
        {"none", 0},
        {"forward", GRANT_EXTERNAL_MEMBER},
        {"member", GRANT_EXTERNAL_FORWARD},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_ascii_strcasecmp(value, words[i].word) == 0) {
            grant->external = words[i].allowed;
            return true;
        }
    }
    return syntax(error, "external= needs all, none, forward or member", value);
}

/* One of two words. */
static bool parse_either(bool *is, const char *value, const char *yes, const char *no,
                         GError **error)
{
    g_autofree char *words = NULL;

    *is = g_ascii_strcasecmp(value, yes) == 0;
    if (*is || g_ascii_strcasecmp(value, no) == 0)
        return true;
    words = g_strdup_printf("%s or %s was expected", yes, no);
    return syntax(error, words, value);
}

static bool parse_administrators(Grant *grant, const char *value, GError **error)
{
    return parse_either(&grant->administrators, value, "yes", "no", error);
}

static bool parse_create_domains(Grant *grant, const char *value, GError **error)
{
    return parse_either(&grant->create_domains, value, "yes", "no", error);
}

static bool parse_automatic(Grant *grant, const char *value, GError **error)
{
    return parse_either(&grant->automatic, value, "yes", "no", error);
}

static bool parse_envelope(Grant *grant, const char *value, GError **error)
{
    return parse_either(&grant->any_envelope, value, "any", "same", error);
}

static bool parse_domain_proof(Grant *grant, const char *value, GError **error)
{
    return parse_either(&grant->domain_proof, value, "yes", "no", error);
}

/* Both may stand alone or within auth=, but be said once. */
static bool parse_tls(Grant *grant, const char *value G_GNUC_UNUSED, GError **error)
{
    if (grant->tls)
        return syntax(error, "a grant can't say this twice", "tls");
    grant->tls = true;
    return true;
}

static bool parse_client(Grant *grant, const char *value, GError **error)
{
    g_autoptr(GError) cause = NULL;
    if (grant->clients != NULL)
        return syntax(error, "a grant can't say this twice", "client");
    grant->clients = network_list_parse(value, &cause);
    if (grant->clients != NULL)
        return true;
    g_set_error(error, GRANT_ERROR, GRANT_ERROR_SYNTAX, "client=: %s", cause->message);
    return false;
}

static bool parse_proof(Grant *grant, const char *word, GError **error)
{
    static const struct {
        const char *word;
        unsigned bit; /* 0: planned */
    } proofs[] = {
        {"password", GRANT_AUTH_PASSWORD},
        {"sasl", GRANT_AUTH_SASL},
        {"dkim", GRANT_AUTH_DKIM},
        {"smime", 0},
        {"pgp", 0},
    };
    if (g_ascii_strcasecmp(word, "tls") == 0)
        return parse_tls(grant, NULL, error);
    if (g_ascii_strncasecmp(word, "client=", strlen("client=")) == 0)
        return parse_client(grant, word + strlen("client="), error);
    for (gsize i = 0; i < G_N_ELEMENTS(proofs); i++) {
        if (g_ascii_strcasecmp(word, proofs[i].word) != 0)
            continue;
        if (proofs[i].bit == 0) {
            g_set_error(error, GRANT_ERROR, GRANT_ERROR_NOT_AVAILABLE,
                        "\"%s\" as a proof is not available yet; use password, sasl or dkim",
                        proofs[i].word);
            return false;
        }
        if ((grant->auth & proofs[i].bit) != 0)
            return syntax(error, "auth= says this word twice", word);
        grant->auth |= proofs[i].bit;
        return true;
    }
    return syntax(error,
                  "auth= needs password, sasl or dkim, narrowed by tls and client=, with \"+\" "
                  "between them",
                  word);
}

static bool parse_auth(Grant *grant, const char *value, GError **error)
{
    g_auto(GStrv) words = g_strsplit(value, "+", -1);
    for (char **word = words; *word != NULL; word++)
        if (!parse_proof(grant, *word, error))
            return false;
    return true;
}

/* What is said once. bare: a word without a value. */
static const struct {
    const char *key;
    bool (*parse)(Grant *grant, const char *value, GError **error);
    bool bare;
} settings[] = {
    {"domains", parse_domains, false},
    {"actions", parse_actions, false},
    {"types", parse_types, false},
    {"rows", parse_rows, false},
    {"external", parse_external, false},
    {"administrators", parse_administrators, false},
    {"create_domains", parse_create_domains, false},
    {"automatic", parse_automatic, false},
    {"envelope", parse_envelope, false},
    {"auth", parse_auth, false},
    {"domain_proof", parse_domain_proof, false},
    {"tls", parse_tls, true},
    {"client", parse_client, false},
};

static bool parse_setting(Parse *parse, const char *word, GError **error)
{
    const char *equals = strchr(word, '=');
    g_autofree char *key =
        equals != NULL ? g_strndup(word, (gsize)(equals - word)) : g_strdup(word);
    gsize i = 0;

    while (i < G_N_ELEMENTS(settings) && g_ascii_strcasecmp(key, settings[i].key) != 0)
        i++;
    if (i == G_N_ELEMENTS(settings))
        return syntax(error, "a grant does not know this word", word);
    if ((parse->said & 1u << i) != 0)
        return syntax(error, "a grant can't say this twice", settings[i].key);
    parse->said |= 1u << i;
    if (settings[i].bare && equals != NULL)
        return syntax(error, "a value can't stand after this word", settings[i].key);
    if (!settings[i].bare && (equals == NULL || equals[1] == '\0'))
        return syntax(error, "a value is missing after this word", settings[i].key);
    return settings[i].parse(parse->grant, equals != NULL ? equals + 1 : NULL, error);
}

/* Whether what is proven is enough; without a word on it the password is the proof. */
static bool check_auth(Grant *grant, bool said, GError **error)
{
    if (!said)
        grant->auth = GRANT_AUTH_PASSWORD;
    if (grant->domain_proof && (grant->auth & GRANT_AUTH_DKIM) == 0)
        return syntax(error, "this word is of use with auth=dkim only", "domain_proof");
    if ((grant->auth & (GRANT_AUTH_PASSWORD | GRANT_AUTH_SASL)) != 0 || grant->domain_proof)
        return true;
    return syntax(error,
                  "auth= must have password or sasl, which prove a person; if the proof of the "
                  "domain is enough for you, say auth=dkim and domain_proof=yes",
                  "auth");
}

static bool said_auth(const Parse *parse)
{
    for (gsize i = 0; i < G_N_ELEMENTS(settings); i++)
        if (settings[i].parse == parse_auth)
            return (parse->said & 1u << i) != 0;
    return false;
}

static bool parse_allow(Grant *grant, const char *rest, const Address *sender, GError **error)
{
    g_auto(GStrv) words = g_strsplit_set(rest, " \t", -1);
    Parse parse = {grant, 0};

    grant->actions = (1u << ACTION_COUNT) - 1;
    /* Who manages addresses does not manage domains unless it is said. */
    grant->types = ((1u << TYPE_COUNT) - 1) & ~(1u << TYPE_DOMAIN | 1u << TYPE_DOMAINALIAS);
    grant->external = GRANT_EXTERNAL_FORWARD | GRANT_EXTERNAL_MEMBER;
    for (gsize i = 0; words[i] != NULL; i++)
        if (words[i][0] != '\0' && !parse_setting(&parse, words[i], error))
            return false;
    if (!check_auth(grant, said_auth(&parse), error))
        return false;
    if (grant->every_domain || grant->domains != NULL)
        return true;
    if (sender == NULL)
        return syntax(error, "a grant that is not for one full address must say domains=", "allow");
    grant->domains = g_new0(char *, 2);
    grant->domains[0] = g_strdup(sender->domain);
    return true;
}

static bool parse_verdict(Grant *grant, const char *text, const Address *sender, GError **error)
{
    g_autofree char *line = g_strstrip(g_strdup(text));
    const gsize length = strcspn(line, " \t");
    g_autofree char *verdict = g_strndup(line, length);
    const char *rest = line + length + strspn(line + length, " \t");

    if (g_ascii_strcasecmp(verdict, "allow") == 0) {
        grant->verdict = GRANT_ALLOW;
        return parse_allow(grant, rest, sender, error);
    }
    if (g_ascii_strcasecmp(verdict, "discard") == 0) {
        grant->verdict = GRANT_DISCARD;
        return *rest == '\0' || syntax(error, "discard stands alone, without this", rest);
    }
    if (g_ascii_strcasecmp(verdict, "reject") == 0) {
        grant->verdict = GRANT_REJECT;
        grant->text = text_printable(rest, -1, GRANT_TEXT_MAX);
        return *rest != '\0' || syntax(error, "a text is missing after this word", verdict);
    }
    return syntax(error, "a grant begins with allow, discard or reject, not with this", verdict);
}

Grant *grant_parse(const char *text, const Address *sender, GError **error)
{
    g_autoptr(Grant) grant = g_new0(Grant, 1);

    if (!g_utf8_validate(text, -1, NULL)) {
        syntax(error, "a grant must be written in UTF-8", text);
        return NULL;
    }
    grant->source = g_strdup(text);
    return parse_verdict(grant, text, sender, error) ? g_steal_pointer(&grant) : NULL;
}

void grant_free(Grant *grant)
{
    if (grant == NULL)
        return;
    g_free(grant->text);
    g_free(grant->source);
    g_clear_pointer(&grant->clients, g_ptr_array_unref);
    g_strfreev(grant->domains);
    g_free(grant);
}

const char *grant_auth_name(const Grant *grant)
{
    static const char *const names[] = {
        "none", "password",      "sasl",      "password+sasl",
        "dkim", "password+dkim", "sasl+dkim", "password+sasl+dkim",
    };
    return names[grant->auth % G_N_ELEMENTS(names)];
}

bool grant_covers(const Grant *grant, const char *domain)
{
    if (grant->verdict != GRANT_ALLOW)
        return false;
    return grant->every_domain || g_strv_contains((const char *const *)grant->domains, domain);
}

bool grant_reaches_beyond(const Grant *grant, const Grant *other)
{
    if (grant->verdict != GRANT_ALLOW)
        return false;
    if (grant->every_domain)
        return !other->every_domain;
    for (char **domain = grant->domains; *domain != NULL; domain++)
        if (!grant_covers(other, *domain))
            return true;
    return false;
}

const char *grant_nearest_domain(const Grant *grant, const char *domain)
{
    guint count = grant->domains ? g_strv_length(grant->domains) : 0;
    if (count == 0)
        return NULL;
    /* nearest_word() compares with words in capitals. */
    g_auto(GStrv) words = g_new0(char *, count + 1);
    for (guint i = 0; i < count; i++)
        words[i] = g_ascii_strup(grant->domains[i], -1);
    const char *word = nearest_word(domain, (const char *const *)words, count);
    for (guint i = 0; word && i < count; i++) {
        if (words[i] == word)
            return grant->domains[i];
    }
    return NULL;
}
