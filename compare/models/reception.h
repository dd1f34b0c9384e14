/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Where the connections of an echo server come in, the same for every model of tasks: one accept at a
 * time, as long as there is a place, and a scheduler for what serves them. How a connection is served
 * is the model's. */
#ifndef COMPARE_MODELS_RECEPTION_H
#define COMPARE_MODELS_RECEPTION_H

#include <duet/operation.h>
#include <duet/scheduler.h>
#include <stddef.h>

#include "compare/models/model.h"

struct reception;

/* A place for one connection, somewhere in the model's own struct of it. */
struct place {
	struct reception *reception;
	duet_handle handle;
	struct place *free; /* the next one, while it isn't taken */
};

struct reception {
	struct model_host host;
	struct duet_scheduler scheduler;
	struct duet_op accept;
	bool accepting;
	void (*serve)(struct place *place);
	char *connections; /* the model's structs */
	struct place *free;
	uint64_t polls; /* of leaf futures, where the model has such */
};

/* Makes as many structs of connection_bytes as the host has connections, zeroed, with their places
 * place_offset bytes from their beginnings, and begins to accept. 0 or a negative errno. */
int reception_open(struct reception **out, const struct model_host *host, size_t connection_bytes,
		   size_t place_offset, void (*serve)(struct place *place));

/* The connection is closed: the place is free for another. */
void reception_leave(struct place *place);

/* For struct model. */
void reception_count(const void *state, struct model_counts *counts);
void reception_close(void *state);

#endif
