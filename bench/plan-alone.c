/* SPDX-License-Identifier: MIT */
/* bench-plan alone|slice CONF ADMIN GRANT FILE: the rows of a batchload.csv are planned beside the
 * directory that CONF names, each by a plan of its own that knows nothing yet (alone), or all of
 * them by one that reads ahead (slice). Nothing is written. Tells rows, how many of them were
 * refused, and seconds of processor time. */
#include "lib/config.h"
#include "lib/plan.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct {
    PlanContext context;
    GPtrArray *operations; /* of Operation * */
    guint refused;
} Bench;

static GPtrArray *read_rows(const Config *config, const char *path, GError **error)
{
    g_autoptr(GFile) file = g_file_new_for_path(path);
    g_autoptr(GFileInputStream) stream = g_file_read(file, NULL, error);
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)operation_free);
    if (!stream)
        return NULL;
    g_autoptr(TableReader) reader = table_reader_new(G_INPUT_STREAM(stream), &config->table);
    const TableHead *head = table_reader_head(reader, error);
    Answer answer = head ? ANSWER_YES : ANSWER_UNKNOWN;
    while (answer == ANSWER_YES) {
        g_autoptr(TableRow) row = NULL;
        g_autoptr(Outcome) outcome = NULL;
        answer = table_reader_next(reader, &row, error);
        Operation *operation = row ? operation_from_row(row, head, &config->rules, &outcome) : NULL;
        if (operation)
            g_ptr_array_add(rows, operation);
    }
    return answer == ANSWER_NO ? g_steal_pointer(&rows) : NULL;
}

static bool plan_one(Bench *bench, Plan *plan, const Operation *operation, GError **error)
{
    g_autoptr(PlannedRow) row = NULL;
    if (plan_row(plan, operation, &row, error) != ANSWER_YES)
        return false;
    bench->refused += row->outcome->result == RESULT_FAILED;
    return true;
}

static bool plan_alone(Bench *bench, GError **error)
{
    for (guint i = 0; i < bench->operations->len; i++) {
        g_autoptr(Plan) plan = plan_new(&bench->context);
        if (!plan_one(bench, plan, bench->operations->pdata[i], error))
            return false;
    }
    return true;
}

static bool plan_slice(Bench *bench, GError **error)
{
    g_autoptr(Plan) plan = plan_new(&bench->context);
    if (plan_prefetch(plan, bench->operations, error) != ANSWER_YES)
        return false;
    for (guint i = 0; i < bench->operations->len; i++)
        if (!plan_one(bench, plan, bench->operations->pdata[i], error))
            return false;
    return true;
}

static double used(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static bool measure(const Config *config, char **words, GError **error)
{
    g_autoptr(Address) admin = address_parse(words[3], NULL, error);
    g_autoptr(Grant) grant = admin ? grant_parse(words[4], admin, error) : NULL;
    g_autoptr(GPtrArray) rows = grant ? read_rows(config, words[5], error) : NULL;
    g_autoptr(Directory) directory = rows ? directory_new(&config->directory, error) : NULL;
    if (!directory)
        return false;
    Bench bench = {
        .operations = rows,
        .context = {.job = "20261121-BENCH",
                    .requester = admin,
                    .grant = grant,
                    .profile = config->profile,
                    .directory = directory,
                    .batch_addresses = (const char *const *)config->batch_addresses,
                    .list_members_max = config->list_members_max,
                    .unwritten = true},
    };
    const double begin = used();
    if (!(strcmp(words[1], "slice") == 0 ? plan_slice : plan_alone)(&bench, error))
        return false;
    printf("%u %u %.6f\n", rows->len, bench.refused, used() - begin);
    return true;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    if (argc != 6) {
        fprintf(stderr, "usage: bench-plan alone|slice CONF ADMIN GRANT FILE\n");
        return 64;
    }
    secret_init();
    directory_init();
    g_autoptr(Config) config = config_load(argv[2], &error);
    if (config && measure(config, argv, &error))
        return 0;
    fprintf(stderr, "bench-plan: %s\n", error->message);
    return 69;
}
