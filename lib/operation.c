/* SPDX-License-Identifier: MIT */
#include "lib/operation.h"
