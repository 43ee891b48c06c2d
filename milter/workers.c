/* SPDX-License-Identifier: MIT */
#include "milter/workers.h"
