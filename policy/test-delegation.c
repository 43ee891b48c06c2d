/* SPDX-License-Identifier: MIT */
#include "policy/delegation.h"
#include <string.h>

#define HEAD "request=smtpd_access_policy\nprotocol_state=RCPT\n"
#define WHOLE                                                                                      \
    HEAD                                                                                           \
        "protocol_name=ESMTP\nclient_address=192.0.2.1\nclient_name=a.example\n"                   \
        "queue_id=8045F2AB23\nsender=Some@x.example\nrecipient=a@b.example\nsasl_username=who\n\n"

/* As many bytes at a time. */
static void feed(DelegationReader *reader, const char **bytes, gsize *left, gsize piece)
{
    gsize size;
    char *room = delegation_room(reader, &size);
    size = MIN(MIN(size, *left), piece);
    g_assert_cmpuint(size, >, 0);
    memcpy(room, *bytes, size);
    delegation_filled(reader, size);
    *bytes += size;
    *left -= size;
}

static DelegationState next_of(DelegationReader *reader, const char *bytes, gsize size,
                               DelegationRequest *request, const char **fault)
{
    DelegationState state;
    while ((state = delegation_next(reader, request, fault)) == DELEGATION_MORE && size > 0)
        feed(reader, &bytes, &size, size);
    return state;
}

static void assert_whole(const DelegationRequest *request)
{
    g_assert_true(request->at_recipient);
    g_assert_cmpstr(request->sender, ==, "Some@x.example");
    g_assert_cmpstr(request->recipient, ==, "a@b.example");
    g_assert_cmpstr(request->client, ==, "192.0.2.1");
    g_assert_cmpstr(request->queue_id, ==, "8045F2AB23");
}

/* R8.45 however the bytes come, and however many requests come at once */
static void test_pieces(void)
{
    static const char three[] = WHOLE WHOLE WHOLE;
    for (gsize piece = 1; piece < sizeof three; piece += piece < 40 ? 1 : 97) {
        g_autoptr(DelegationReader) reader = delegation_reader_new();
        DelegationRequest request;
        const char *fault, *bytes = three;
        gsize left = sizeof three - 1;
        unsigned found = 0;
        while (found < 3) {
            const DelegationState state = delegation_next(reader, &request, &fault);
            if (state == DELEGATION_MORE) {
                feed(reader, &bytes, &left, piece);
                continue;
            }
            g_assert_cmpint(state, ==, DELEGATION_WHOLE);
            assert_whole(&request);
            found++;
        }
        g_assert_cmpuint(left, ==, 0);
        g_assert_false(delegation_is_inside(reader));
        g_assert_cmpint(delegation_next(reader, &request, &fault), ==, DELEGATION_MORE);
    }
}

