/* SPDX-License-Identifier: MIT */
#include "lib/nearest.h"

#include <string.h>

/* Optimal string alignment: insert, leave out, change, or swap two neighbours, one each. */
static unsigned distance(const char *a, gsize a_length, const char *b, gsize b_length)
{
    unsigned rows[3][NEAREST_WORD_MAX + 1];
    for (gsize j = 0; j <= b_length; j++)
        rows[0][j] = (unsigned)j;
    for (gsize i = 1; i <= a_length; i++) {
        unsigned *now = rows[i % 3];
        const unsigned *before = rows[(i + 2) % 3];
        now[0] = (unsigned)i;
        for (gsize j = 1; j <= b_length; j++) {
            unsigned change = before[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = MIN(change, MIN(before[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = MIN(now[j], rows[(i + 1) % 3][j - 2] + 1);
        }
    }
    return rows[a_length % 3][b_length];
}

const char *nearest_word(const char *word, const char *const *words, unsigned count)
{
    gsize length = strlen(word);
    if (length < 2 || length > NEAREST_WORD_MAX)
        return NULL;
    g_autofree char *upper = g_ascii_strup(word, -1);
    unsigned best = CLAMP((unsigned)length / 4, 1, 3) + 1;
    const char *found = NULL;
    for (unsigned i = 0; i < count; i++) {
        gsize other = strlen(words[i]);
        if (other > NEAREST_WORD_MAX)
            continue;
        unsigned d = distance(upper, length, words[i], other);
        if (d < best) {
            best = d;
            found = words[i];
        }
    }
    return found;
}

/* What other programs call types and actions; each once. */
static const struct {
    const char *word, *meant;
} elsewhere[] = {
    {"USER", "FULL"},
    {"MAILBOX", "FULL"},
    {"ACCOUNT", "FULL"},
    {"MAILUSER", "FULL"},
    {"FORWARDER", "FORWARD"},
    {"REDIRECT", "FORWARD"},
    {"MAILINGLIST", "LIST"},
    {"DISTRIBUTIONLIST", "DLIST"},
    {"VACATION", "AUTORESPONDER"},
    {"AUTOREPLY", "AUTORESPONDER"},
    {"BLACKLIST", "SPAMFILTER"},
    {"CREATE", "ADD"},
    {"INSERT", "ADD"},
    {"NEW", "ADD"},
    {"DEL", "DELETE"},
    {"REMOVE", "DELETE"},
    {"DROP", "DELETE"},
    {"MOD", "MODIFY"},
    {"UPDATE", "MODIFY"},
    {"CHANGE", "MODIFY"},
    {"EDIT", "MODIFY"},
    {"SET", "MODIFY"},
    {"DISABLE", "SUSPEND"},
    {"LOCK", "SUSPEND"},
    {"ENABLE", "RESUME"},
    {"UNLOCK", "RESUME"},
};

const char *nearest_meant(const char *word, const char *const *words)
{
    const char *near = nearest_word(word, words, g_strv_length((char **)words));
    for (unsigned i = 0; !near && i < G_N_ELEMENTS(elsewhere); i++)
        for (const char *const *each = words; *each; each++)
            if (g_ascii_strcasecmp(word, elsewhere[i].word) == 0 &&
                strcmp(*each, elsewhere[i].meant) == 0)
                near = *each;
    return near;
}
