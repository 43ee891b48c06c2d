/* SPDX-License-Identifier: MIT */
typedef int batchload_empty;
