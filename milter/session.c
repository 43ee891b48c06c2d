/* SPDX-License-Identifier: MIT */
#include "milter/session.h"
