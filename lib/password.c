/* SPDX-License-Identifier: MIT */
#include "lib/password.h"
