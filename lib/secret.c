/* SPDX-License-Identifier: MIT */
#include "lib/secret.h"
