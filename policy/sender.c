/* SPDX-License-Identifier: MIT */
#include "policy/sender.h"
