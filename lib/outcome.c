/* SPDX-License-Identifier: MIT */
#include "lib/outcome.h"
