/* SPDX-License-Identifier: MIT */
#include "lib/spool.h"
