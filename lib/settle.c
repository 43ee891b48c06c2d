/* SPDX-License-Identifier: MIT */
#include "lib/settle.h"
