/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/models/reception.h"

#include <errno.h>
#include <stdlib.h>

static void accept_next(struct reception *reception)
{
	if (reception->accepting || !reception->free)
		return;
	duet_op_accept(&reception->accept, reception->host.listener, 0);
	reception->accepting = !duet_op_start(reception->host.loop, &reception->accept);
}

static void take_place(struct reception *reception, duet_handle handle)
{
	struct place *place = reception->free;

	reception->free = place->free;
	place->handle = handle;
	reception->serve(place);
}

static void on_accept(struct duet_op *op)
{
	struct reception *reception = op->context;

	reception->accepting = false;
	if (op->result >= 0 && op->made.generation)
		take_place(reception, op->made);
	else if (op->cause == DUET_CAUSE_SHUTDOWN)
		return;
	/* Out of descriptors, it is asked again when a connection ends. */
	if (!model_out_of_files(&reception->host, op->result))
		accept_next(reception);
}

void reception_leave(struct place *place)
{
	struct reception *reception = place->reception;

	place->free = reception->free;
	reception->free = place;
	accept_next(reception);
}

void reception_count(const void *state, struct model_counts *counts)
{
	const struct reception *reception = state;
	const struct duet_scheduler_stats *stats = &reception->scheduler.stats;

	counts->steps = stats->resumed + stats->stepped;
	counts->wakes = stats->stepped;
	counts->polls = reception->polls;
}

void reception_close(void *state)
{
	struct reception *reception = state;

	free(reception->connections);
	free(reception);
}

int reception_open(struct reception **out, const struct model_host *host, size_t connection_bytes,
		   size_t place_offset, void (*serve)(struct place *place))
{
	struct reception *reception = calloc(1, sizeof(*reception));

	*out = NULL;
	if (!reception)
		return -ENOMEM;
	reception->host = *host;
	reception->serve = serve;
	reception->connections = calloc(host->connections_max, connection_bytes);
	if (!reception->connections) {
		free(reception);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < host->connections_max; i++) {
		struct place *place = (struct place *)(void *)(reception->connections +
							       i * connection_bytes + place_offset);

		place->reception = reception;
		place->free = reception->free;
		reception->free = place;
	}
	duet_scheduler_init(&reception->scheduler, host->loop, NULL);
	duet_op_init(&reception->accept, on_accept, reception);
	accept_next(reception);
	*out = reception;
	return reception->accepting ? 0 : -EINVAL;
}
