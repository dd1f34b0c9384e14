/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_QUEUE_H
#define CORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/loop.h"

/* Rings through next/prev: the lines of a handle. *ring is the head, NULL if empty. */

static inline void core_ring_append(struct duet_op **ring, struct duet_op *op)
{
	struct duet_op *head = *ring;

	if (!head) {
		op->next = op->prev = op;
		*ring = op;
		return;
	}
	op->next = head;
	op->prev = head->prev;
	head->prev->next = op;
	head->prev = op;
}

static inline void core_ring_remove(struct duet_op **ring, struct duet_op *op)
{
	if (op->next == op) {
		*ring = NULL;
		return;
	}
	op->prev->next = op->next;
	op->next->prev = op->prev;
	if (*ring == op)
		*ring = op->next;
}

/* Queues through queued: an operation is on one at most, the one that its state names. */

static inline void core_queue_push(struct core_queue *queue, struct duet_op *op)
{
	op->queued = NULL;
	if (queue->first)
		queue->last->queued = op;
	else
		queue->first = op;
	queue->last = op;
}

static inline struct duet_op *core_queue_pop(struct core_queue *queue)
{
	struct duet_op *op = queue->first;

	if (op)
		queue->first = op->queued;
	return op;
}

/* All of `rest` behind what is on queue, which isn't empty. */
static inline void core_queue_append(struct core_queue *queue, const struct core_queue *rest)
{
	if (!rest->first)
		return;
	queue->last->queued = rest->first;
	queue->last = rest->last;
}

/* Linear: only the rare queues (no room, starved, owed) are ever searched. */
static inline bool core_queue_remove(struct core_queue *queue, const struct duet_op *op)
{
	struct duet_op *before = NULL;

	for (struct duet_op *at = queue->first; at; before = at, at = at->queued) {
		if (at != op)
			continue;
		if (before)
			before->queued = at->queued;
		else
			queue->first = at->queued;
		if (queue->last == at)
			queue->last = before;
		return true;
	}
	return false;
}

#endif
