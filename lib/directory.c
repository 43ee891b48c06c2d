/* SPDX-License-Identifier: MIT */
#include "lib/directory.h"
