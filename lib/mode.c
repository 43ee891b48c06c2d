/* SPDX-License-Identifier: MIT */
#include "lib/mode.h"

const char *mode_name(Mode mode)
{
    switch (mode) {
    case MODE_APPLY:
        return "apply";
    case MODE_CHECK:
        return "check";
    case MODE_ATOMIC:
        return "atomic";
    case MODE_COUNT:
        break;
    }
    return "unknown";
}
