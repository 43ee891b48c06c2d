/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_FUZZ_FILE_H
#define BATCHLOAD_FUZZ_FILE_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A fuzz target's bytes as a file in memory, for code that opens a file by its path, which is put
 * into path. Returns its descriptor, which the caller closes. */
#define FUZZ_FILE_PATH_MAX 40
static int fuzz_file(const uint8_t *data, size_t size, char path[FUZZ_FILE_PATH_MAX])
{
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    /* It is born open to everybody, which tables must not be. */
    g_assert_cmpint(fchmod(fd, 0600), ==, 0);
    for (size_t done = 0; done < size;) {
        const ssize_t written = write(fd, data + done, size - done);
        g_assert_cmpint(written, >, 0);
        done += (size_t)written;
    }
    g_snprintf(path, FUZZ_FILE_PATH_MAX, "/proc/self/fd/%d", fd);
    return fd;
}

#endif
