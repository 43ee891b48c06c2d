/* SPDX-License-Identifier: MIT */
#include "lib/directory-window.h"

/* A write is sent alone after so many answers, and after so many times what that takes; soon again
 * if that was another time than before, by more than the factor. */
#define ALONE_AFTER_ANSWERS 256
#define ALONE_AFTER_TIMES 50
#define ALONE_SOON_ANSWERS 32
#define ALONE_SAME_FACTOR 1.5
/* Answers of which the time from one to the next is the mean: so many at least, and so many times
 * as there may be in flight, since some are met together. */
#define ROUND_ANSWERS 16
#define ROUND_TIMES 2
/* How much what is found out counts beside what was known. */
#define NEWS 0.25
/* So much more than would just do, so that it is found out where more does more. */
#define SLACK 1.25
/* How long the server is busy with what is in flight, microseconds: with more, whoever else writes
 * there would wait. */
#define BUSY 16000

static bool is_alone_due(const DirectoryWindow *window, gint64 now)
{
    if (window->alone <= 0)
        return true;
    if (!window->sure)
        return window->together >= ALONE_SOON_ANSWERS;
    return window->together >= ALONE_AFTER_ANSWERS &&
           (double)(now - window->alone_since) >= ALONE_AFTER_TIMES * window->alone;
}

static guint window_limit(const DirectoryWindow *window, guint most)
{
    guint limit = CLAMP(most, 1, DIRECTORY_WINDOW_MAX);
    if (window->each <= 0)
        return limit;
    return MIN(limit, (guint)MAX(DIRECTORY_WINDOW_MIN, MAX(window->needed, BUSY / window->each)));
}

/* At how many it is filled up again: half of them, or as many as keep the server at work. */
static guint window_low(const DirectoryWindow *window, guint limit)
{
    return MIN(MAX(limit / 2, (guint)window->needed), limit - 1);
}

bool directory_window_is_open(DirectoryWindow *window, guint most, gint64 now)
{
    if (window->in_flight == 0) {
        window->filling = true;
        return true;
    }
    if (is_alone_due(window, now))
        return false;
    const guint limit = window->limit = window_limit(window, most);
    if (window->in_flight >= limit)
        window->filling = false;
    else if (window->in_flight <= window_low(window, limit))
        window->filling = true;
    return window->filling;
}

void directory_window_sent(DirectoryWindow *window, gint64 now)
{
    window->sent = window->in_flight == 0 ? now : 0;
    window->in_flight++;
}

static void take_alone(DirectoryWindow *window, gint64 now)
{
    double took = MAX((double)(now - window->sent), 1);
    bool shorter = took * ALONE_SAME_FACTOR < window->alone;
    window->sure = !shorter && took < window->alone * ALONE_SAME_FACTOR;
    /* One that took long may have met anything; one that did not has not. */
    if (window->alone <= 0 || shorter)
        window->alone = took;
    else
        window->alone += NEWS * (took - window->alone);
    window->alone_since = now;
    window->together = 0;
}

static void end_round(DirectoryWindow *window, gint64 now)
{
    window->each = MAX((double)(now - window->round_since) / window->answers, 1);
    window->needed = MIN(SLACK * window->alone / window->each + 1, DIRECTORY_WINDOW_MAX);
    window->round_since = now;
    window->answers = 0;
}

void directory_window_answered(DirectoryWindow *window, gint64 now)
{
    window->in_flight--;
    window->answers++;
    if (window->sent != 0)
        take_alone(window, now);
    else
        window->together++;
    window->sent = 0;
    if (window->in_flight == 0) {
        window->round_since = 0;
    } else if (window->round_since == 0) {
        window->round_since = now;
        window->answers = 0;
    } else if (window->answers >= MAX(ROUND_ANSWERS, ROUND_TIMES * window->limit)) {
        end_round(window, now);
    }
}

void directory_window_starved(DirectoryWindow *window)
{
    window->round_since = 0;
}
