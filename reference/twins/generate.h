/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_TWINS_GENERATE_H
#define REFERENCE_TWINS_GENERATE_H

#include "reference/script.h"

/* The script of a seed: always the same. Odd seeds are racy, even ones are calm. */
void generate(struct script *script, uint64_t seed);

#endif
