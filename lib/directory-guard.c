/* SPDX-License-Identifier: MIT */
#include "lib/directory-private.h"

#include <errno.h>
#include <lber.h>
#include <poll.h>

/* libldap of OpenLDAP 2.5 asks a TLS server that says nothing again and again, without a pause and
 * without an end (its ITS#8047). So while a connection is made a layer lies below TLS, which waits
 * for the socket itself, up to the deadline, and then calls it a fault. */

static int guard_setup(Sockbuf_IO_Desc *layer, void *guard)
{
    layer->sbiod_pvt = guard;
    return 0;
}

static int guard_remove(Sockbuf_IO_Desc *layer)
{
    layer->sbiod_pvt = NULL;
    return 0;
}

static int guard_ctrl(Sockbuf_IO_Desc *layer, int option, void *argument)
{
    return LBER_SBIOD_CTRL_NEXT(layer, option, argument);
}

/* Until the socket is ready; false with errno. */
static bool wait_for(const Sockbuf_IO_Desc *layer, short events)
{
    const DirectoryGuard *guard = layer->sbiod_pvt;
    struct pollfd poller = {.events = events};
    gint64 left = guard->deadline - g_get_monotonic_time();
    if (ber_sockbuf_ctrl(layer->sbiod_sb, LBER_SB_OPT_GET_FD, &poller.fd) != 1)
        return true;
    if (left > 0 && poll(&poller, 1, (int)(left / 1000) + 1) > 0)
        return true;
    errno = ETIMEDOUT;
    return false;
}

static ber_slen_t guard_read(Sockbuf_IO_Desc *layer, void *buffer, ber_len_t length)
{
    return wait_for(layer, POLLIN) ? LBER_SBIOD_READ_NEXT(layer, buffer, length) : -1;
}

static ber_slen_t guard_write(Sockbuf_IO_Desc *layer, void *buffer, ber_len_t length)
{
    return wait_for(layer, POLLOUT) ? LBER_SBIOD_WRITE_NEXT(layer, buffer, length) : -1;
}

static int guard_close(Sockbuf_IO_Desc *layer G_GNUC_UNUSED)
{
    return 0;
}

static Sockbuf_IO guard_layer = {guard_setup, guard_remove, guard_ctrl,
                                 guard_read,  guard_write,  guard_close};

static void remove_layers(Sockbuf *buffer)
{
    while (ber_sockbuf_ctrl(buffer, LBER_SB_OPT_HAS_IO, &guard_layer) == 1 &&
           ber_sockbuf_remove_io(buffer, &guard_layer, LBER_SBIOD_LEVEL_TRANSPORT) == 0)
        ;
}

/* A connection is there, and will be TLS next. */
static int guard_connected(LDAP *ld G_GNUC_UNUSED, Sockbuf *buffer,
                           LDAPURLDesc *server G_GNUC_UNUSED,
                           struct sockaddr *address G_GNUC_UNUSED, struct ldap_conncb *callbacks)
{
    DirectoryGuard *guard = callbacks->lc_arg;
    guard->deadline = g_get_monotonic_time() + guard->seconds * G_TIME_SPAN_SECOND;
    remove_layers(buffer); /* of a server before that was not to be had */
    return ber_sockbuf_add_io(buffer, &guard_layer, LBER_SBIOD_LEVEL_TRANSPORT, guard);
}

static void guard_disconnected(LDAP *ld G_GNUC_UNUSED, Sockbuf *buffer G_GNUC_UNUSED,
                               struct ldap_conncb *callbacks G_GNUC_UNUSED)
{
}

bool directory_guard_begin(DirectoryGuard *guard, LDAP *ld, unsigned seconds)
{
    guard->seconds = MAX(seconds, 1);
    guard->deadline = 0;
    guard->callbacks = (struct ldap_conncb){guard_connected, guard_disconnected, guard};
    return ldap_set_option(ld, LDAP_OPT_CONNECT_CB, &guard->callbacks) == LDAP_OPT_SUCCESS;
}

void directory_guard_end(DirectoryGuard *guard, LDAP *ld)
{
    Sockbuf *buffer = NULL;
    if (ldap_get_option(ld, LDAP_OPT_SOCKBUF, &buffer) == LDAP_OPT_SUCCESS && buffer != NULL)
        remove_layers(buffer);
    /* To ask for it takes it away. */
    ldap_get_option(ld, LDAP_OPT_CONNECT_CB, &guard->callbacks);
}
