/* SPDX-License-Identifier: MIT */
/* bench-csv FILE: libcsv reads a file with separator ; and does nothing with it. Tells rows and
 * seconds. */
#include <csv.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define PIECE 65536

typedef struct {
    unsigned long fields, rows;
} Count;

static void on_field(void *text, size_t size, void *data)
{
    (void)text;
    (void)size;
    ((Count *)data)->fields++;
}

static void on_row(int end, void *data)
{
    (void)end;
    ((Count *)data)->rows++;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static bool read_all(FILE *file, struct csv_parser *parser, Count *count)
{
    static char piece[PIECE];
    size_t size;
    while ((size = fread(piece, 1, sizeof piece, file)) > 0)
        if (csv_parse(parser, piece, size, on_field, on_row, count) != size)
            return false;
    return !ferror(file) && csv_fini(parser, on_field, on_row, count) == 0;
}

int main(int argc, char **argv)
{
    struct csv_parser parser;
    Count count = {0, 0};
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL || csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
        fprintf(stderr, "usage: bench-csv FILE\n");
        return 64;
    }
    csv_set_delim(&parser, ';');
    const double begin = now();
    const bool good = read_all(file, &parser, &count);
    printf("%lu %.6f\n", count.rows, now() - begin);
    csv_free(&parser);
    fclose(file);
    return good ? 0 : 65;
}
