/* SPDX-License-Identifier: MIT */
#include "tests/slapd-fixture.h"
