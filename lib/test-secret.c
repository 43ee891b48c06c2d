/* SPDX-License-Identifier: MIT */
#include "lib/secret.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static void test_copies(void)
{
    g_autoptr(Secret) whole = secret_dup("correct horse");
    g_autoptr(Secret) part = secret_ndup("correct horse", 7);
    g_autoptr(Secret) empty = secret_ndup(NULL, 0);

    g_assert_cmpstr(whole, ==, "correct horse");
    g_assert_cmpstr(part, ==, "correct");
    g_assert_cmpstr(empty, ==, "");
    g_assert_null(secret_dup(NULL));
    secret_free(NULL);
}

/* No dump is written of a process that has seen a secret. */
static void test_no_core(void)
{
    if (g_test_subprocess()) {
        struct rlimit core;
        secret_init();
        secret_init(); /* a second call does no harm */
        g_assert_cmpint(getrlimit(RLIMIT_CORE, &core), ==, 0);
        g_assert_cmpuint(core.rlim_cur, ==, 0);
        g_assert_cmpuint(core.rlim_max, ==, 0);
        g_assert_cmpint(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), ==, 0);
        /* the leak checker of a sanitizer build may need to attach to us at the end */
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/secret/copies", test_copies);
    g_test_add_func("/secret/no-core", test_no_core);
    return g_test_run();
}
