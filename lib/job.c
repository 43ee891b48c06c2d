/* SPDX-License-Identifier: MIT */
#include "lib/job.h"
