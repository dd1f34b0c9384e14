/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* SipHash-2-4 (Aumasson and Bernstein): without its secret nobody can find keys that fall into one
 * bucket, and so make each look-up a search through all of them. */
#ifndef COMPARE_KV_HASH_H
#define COMPARE_KV_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const uint64_t secret[2], const void *data, size_t bytes);

#endif
