/* SPDX-License-Identifier: MIT */
#include "lib/response.h"
