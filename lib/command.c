/* SPDX-License-Identifier: MIT */
#include "lib/command.h"
#include <glib.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

socklen_t command_address(const char *spool_folder, struct sockaddr_un *address)
{
    char *real = realpath(spool_folder, NULL);
    g_autofree char *path =
        real != NULL ? g_strdup(real) : g_canonicalize_filename(spool_folder, NULL);
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, path, -1);
    g_autofree char *name = g_strconcat("batchload/", sum, NULL);

    free(real);
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    /* the first byte stays NUL */
    memcpy(address->sun_path + 1, name, strlen(name));
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}
