/* SPDX-License-Identifier: MIT */
#include "lib/directory-private.h"

#include <lber.h>
#include <string.h>

/* Why no secure connection could be made: libldap says that it failed, and no more. */

#define UTC_TIME 0x17
#define VERSION_TAG 0xa0

/* YYMMDDhhmmssZ, or with a year of four figures. NULL: it is none. */
static GDateTime *parse_time(ber_tag_t tag, const struct berval *text)
{
    const gsize century = tag == UTC_TIME ? 0 : 2;
    int part[6] = {0};
    if (text->bv_len < century + 12)
        return NULL;
    for (gsize i = 0; i < century + 12; i++) {
        gsize at = i < century + 2 ? 0 : (i - century) / 2;
        if (!g_ascii_isdigit(text->bv_val[i]))
            return NULL;
        part[at] = part[at] * 10 + (text->bv_val[i] - '0');
    }
    if (tag == UTC_TIME)
        part[0] += part[0] < 50 ? 2000 : 1900;
    return g_date_time_new_utc(part[0], part[1], part[2], part[3], part[4], part[5]);
}

/* From when to when a certificate (DER, RFC 5280) holds. */
static bool read_validity(struct berval *der, GDateTime **from, GDateTime **to)
{
    BerElement *ber = ber_init(der);
    struct berval times[2] = {0};
    ber_tag_t tags[2] = {0};
    ber_len_t length;
    bool good = ber != NULL && ber_scanf(ber, "{{") != LBER_ERROR;
    if (good && ber_peek_tag(ber, &length) == VERSION_TAG)
        good = ber_scanf(ber, "x") != LBER_ERROR;
    /* number, algorithm, issuer */
    good = good && ber_scanf(ber, "xxx{") != LBER_ERROR;
    for (guint i = 0; i < G_N_ELEMENTS(times) && good; i++) {
        tags[i] = ber_peek_tag(ber, &length);
        good = ber_scanf(ber, "m", &times[i]) != LBER_ERROR;
    }
    if (good) {
        *from = parse_time(tags[0], &times[0]);
        *to = parse_time(tags[1], &times[1]);
        good = *from != NULL && *to != NULL;
    }
    if (ber != NULL)
        ber_free(ber, 1);
    return good;
}

static char *host_of(const char *uri)
{
    g_autoptr(LDAPURLDesc) url = NULL;
    if (ldap_url_parse(uri, &url) != LDAP_URL_SUCCESS || url->lud_host == NULL)
        return g_strdup(uri);
    return g_strdup(url->lud_host);
}

/* What is wrong with the certificate that the server of this handle shows. */
static char *certificate_fault(LDAP *unchecked, const char *uri)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc(), from = NULL, to = NULL;
    g_autofree char *host = host_of(uri), *day = NULL;
    struct berval der = {0};
    bool dated = ldap_get_option(unchecked, LDAP_OPT_X_TLS_PEERCERT, &der) == LDAP_OPT_SUCCESS &&
                 der.bv_len > 0 && read_validity(&der, &from, &to);
    ber_memfree(der.bv_val);
    if (dated && g_date_time_compare(now, to) > 0) {
        day = g_date_time_format(to, "%F");
        return g_strdup_printf("The directory's certificate has expired on %s", day);
    }
    if (dated && g_date_time_compare(now, from) < 0) {
        day = g_date_time_format(from, "%F");
        return g_strdup_printf("The directory's certificate is not valid before %s", day);
    }
    return g_strdup_printf("The directory's certificate is not accepted: it must be signed by an "
                           "authority of ca_file, and made out to the name %s",
                           host);
}

void directory_set_tls_fault(const DirectorySettings *settings, const char *uri, GError **error)
{
    /* Nothing but the handshake goes over it. */
    DirectorySettings lenient = *settings;
    DirectoryTry attempt = {0};
    g_autofree char *words = NULL;
    LDAP *ld;
    lenient.unchecked = true;
    ld = directory_try(&lenient, uri, &attempt);
    if (ld == NULL)
        words = g_strdup("The directory does not speak TLS at this address, or not as this machine "
                         "does");
    else
        words = certificate_fault(ld, uri);
    if (ld != NULL)
        ldap_unbind_ext(ld, NULL, NULL);
    g_free(attempt.text);
    g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS, words);
}
