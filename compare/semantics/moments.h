/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The cases of moments.c and of rules.c, by number from 0 on. */
#ifndef COMPARE_SEMANTICS_MOMENTS_H
#define COMPARE_SEMANTICS_MOMENTS_H

#include <stdbool.h>
#include <stddef.h>

/* False: there are no more. */
bool moments_name(unsigned int number, char *name, size_t size);
/* 0, or -errno: the ring, or what is worked on, can't be had. */
int moments_play(unsigned int number, unsigned int patience_ms, char *outcome, size_t size);

bool rules_name(unsigned int number, char *name, size_t size);
int rules_play(unsigned int number, unsigned int patience_ms, char *outcome, size_t size);

#endif
