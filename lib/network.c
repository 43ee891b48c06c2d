/* SPDX-License-Identifier: MIT */
#include "lib/network.h"
#include "lib/text.h"
#include <gio/gio.h>
#include <string.h>

#define SHOWN_MAX 60

/* Bytes of an IPv6 address that name the network, and of an IPv4 address within one. */
#define IPV6_NETWORK 8
#define IPV6_BYTES 16
#define IPV4_BYTES 4

G_DEFINE_QUARK(batchload_network_error, network_error)

/* An address; one of IPv4 that is written within IPv6 as the former. NULL for anything else. */
static GInetAddress *parse_address(const char *text)
{
    static const guint8 mapped[IPV6_BYTES - IPV4_BYTES] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};
    if (!text)
        return NULL;
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(text);
    if (!address || g_inet_address_get_family(address) != G_SOCKET_FAMILY_IPV6)
        return g_steal_pointer(&address);
    const guint8 *bytes = g_inet_address_to_bytes(address);
    if (memcmp(bytes, mapped, sizeof mapped) != 0)
        return g_steal_pointer(&address);
    return g_inet_address_new_from_bytes(bytes + sizeof mapped, G_SOCKET_FAMILY_IPV4);
}

char *network_address(const char *text)
{
    g_autoptr(GInetAddress) address = parse_address(text);
    return address ? g_inet_address_to_string(address) : NULL;
}

char *network_of(const char *client)
{
    g_autoptr(GInetAddress) address = parse_address(client);
    if (!address)
        return g_strdup(client);
    if (g_inet_address_get_family(address) != G_SOCKET_FAMILY_IPV6)
        return g_inet_address_to_string(address);
    guint8 bytes[IPV6_BYTES] = {0};
    memcpy(bytes, g_inet_address_to_bytes(address), IPV6_NETWORK);
    g_autoptr(GInetAddress) network = g_inet_address_new_from_bytes(bytes, G_SOCKET_FAMILY_IPV6);
    g_autofree char *text = g_inet_address_to_string(network);
    return g_strdup_printf("%s/%d", text, IPV6_NETWORK * 8);
}

/* GIO complains aloud of a length that is too large. */
static GInetAddressMask *parse_network(const char *text)
{
    const char *slash = strchr(text, '/');
    g_autofree char *host = slash ? g_strndup(text, (gsize)(slash - text)) : g_strdup(text);
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(host);
    guint64 length, longest;
    if (!address)
        return NULL;
    longest = length = g_inet_address_get_native_size(address) * 8;
    if (slash && !g_ascii_string_to_unsigned(slash + 1, 10, 0, longest, &length, NULL))
        return NULL;
    return g_inet_address_mask_new(address, (guint)length, NULL);
}

static bool add_network(GPtrArray *list, const char *text, GError **error)
{
    g_autofree char *shown = text_printable(text, -1, SHOWN_MAX);
    GInetAddressMask *mask = list->len < NETWORK_LIST_MAX ? parse_network(text) : NULL;
    if (mask)
        g_ptr_array_add(list, mask);
    else if (list->len < NETWORK_LIST_MAX)
        g_set_error(error, NETWORK_ERROR, NETWORK_ERROR_SYNTAX,
                    "\"%s\" is no network such as 192.0.2.0/24 or 2001:db8::/32 (with zeros behind "
                    "its length)",
                    shown);
    else
        g_set_error(error, NETWORK_ERROR, NETWORK_ERROR_SYNTAX,
                    "there are more than %d networks in one list", NETWORK_LIST_MAX);
    return mask;
}

GPtrArray *network_list_parse(const char *text, GError **error)
{
    g_auto(GStrv) words = g_strsplit(text, ",", NETWORK_LIST_MAX + 1);
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_object_unref);
    for (char **word = words; *word; word++)
        if (!add_network(list, *word, error))
            return NULL;
    if (list->len > 0)
        return g_steal_pointer(&list);
    g_set_error_literal(error, NETWORK_ERROR, NETWORK_ERROR_SYNTAX,
                        "a list without anything in it");
    return NULL;
}

bool network_list_has(const GPtrArray *list, const char *client)
{
    g_autoptr(GInetAddress) address = parse_address(client);
    for (guint i = 0; address && i < list->len; i++)
        if (g_inet_address_mask_matches(list->pdata[i], address))
            return true;
    return false;
}
