/* SPDX-License-Identifier: MIT */
#include "lib/log.h"
