/* SPDX-License-Identifier: MIT */
#include "policy/spam-filter.h"
#include "lib/network.h"
#include <string.h>

struct SpamFilter {
    Directory *directory;
    const Profile *profile;
    char *const *exempt;
    gint64 strange_time; /* µs */
    GHashTable *strange; /* domain → until when, monotonic, gint64 */
};

SpamFilter *spam_filter_new(const DirectorySettings *settings, const Profile *profile,
                            char *const *exempt, unsigned strange_seconds, GError **error)
{
    Directory *directory = directory_new(settings, error);
    if (directory == NULL)
        return NULL;
    SpamFilter *filter = g_new0(SpamFilter, 1);
    filter->directory = directory;
    filter->profile = profile;
    filter->exempt = exempt;
    filter->strange_time = (gint64)strange_seconds * G_USEC_PER_SEC;
    filter->strange = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return filter;
}

void spam_filter_free(SpamFilter *filter)
{
    if (filter == NULL)
        return;
    directory_free(filter->directory);
    g_hash_table_unref(filter->strange);
    g_free(filter);
}

/* --- addresses --- */

/* An address as the mail server takes it (trivial-rewrite(8)), which asks with what was sent: a dot
 * at the end is nothing, and site!user and user%site are user@site where there is no @. */
static char *rewritten(const char *text)
{
    const gsize length = strlen(text);
    g_autofree char *address = g_strndup(text, length - (g_str_has_suffix(text, ".") ? 1 : 0));
    char *bang = strchr(address, '!'), *percent = strrchr(address, '%');
    if (strchr(address, '@') != NULL)
        return g_steal_pointer(&address);
    if (bang != NULL) {
        *bang = '\0';
        return g_strconcat(bang + 1, "@", address, NULL);
    }
    if (percent != NULL)
        *percent = '@';
    return g_steal_pointer(&address);
}

char *spam_filter_domain(const char *address)
{
    g_autofree char *text = rewritten(address);
    const char *at = strrchr(text, '@');
    return at != NULL ? domain_normalise(at + 1, NULL) : NULL;
}

static void add_sender(GPtrArray *values, const char *sender)
{
    g_autofree char *text = rewritten(sender), *domain = spam_filter_domain(sender);
    g_autoptr(Address) address = address_parse(text, NULL, NULL);
    if (address != NULL)
        g_ptr_array_add(values, g_strconcat("EMAIL:", address->full, NULL));
    for (const char *each = domain, *dot; each != NULL; each = dot != NULL ? dot + 1 : NULL) {
        g_ptr_array_add(values, g_strconcat("DOMAIN:", each, NULL));
        dot = strchr(each, '.');
    }
}

GPtrArray *spam_filter_values(const char *sender, const char *client)
{
    GPtrArray *values = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *address = network_address(client);
    add_sender(values, sender);
    if (address != NULL)
        g_ptr_array_add(values, g_strconcat("IP:", address, NULL));
    return values;
}

/* --- domains that are none of ours --- */

static bool is_strange(const SpamFilter *filter, const char *domain)
{
    const gint64 *until = g_hash_table_lookup(filter->strange, domain);
    return until != NULL && g_get_monotonic_time() < *until;
}

static void keep_strange(SpamFilter *filter, const char *domain)
{
    const gint64 until = g_get_monotonic_time() + filter->strange_time;
    if (filter->strange_time == 0)
        return;
    if (g_hash_table_size(filter->strange) >= SPAM_FILTER_STRANGE_MAX)
        g_hash_table_remove_all(filter->strange);
    g_hash_table_replace(filter->strange, g_strdup(domain), g_memdup2(&until, sizeof until));
}

/* --- the directory --- */

/* What one domain's own entry says. ANSWER_YES: *other, owned by the caller, is the domain that
 * this one is a further name of; NULL: it blocks the sender. */
static Answer ask_entry(SpamFilter *filter, const char *domain, const char *condition, char **other,
                        bool *strange, GError **error)
{
    g_autofree char *dn = profile_domain_dn(filter->profile, domain);
    g_autoptr(GPtrArray) entries = NULL;
    const Answer answer =
        directory_search(filter->directory, dn, DIRECTORY_SCOPE_BASE, condition,
                         profile_other_domain_attributes(filter->profile), 1, &entries, error);
    *strange = answer == ANSWER_NO;
    if (answer != ANSWER_YES)
        return answer;
    if (entries->len == 0)
        return ANSWER_NO;
    *other = g_strdup(profile_other_domain(filter->profile, g_ptr_array_index(entries, 0)));
    return ANSWER_YES;
}

/* A further name stands for a domain, never for another such name. */
static Answer ask_domain(SpamFilter *filter, const char *domain, const char *condition,
                         GError **error)
{
    g_autofree char *other = NULL, *third = NULL;
    bool strange = false;
    Answer answer = ask_entry(filter, domain, condition, &other, &strange, error);
    if (strange)
        keep_strange(filter, domain);
    if (answer != ANSWER_YES || other == NULL)
        return answer;
    answer = ask_entry(filter, other, condition, &third, &strange, error);
    return answer == ANSWER_YES && third != NULL ? ANSWER_NO : answer;
}

/* A connection that was there may have died since; a new one would not have. */
static Answer ask_twice(SpamFilter *filter, const char *domain, const char *condition,
                        GError **error)
{
    g_autoptr(GError) why = NULL;
    const bool old = directory_is_connected(filter->directory);
    directory_begin(filter->directory, NULL);
    directory_set_deadline(filter->directory,
                           g_get_monotonic_time() +
                               (gint64)SPAM_FILTER_ANSWER_SECONDS * G_USEC_PER_SEC);
    Answer answer = ask_domain(filter, domain, condition, &why);
    if (answer == ANSWER_UNKNOWN && old && !directory_is_connected(filter->directory)) {
        g_clear_error(&why);
        answer = ask_domain(filter, domain, condition, &why);
    }
    if (answer == ANSWER_UNKNOWN)
        g_propagate_error(error, g_steal_pointer(&why));
    return answer;
}

static bool is_exempt(const SpamFilter *filter, const char *recipient)
{
    g_autofree char *text = rewritten(recipient);
    g_autoptr(Address) address = address_parse(text, NULL, NULL);
    return address != NULL && filter->exempt != NULL &&
           g_strv_contains((const char *const *)filter->exempt, address->full);
}

Answer spam_filter_ask(SpamFilter *filter, const char *recipient, const char *sender,
                       const char *client, char **domain, GError **error)
{
    g_autofree char *asked = spam_filter_domain(recipient);
    if (asked == NULL || is_exempt(filter, recipient) || is_strange(filter, asked))
        return ANSWER_NO;
    g_autoptr(GPtrArray) values = spam_filter_values(sender, client);
    if (values->len == 0)
        return ANSWER_NO;
    g_autofree char *condition = profile_filter_blocked(filter->profile, values);
    const Answer answer = ask_twice(filter, asked, condition, error);
    if (answer == ANSWER_YES)
        *domain = g_steal_pointer(&asked);
    return answer;
}
