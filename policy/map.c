/* SPDX-License-Identifier: MIT */
#include "policy/map.h"
