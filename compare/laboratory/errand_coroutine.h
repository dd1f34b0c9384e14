/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/* The upload as a coroutine, for whoever has something around it. */
#ifndef COMPARE_LABORATORY_ERRAND_COROUTINE_H
#define COMPARE_LABORATORY_ERRAND_COROUTINE_H

#include <duet/coroutine.h>

#include "compare/laboratory/errand.h"

/* So many bytes, and their answer: called for each chunk, and for the goodbye. */
struct exchange {
	struct duet_coroutine coroutine;
	struct errand *errand;
	struct duet_op op;
	uint32_t to_send;
	uint32_t to_hear;
};

struct carrier {
	struct duet_coroutine coroutine;
	struct errand *errand;
	struct exchange exchange;
};

/* To be called, or spawned: from here on the goodbye is owed. */
struct duet_coroutine *errand_carrier(struct carrier *carrier, struct errand *errand);

#endif
