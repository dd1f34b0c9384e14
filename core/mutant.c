/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/mutant.h"

#ifdef DUET_MUTANTS
#include <stdlib.h>
#include <string.h>

int duet_core_mutant(enum core_mutant mutant)
{
	static const char *const names[] = {
#define MUTANT_NAME(name, text) #name,
		MUTANTS(MUTANT_NAME)
#undef MUTANT_NAME
	};
	const char *chosen = getenv("DUET_MUTANT");

	return chosen && strcmp(chosen, names[mutant]) == 0;
}
#else
typedef int core_no_mutants;
#endif
