/* SPDX-License-Identifier: MIT */
#include "milter/callbacks.h"