/* R8.45 what can't be understood is told, and the next request is read */
static void test_bad(void)
{
    static const struct {
        const char *text, *fault;
    } rows[] = {
        {"\n", "it is no request of this protocol"},
        {"protocol_state=RCPT\n\n", "it is no request of this protocol"},
        {"request=other\nprotocol_state=RCPT\n\n", "it is no request of this protocol"},
        {"request=smtpd_access_policy\n\n", "protocol_state is missing"},
        {HEAD "recipient=a@b.example\nclient_address=192.0.2.1\n\n", "sender is missing"},
        {HEAD "sender=\nclient_address=192.0.2.1\n\n", "recipient is missing"},
        {HEAD "sender=\nrecipient=a@b.example\n\n", "client_address is missing"},
        {HEAD "sender=\nsender=x@y.example\n\n", "a value is there twice"},
        {HEAD "nonsense\n\n", "a line has no name and value"},
        {HEAD "sender=a\tb\n\n", "a value has a control character"},
        {"request=smtpd_access_policy\r\nprotocol_state=RCPT\r\n\n",
         "a value has a control character"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(DelegationReader) reader = delegation_reader_new();
        g_autofree char *text = g_strconcat(rows[i].text, WHOLE, NULL);
        DelegationRequest request;
        const char *fault = NULL;
        g_assert_cmpint(next_of(reader, text, strlen(text), &request, &fault), ==, DELEGATION_BAD);
        g_assert_cmpstr(fault, ==, rows[i].fault);
        g_assert_cmpint(delegation_next(reader, &request, &fault), ==, DELEGATION_WHOLE);
        assert_whole(&request);
    }
}

/* R8.45 a NUL byte anywhere */
static void test_nul(void)
{
    static const char whole[] = WHOLE;
    for (gsize at = 0; at + 2 < sizeof whole - 1; at++) {
        g_autoptr(DelegationReader) reader = delegation_reader_new();
        g_autofree char *text = g_strdup(whole);
        DelegationRequest request;
        const char *fault = NULL;
        if (text[at] == '\n')
            continue; /* lines would become one */
        text[at] = '\0';
        g_assert_cmpint(next_of(reader, text, sizeof whole - 1, &request, &fault), ==,
                        DELEGATION_BAD);
        g_assert_cmpstr(fault, ==, "it has a NUL byte");
    }
}

/* What is left out where it does not matter; a '=' in a value; an empty queue number. */
static void test_values(void)
{
    g_autoptr(DelegationReader) reader = delegation_reader_new();
    static const char text[] = "request=smtpd_access_policy\nprotocol_state=DATA\n\n" HEAD
                               "sender=a=b@x.example\nrecipient=\nclient_address=\nqueue_id=\n"
                               "=\nother==\n\n";
    DelegationRequest request;
    const char *fault = NULL;
    g_assert_cmpint(next_of(reader, text, strlen(text), &request, &fault), ==, DELEGATION_WHOLE);
    g_assert_false(request.at_recipient);
    g_assert_null(request.sender);
    g_assert_cmpint(delegation_next(reader, &request, &fault), ==, DELEGATION_WHOLE);
    g_assert_cmpstr(request.sender, ==, "a=b@x.example");
    g_assert_cmpstr(request.recipient, ==, "");
    g_assert_null(request.queue_id);
}

/* size bytes before the empty line */
static char *of_size(gsize size)
{
    GString *text = g_string_new(HEAD "sender=a@x.example\nrecipient=a@b.example\n"
                                      "client_address=192.0.2.1\nlong=");
    while (text->len + 1 < size)
        g_string_append_c(text, text->len % 1000 == 0 ? '=' : 'x');
    return g_string_free(g_string_append_c(text, '\n'), FALSE);
}

/* R8.45 a request has a largest size: one long line, or lines without end */
static void test_sizes(void)
{
    static const struct {
        gsize size;
        DelegationState state;
    } rows[] = {
        {DELEGATION_REQUEST_MAX - 1, DELEGATION_WHOLE},
        {DELEGATION_REQUEST_MAX, DELEGATION_ENDLESS},
        {DELEGATION_REQUEST_MAX + 1, DELEGATION_ENDLESS},
        {4 * DELEGATION_REQUEST_MAX, DELEGATION_ENDLESS},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(DelegationReader) reader = delegation_reader_new();
        g_autofree char *lines = of_size(rows[i].size);
        g_autofree char *text = g_strconcat(lines, "\n", NULL);
        DelegationRequest request;
        const char *fault = NULL;
        g_assert_cmpint(next_of(reader, text, strlen(text), &request, &fault), ==, rows[i].state);
    }
}

/* R8.45 the end of the connection within a request */
static void test_inside(void)
{
    g_autoptr(DelegationReader) reader = delegation_reader_new();
    DelegationRequest request;
    const char *fault;
    g_assert_false(delegation_is_inside(reader));
    g_assert_cmpint(next_of(reader, WHOLE "r", strlen(WHOLE "r"), &request, &fault), ==,
                    DELEGATION_WHOLE);
    g_assert_cmpint(delegation_next(reader, &request, &fault), ==, DELEGATION_MORE);
    g_assert_true(delegation_is_inside(reader));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/delegation/R8.45/pieces", test_pieces);
    g_test_add_func("/delegation/R8.45/bad", test_bad);
    g_test_add_func("/delegation/R8.45/nul", test_nul);
    g_test_add_func("/delegation/values", test_values);
    g_test_add_func("/delegation/R8.45/sizes", test_sizes);
    g_test_add_func("/delegation/R8.45/inside", test_inside);
    return g_test_run();
}
