/* SPDX-License-Identifier: MIT */
#include "lib/secret.h"
#include "lib/spool-fixture.h"
#include "lib/spool-private.h"
#include <string.h>

/* Who is woken when something becomes ready. */

/* Longest wait for what must come. */
#define WAIT_USEC (30 * G_USEC_PER_SEC)

#define SLEEPERS 3

static struct {
    GMutex lock;
    GCond changed;
    Spool *spool;
    unsigned asleep; /* threads that wait for a change of the spool */
    unsigned taken;
    bool over;
} crew;

void __real_g_cond_wait(GCond *cond, GMutex *mutex);
void __wrap_g_cond_wait(GCond *cond, GMutex *mutex);

static void note(unsigned *what, int more)
{
    g_mutex_lock(&crew.lock);
    *what += (unsigned)more;
    g_cond_broadcast(&crew.changed);
    g_mutex_unlock(&crew.lock);
}

/* The spool's lock is held until the thread sleeps: who has it finds those asleep that are counted.
 */
void __wrap_g_cond_wait(GCond *cond, GMutex *mutex)
{
    const bool counts = crew.spool && cond == &crew.spool->changed;
    if (counts)
        note(&crew.asleep, 1);
    __real_g_cond_wait(cond, mutex);
    if (counts)
        note(&crew.asleep, -1);
}

static void await(const unsigned *what, unsigned count)
{
    const gint64 end = g_get_monotonic_time() + WAIT_USEC;
    g_mutex_lock(&crew.lock);
    while (*what < count)
        if (!g_cond_wait_until(&crew.changed, &crew.lock, end))
            g_error("%u of %u came", *what, count);
    g_mutex_unlock(&crew.lock);
}

/* Takes one job and keeps it, so that it wakes nobody by giving it back. */
static gpointer take_one(gpointer data G_GNUC_UNUSED)
{
    g_autoptr(SpoolClaim) claim = NULL;
    gint64 due;
    while (spool_claim(crew.spool, &claim, &due, NULL) != ANSWER_YES)
        spool_wait(crew.spool, due);
    note(&crew.taken, 1);
    g_mutex_lock(&crew.lock);
    while (!crew.over)
        g_cond_wait(&crew.changed, &crew.lock);
    g_mutex_unlock(&crew.lock);
    return NULL;
}

/* A job whose next slice has a domain. */
static char *working(SpoolFixture *fixture, const char *requester, const char *domain)
{
    const char *const domains[] = {domain, NULL};
    g_autoptr(GError) error = NULL;
    char *id = spool_fixture_new_mail(fixture, requester, requester, requester);
    SpoolClaim *claim = NULL;
    g_assert_cmpint(spool_claim_this(fixture->spool, id, 0, &claim, &error), ==, ANSWER_YES);
    g_assert_true(spool_fixture_prove(claim, 1, domains, &error));
    spool_claim_release(claim);
    return id;
}

/* One change makes several jobs ready, and wakes one thread, which wakes the next: all that are
 * ready are in work though none of them ends. */
static void test_chain(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    SpoolClaim *all = NULL;
    GThread *threads[SLEEPERS];
    g_autofree char *id = working(fixture, "a@x.example", "*");
    for (unsigned i = 0; i < SLEEPERS; i++) {
        g_autofree char *requester = g_strdup_printf("b@d%u.example", i);
        g_free(working(fixture, requester, requester + strlen("b@")));
    }
    g_assert_cmpint(spool_claim_this(fixture->spool, id, 0, &all, &error), ==, ANSWER_YES);
    crew.spool = fixture->spool;
    for (unsigned i = 0; i < SLEEPERS; i++)
        threads[i] = g_thread_new("sleeper", take_one, NULL);
    await(&crew.asleep, SLEEPERS);
    g_assert_cmpuint(crew.taken, ==, 0);
    /* It is none of those that are ready. */
    g_assert_true(spool_job_wait(all, 3600, "a while", &error));
    spool_claim_release(all);
    await(&crew.taken, SLEEPERS);
    g_mutex_lock(&crew.lock);
    crew.over = true;
    g_cond_broadcast(&crew.changed);
    g_mutex_unlock(&crew.lock);
    for (unsigned i = 0; i < SLEEPERS; i++)
        g_thread_join(threads[i]);
    crew.spool = NULL;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    g_test_add_func("/spool-wait/chain", test_chain);
    return g_test_run();
}
