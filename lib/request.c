/* SPDX-License-Identifier: MIT */
#include "lib/request.h"
