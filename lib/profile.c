/* SPDX-License-Identifier: MIT */
#include "lib/profile.h"
