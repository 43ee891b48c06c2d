/* SPDX-License-Identifier: MIT */
#include "lib/entry.h"
