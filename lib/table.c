/* SPDX-License-Identifier: MIT */
#include "lib/table.h"
