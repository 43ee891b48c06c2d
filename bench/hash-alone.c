/* SPDX-License-Identifier: MIT */
/* bench-hash COUNT [THREADS]: so many passwords under {CRYPT}$6$ by so many threads, as many as
 * there are processors without a number; nothing else. Tells the seconds. */
#include "lib/password.h"

#include <stdio.h>
#include <stdlib.h>

static int left; /* atomic: passwords that nobody has taken yet */

static gpointer work(gpointer data)
{
    (void)data;
    for (;;) {
        const int number = g_atomic_int_add(&left, -1);
        if (number <= 0)
            return NULL;
        g_autofree char *text = g_strdup_printf("clear words %d", number);
        g_autoptr(Secret) clear = secret_dup(text);
        g_autoptr(Secret) hash = password_hash(clear, PASSWORD_SCHEME_SHA512);
        if (hash == NULL)
            g_error("a password was not hashed");
    }
}

int main(int argc, char **argv)
{
    const int count = argc > 1 ? atoi(argv[1]) : 0;
    const guint threads = argc > 2 ? (guint)atoi(argv[2]) : g_get_num_processors();
    if (count < 1 || threads < 1) {
        fprintf(stderr, "usage: bench-hash COUNT [THREADS]\n");
        return 64;
    }
    secret_init();
    g_autoptr(GPtrArray) running = g_ptr_array_new();
    const gint64 begin = g_get_monotonic_time();
    g_atomic_int_set(&left, count);
    for (guint i = 0; i < threads; i++)
        g_ptr_array_add(running, g_thread_new("hash", work, NULL));
    for (guint i = 0; i < running->len; i++)
        g_thread_join(running->pdata[i]);
    printf("%.6f\n", (double)(g_get_monotonic_time() - begin) / G_USEC_PER_SEC);
    return 0;
}
