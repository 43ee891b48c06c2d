/* SPDX-License-Identifier: MIT */
#include "policy/delegation.h"
#include <string.h>

struct DelegationReader {
    gsize begin, end; /* of what has come and was not read yet */
    gsize seen;       /* up to here there is no end of a request */
    char bytes[DELEGATION_REQUEST_MAX];
};

/* The attributes that are looked at. */
typedef enum { REQUEST, STATE, SENDER, RECIPIENT, CLIENT, QUEUE_ID, NAMES } Name;

static const char *const names[NAMES] = {
    [REQUEST] = "request",     [STATE] = "protocol_state",  [SENDER] = "sender",
    [RECIPIENT] = "recipient", [CLIENT] = "client_address", [QUEUE_ID] = "queue_id",
};

DelegationReader *delegation_reader_new(void)
{
    return g_new0(DelegationReader, 1);
}

void delegation_reader_free(DelegationReader *reader)
{
    g_free(reader);
}

char *delegation_room(DelegationReader *reader, gsize *size)
{
    /* What texts there were belongs to requests that were read. */
    if (reader->begin > 0) {
        memmove(reader->bytes, reader->bytes + reader->begin, reader->end - reader->begin);
        reader->end -= reader->begin;
        reader->seen -= reader->begin;
        reader->begin = 0;
    }
    *size = sizeof reader->bytes - reader->end;
    return reader->bytes + reader->end;
}

void delegation_filled(DelegationReader *reader, gsize size)
{
    reader->end += size;
}

bool delegation_is_inside(const DelegationReader *reader)
{
    return reader->begin < reader->end;
}

/* --- one request --- */

static bool has_control(const char *text)
{
    while (*text != '\0' && !g_ascii_iscntrl(*text))
        text++;
    return *text != '\0';
}

/* A line, terminated. NULL, or what is wrong with it. */
static const char *take_line(char *line, const char *values[NAMES])
{
    char *value = strchr(line, '=');
    if (value == NULL)
        return "a line has no name and value";
    *value++ = '\0';
    for (Name name = 0; name < NAMES; name++) {
        if (strcmp(line, names[name]) != 0)
            continue;
        if (values[name] != NULL)
            return "a value is there twice";
        if (has_control(value))
            return "a value has a control character";
        values[name] = value;
    }
    return NULL;
}

static const char *take_values(const char *const values[NAMES], DelegationRequest *request)
{
    if (values[REQUEST] == NULL || strcmp(values[REQUEST], "smtpd_access_policy") != 0)
        return "it is no request of this protocol";
    if (values[STATE] == NULL)
        return "protocol_state is missing";
    *request = (DelegationRequest){
        .at_recipient = strcmp(values[STATE], "RCPT") == 0,
        .sender = values[SENDER],
        .recipient = values[RECIPIENT],
        .client = values[CLIENT],
        .queue_id = values[QUEUE_ID] != NULL && *values[QUEUE_ID] != '\0' ? values[QUEUE_ID] : NULL,
    };
    if (!request->at_recipient)
        return NULL;
    return request->sender == NULL      ? "sender is missing"
           : request->recipient == NULL ? "recipient is missing"
           : request->client == NULL    ? "client_address is missing"
                                        : NULL;
}

/* length bytes of whole lines. NULL, or what is wrong with them. */
static const char *take_lines(char *bytes, gsize length, DelegationRequest *request)
{
    const char *values[NAMES] = {0}, *fault = NULL;
    if (memchr(bytes, '\0', length) != NULL)
        return "it has a NUL byte";
    for (char *line = bytes, *end; fault == NULL && line < bytes + length; line = end + 1) {
        end = memchr(line, '\n', (gsize)(bytes + length - line));
        *end = '\0';
        fault = take_line(line, values);
    }
    return fault != NULL ? fault : take_values(values, request);
}

/* Where the first request ends, its empty line not counted; NULL: not yet. */
static char *find_end(DelegationReader *reader)
{
    const gsize from = reader->seen > reader->begin ? reader->seen - 1 : reader->begin;
    char *begin = reader->bytes + reader->begin;
    if (reader->begin < reader->end && *begin == '\n')
        return begin;
    char *found = memmem(reader->bytes + from, reader->end - from, "\n\n", 2);
    if (found == NULL)
        reader->seen = reader->end;
    return found != NULL ? found + 1 : NULL;
}

DelegationState delegation_next(DelegationReader *reader, DelegationRequest *request,
                                const char **fault)
{
    char *begin = reader->bytes + reader->begin;
    char *end = find_end(reader);
    if (end == NULL && reader->end - reader->begin < sizeof reader->bytes)
        return DELEGATION_MORE;
    if (end == NULL) {
        *fault = "it is too large";
        return DELEGATION_ENDLESS;
    }
    reader->begin = reader->seen = (gsize)(end + 1 - reader->bytes);
    *fault = take_lines(begin, (gsize)(end - begin), request);
    return *fault == NULL ? DELEGATION_WHOLE : DELEGATION_BAD;
}
