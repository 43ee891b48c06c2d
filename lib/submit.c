/* SPDX-License-Identifier: MIT */
#include "lib/submit.h"
