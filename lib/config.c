/* SPDX-License-Identifier: MIT */
#include "lib/config.h"
