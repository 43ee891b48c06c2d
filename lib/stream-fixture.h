/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_STREAM_FIXTURE_H
#define BATCHLOAD_STREAM_FIXTURE_H

#include "lib/directory.h"

/* For tests: what the program writes into the directory passes here. Programs with it are linked
 * with --wrap=directory_apply,--wrap=directory_stream. */

typedef enum {
    PASS_ON,
    PASS_WAIT, /* ask again when one of those in flight has ended */
    PASS_STOP, /* it is not sent and ends with the state that it was given, and so does the stream
                */
} Pass;

typedef struct {
    /* Each write before it is sent; idle: none is in flight, so that the directory may be used. */
    Pass (*before)(Directory *directory, Write *write, bool idle);
    /* Each that was sent, when it has ended, before this is told; or NULL. */
    void (*after)(Write *write);
    /* All has ended, stopped by before or not; or NULL. What the program is told. */
    Answer (*end)(bool stopped, Answer answer, GError **error);
} StreamFixture;
extern StreamFixture stream_fixture; /* defined by the test */

Answer __real_directory_apply(Directory *directory, GPtrArray *writes, GError **error);

#endif
