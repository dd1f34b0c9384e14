/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A model: one way to write the same echo server. Each is one source for all backends that it can
 * run on, so that what differs between two arms is the backend, or the way to resume, alone. */
#ifndef COMPARE_MODELS_MODEL_H
#define COMPARE_MODELS_MODEL_H

#include <duet/handle.h>
#include <stdbool.h>
#include <stdint.h>

struct duet_loop;
struct duet_pool;

/* What a model is given to serve with; it outlives the model. */
struct model_host {
	struct duet_loop *loop;
	duet_handle listener;
	struct duet_pool *pool;
	uint32_t buffers;         /* of the pool */
	uint32_t connections_max; /* at once; more wait in the backlog */
	uint32_t parked_max;      /* accepted though nobody asked any more: they wait, too */
	bool short_of_files;      /* has been said */
};

/* What a model of tasks did, beside its loop. */
struct model_counts {
	uint64_t steps; /* of tasks: resumed with a result, or asked again */
	uint64_t wakes; /* of those, from the scheduler's line, where somebody had put them */
	uint64_t polls; /* of leaf futures */
};

struct model {
	const char *name;
	const char *only_on; /* the one backend that has what it needs, or NULL */
	/* Begins to accept: 0 with *state, or a negative errno. */
	int (*start)(const struct model_host *host, void **state);
	/* After nothing is pending any more. */
	void (*finish)(void *state);
	/* NULL where there are no tasks. */
	void (*count)(const void *state, struct model_counts *counts);
};

/* True if an accept failed for want of descriptors: to be asked again when a connection ends. Says
 * so the first time. */
bool model_out_of_files(struct model_host *host, int result);

extern const struct model MODEL_ECHO_CALLBACK, MODEL_ECHO_COROUTINE, MODEL_ECHO_FUTURE,
	MODEL_ECHO_NATIVE;

#define MODEL_NAMES "callback, coroutine, future and native"

const struct model *model_find(const char *name); /* NULL: none of this name */

#endif
