/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/errand.h"

#include <errno.h>

duet_handle errand_handle(const struct errand *errand)
{
	return errand->connections[errand->attempt].handle;
}

static int peer_of(const struct errand *errand)
{
	return errand->connections[errand->attempt].peer;
}

void errand_say(struct errand *errand, struct duet_op *op, uint32_t left)
{
	duet_lab_fill(errand->lab, peer_of(errand), errand->placed, errand->memory, left);
	duet_op_send(op, errand_handle(errand), errand->memory, left, 0);
}

uint32_t errand_said(struct errand *errand, const struct duet_op *op)
{
	duet_lab_sent(errand->lab, peer_of(errand), op->transferred);
	errand->placed += op->transferred;
	return op->transferred;
}

void errand_listen(struct errand *errand, struct duet_op *op, uint32_t left)
{
	duet_op_recv(op, errand_handle(errand), errand->answer, left, 0);
}

uint32_t errand_heard(struct errand *errand, const struct duet_op *op)
{
	duet_lab_received(errand->lab, peer_of(errand), errand->answer, op->transferred);
	return op->transferred;
}

bool errand_gives_up(const struct duet_task *task, int32_t result)
{
	if (result == -ECANCELED || result == -ETIMEDOUT)
		return duet_task_check(task) != 0;
	return result < 0;
}

/* ---- The workload. ---- */

int errand_set_up(struct duet_lab *lab, void *state)
{
	struct errand *errand = state;

	errand->lab = lab;
	for (int i = 0; i < ERRAND_ATTEMPTS; i++) {
		int peer = duet_lab_pair(lab, &errand->connections[i].handle);

		if (peer < 0)
			return peer;
		errand->connections[i].peer = peer;
		for (int k = 0; k <= ERRAND_CHUNKS; k++) {
			duet_lab_peer_receives(lab, peer,
					       k < ERRAND_CHUNKS ? ERRAND_CHUNK_BYTES
								 : ERRAND_GOODBYE_BYTES);
			duet_lab_peer_sends(lab, peer, ERRAND_ANSWER_BYTES);
		}
	}
	return duet_scheduler_init(&errand->scheduler, duet_lab_loop(lab), NULL);
}

/* Each body on a connection of its own: what was begun on another has got its goodbye. */
void errand_begin(struct duet_lab *lab, struct errand *errand)
{
	errand->attempt = duet_lab_attempt(lab);
	if (errand->attempt > 0)
		duet_lab_declare_partial(lab);
	errand->placed = 0;
	errand->chunks = errand->goodbyes = errand->closed = 0;
}

void errand_ended(struct errand *errand)
{
	if (errand->chunks == ERRAND_CHUNKS)
		duet_lab_finish(errand->lab);
}

const char *errand_check(struct duet_lab *lab, void *state)
{
	const struct errand *errand = state;

	(void)lab;
	if (errand->goodbyes != 1)
		return "it didn't say goodbye once";
	return errand->closed == 1 ? NULL : "it didn't close its connection once";
}
