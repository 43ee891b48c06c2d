/* SPDX-License-Identifier: MIT */
#include "lib/secret.h"

#include <sodium.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Deeper than any of our threads goes with a secret; the smallest stack of them has 8 MB. */
#define STACK_CLEARED (256 * 1024)

Secret *secret_dup(const char *text)
{
    return text != NULL ? secret_ndup(text, strlen(text)) : NULL;
}

Secret *secret_ndup(const char *text, gsize length)
{
    Secret *secret = g_malloc(length + 1);
    if (length > 0)
        memcpy(secret, text, length);
    secret[length] = '\0';
    return secret;
}

void secret_free(Secret *secret)
{
    if (secret == NULL)
        return;
    sodium_memzero(secret, strlen(secret));
    g_free(secret);
}

void secret_wipe(gpointer memory, gsize size)
{
    sodium_memzero(memory, size);
}

void secret_clear_stack(void)
{
    sodium_stackzero(STACK_CLEARED);
}

GVariant *secret_to_bytes_variant(const char *text)
{
    Secret *copy = secret_dup(text);
    return g_variant_new_from_data(G_VARIANT_TYPE_BYTESTRING, copy, strlen(copy) + 1, TRUE,
                                   (GDestroyNotify)secret_free, copy);
}

bool secret_forbid_dump(void)
{
    const struct rlimit none = {0, 0};

    return setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

void secret_init(void)
{
    if (sodium_init() < 0)
        g_error("libsodium can't be started: the system gives no random numbers");
    if (!secret_forbid_dump())
        g_error("core dumps can't be switched off");
}
