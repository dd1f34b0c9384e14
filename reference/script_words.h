/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_SCRIPT_WORDS_H
#define REFERENCE_SCRIPT_WORDS_H

#include "reference/script.h"

/* What the writing and the reading of a script have in common: by enum script_family, enum duet_policy,
 * enum script_memory and enum script_try. The first memory and try are said by no word. */

extern const char *const script_families[];
extern const char *const script_policies[];
extern const char *const script_memories[MEMORY_COUNT];
extern const char *const script_tries[TRY_COUNT];

#endif
