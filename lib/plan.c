/* SPDX-License-Identifier: MIT */
#include "lib/plan.h"
