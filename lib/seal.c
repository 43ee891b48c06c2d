/* SPDX-License-Identifier: MIT */
#include "lib/seal.h"
