/* SPDX-License-Identifier: MIT */
#include "lib/field.h"
