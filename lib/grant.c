/* SPDX-License-Identifier: MIT */
#include "lib/grant.h"
