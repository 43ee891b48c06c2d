# SPDX-License-Identifier: MIT
# Measurements; run by hand.

EXTRA_DIST += bench/memory.py
