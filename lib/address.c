/* SPDX-License-Identifier: MIT */
#include "lib/address.h"
