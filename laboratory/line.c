/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "laboratory/internal.h"

/*
 * Before hand-over. Points are counted as they are handed over, so of an operation that still stands
 * behind another one nobody knows which point it will be. But runs are alike until the cancel: one
 * without any has seen which point was the how-many-th to stand in a line.
 */

static struct waiter *find(struct duet_lab *lab, const struct duet_op *op)
{
	for (uint32_t i = 0; i < lab->waiter_count; i++)
		if (lab->waiters[i].op == op)
			return &lab->waiters[i];
	return NULL;
}

static void remove_waiter(struct duet_lab *lab, struct waiter *waiter)
{
	*waiter = lab->waiters[--lab->waiter_count];
}

static void note(struct duet_lab *lab, struct duet_op *op)
{
	struct waiter *waiter = find(lab, op);

	if (!waiter && lab->waiter_count < WAITERS_MAX) {
		waiter = &lab->waiters[lab->waiter_count++];
		*waiter = (struct waiter){.op = op, .line = ++lab->waited};
	}
	if (waiter)
		waiter->there = true;
}

static void note_line(struct duet_lab *lab, struct duet_op *head)
{
	struct duet_op *op;

	for (op = head ? head->next : NULL; op && op != head; op = op->next)
		if (op->state == STATE_WAITING && *duet_core_callback(op))
			note(lab, op);
}

static void look(struct duet_lab *lab)
{
	for (uint32_t i = 0; i < lab->waiter_count; i++)
		lab->waiters[i].there = false;
	for (uint32_t i = 0; i < lab->loop->handles_max; i++) {
		note_line(lab, lab->loop->slots[i].reads);
		note_line(lab, lab->loop->slots[i].writes);
	}
	for (uint32_t i = lab->waiter_count; i-- > 0;)
		if (!lab->waiters[i].there)
			remove_waiter(lab, &lab->waiters[i]);
}

/* Only in runs that need it: all handles are looked at. */
void lab_line_look(struct duet_lab *lab)
{
	if (lab->place.point && (lab->place.phase != DUET_LAB_BEFORE || lab->requested))
		return;
	look(lab);
	for (uint32_t i = 0; i < lab->waiter_count; i++) {
		if (!lab->place.point || lab->waiters[i].line != lab->place.line)
			continue;
		lab_target_set(lab, lab->waiters[i].op);
		lab_request(lab);
		return;
	}
}

uint32_t lab_line_left(struct duet_lab *lab, const struct duet_op *op)
{
	struct waiter *waiter = find(lab, op);
	uint32_t line = waiter ? waiter->line : 0;

	if (waiter)
		remove_waiter(lab, waiter);
	return line;
}
