/* SPDX-License-Identifier: MIT */
#include "policy/delegation.h"
#include "policy/spam-filter.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Any bytes as what Postfix sends: it makes no difference in which pieces they come, and what is
 * asked of the directory stays small and in normal form. Seeds: test-fixtures/delegation. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Labels of a domain are at most half as many as its bytes. */
#define VALUES_MAX (ADDRESS_DOMAIN_MAX / 2 + 3)

static void check_value(const char *value)
{
    static const char *const kinds[] = {"EMAIL:", "DOMAIN:", "IP:"};
    bool known = false;
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
        known |= g_str_has_prefix(value, kinds[i]);
    g_assert_true(known);
    g_assert_cmpuint(strlen(value), <, 300);
    for (const char *at = strchr(value, ':'); *at != '\0'; at++)
        g_assert_true(g_ascii_isgraph(*at) && !g_ascii_isupper(*at));
}

static void check_request(const DelegationRequest *request)
{
    if (!request->at_recipient)
        return;
    g_autoptr(GPtrArray) values = spam_filter_values(request->sender, request->client);
    g_autofree char *domain = spam_filter_domain(request->recipient);
    g_assert_cmpuint(values->len, <=, VALUES_MAX);
    for (guint i = 0; i < values->len; i++)
        check_value(g_ptr_array_index(values, i));
    g_autofree char *again = domain != NULL ? domain_normalise(domain, NULL) : NULL;
    g_assert_cmpstr(domain, ==, again);
}

/* The states of the requests as letters, bytes coming in pieces. */
static char *states_of(const char *bytes, gsize size, gsize piece)
{
    g_autoptr(DelegationReader) reader = delegation_reader_new();
    GString *states = g_string_new(NULL);
    for (;;) {
        DelegationRequest request;
        const char *fault = NULL;
        const DelegationState state = delegation_next(reader, &request, &fault);
        g_assert_true((fault != NULL) == (state == DELEGATION_BAD || state == DELEGATION_ENDLESS));
        g_string_append_c(states, (char)('0' + (int)state));
        if (state == DELEGATION_WHOLE)
            check_request(&request);
        if (state == DELEGATION_ENDLESS || (state == DELEGATION_MORE && size == 0))
            break;
        if (state != DELEGATION_MORE)
            continue;
        g_string_truncate(states, states->len - 1);
        gsize room = 0;
        char *to = delegation_room(reader, &room);
        g_assert_cmpuint(room, >, 0);
        room = MIN(MIN(room, piece), size);
        memcpy(to, bytes, room);
        delegation_filled(reader, room);
        bytes += room;
        size -= room;
    }
    g_string_append_c(states, delegation_is_inside(reader) ? 'i' : 'o');
    return g_string_free(states, FALSE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    g_autofree char *whole = states_of(bytes, size, MAX(size, 1));
    g_autofree char *pieces = states_of(bytes, size, size % 7 + 1);
    g_assert_cmpstr(whole, ==, pieces);
    return 0;
}
