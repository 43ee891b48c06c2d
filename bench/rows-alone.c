/* SPDX-License-Identifier: MIT */
/* bench-rows FILE: a batchload.csv is read, and each of its rows checked by itself, as the daemon
 * does it, without a directory. Tells good rows and seconds; instructions can be counted
 * (bench/counted.h). */
#include "bench/counted.h"
#include "lib/operation.h"
#include "lib/password.h"

#include <stdio.h>

/* Rows that are good; -1 with an error. */
static gint64 count_good(TableReader *reader, GError **error)
{
    const OperationRules rules = {
        .modify_requires_password = true,
        .hash_schemes =
            PASSWORD_CRYPT_SHA512 | PASSWORD_CRYPT_YESCRYPT | PASSWORD_ARGON2 | PASSWORD_SSHA512,
    };
    const TableHead *head = table_reader_head(reader, error);
    gint64 good = 0;
    if (head == NULL)
        return -1;
    for (;;) {
        g_autoptr(TableRow) row = NULL;
        g_autoptr(Outcome) outcome = NULL;
        Answer answer = table_reader_next(reader, &row, error);
        if (answer != ANSWER_YES)
            return answer == ANSWER_NO ? good : -1;
        g_autoptr(Operation) operation = operation_from_row(row, head, &rules, &outcome);
        good += operation != NULL;
    }
}

int main(int argc, char **argv)
{
    const TableLimits limits = {
        .rows_max = 10000000,
        .columns_max = 100,
        .field_bytes_max = 65536,
        .bytes_max = G_MAXUINT64,
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(GFile) file = argc == 2 ? g_file_new_for_path(argv[1]) : NULL;
    g_autoptr(GFileInputStream) stream = file != NULL ? g_file_read(file, NULL, &error) : NULL;
    if (stream == NULL) {
        fprintf(stderr, "usage: bench-rows FILE\n");
        return 64;
    }
    secret_init();
    const gint64 begin = g_get_monotonic_time();
    g_autoptr(TableReader) reader = table_reader_new(G_INPUT_STREAM(stream), &limits);
    COUNT_BEGIN;
    const gint64 good = count_good(reader, &error);
    COUNT_END;
    if (good < 0) {
        fprintf(stderr, "bench-rows: %s\n", error->message);
        return 65;
    }
    printf("%" G_GINT64_FORMAT " %.6f\n", good,
           (double)(g_get_monotonic_time() - begin) / G_USEC_PER_SEC);
    return 0;
}
