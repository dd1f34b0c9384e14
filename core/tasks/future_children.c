/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/tasks/future_children.h"

/* What a child is to be polled for. */
enum {
	CHILD_ASLEEP,  /* nothing. -> IN_LINE: woken */
	CHILD_IN_LINE, /* its turn comes. -> POLLED */
	CHILD_POLLED,  /* it is. -> ASLEEP; AGAIN */
	CHILD_AGAIN,   /* and was woken meanwhile. -> IN_LINE, ASLEEP: it has ended */
};

static void queue(struct duet_child *child)
{
	struct duet_children *children = child->children;

	child->woken_next = NULL;
	child->woken = CHILD_IN_LINE;
	if (children->woken)
		children->woken_last->woken_next = child;
	else
		children->woken = child;
	children->woken_last = child;
}

static void wake(struct duet_waker *waker)
{
	struct duet_child *child = CORE_CONTAINER(struct duet_child, waker, waker);

	/* One that has ended is woken in vain. */
	if (!child->children)
		return;
	if (child->woken == CHILD_POLLED)
		child->woken = CHILD_AGAIN;
	if (child->woken != CHILD_ASLEEP)
		return;
	queue(child);
	core_waker_take(&child->children->waker);
}

static void link_last(struct duet_children *children, struct duet_child *child)
{
	child->prev = children->last;
	if (children->last)
		children->last->next = child;
	else
		children->first = child;
	children->last = child;
	children->count++;
}

static void unlink_child(struct duet_children *children, struct duet_child *child)
{
	*(child->prev ? &child->prev->next : &children->first) = child->next;
	*(child->next ? &child->next->prev : &children->last) = child->prev;
	child->children = NULL;
	children->count--;
}

int core_children_add(struct duet_children *children, struct duet_child *child,
		      struct duet_future *future)
{
	int error = duet_future_claim(future);

	if (error)
		return error;
	*child = (struct duet_child){
		.waker.wake = wake, .future = future, .children = children};
	link_last(children, child);
	queue(child);
	core_waker_take(&children->waker);
	return 0;
}

int core_children_add_all(struct duet_children *children, struct duet_child *array,
			  uint32_t count)
{
	*children = (struct duet_children){0};
	for (uint32_t i = 0; i < count; i++) {
		int error = core_children_add(children, &array[i], array[i].future);

		if (!error)
			continue;
		while (i--) {
			array[i].children = NULL;
			duet_future_release(array[i].future);
		}
		return error;
	}
	return 0;
}

void duet_child_cancel(struct duet_child *child)
{
	if (!child->children || child->asked)
		return;
	child->asked = 1;
	wake(&child->waker);
}

void core_children_ask(struct duet_children *children)
{
	for (struct duet_child *child = children->first; child; child = child->next)
		duet_child_cancel(child);
}

void core_children_asked(struct duet_children *children, struct duet_future *whole)
{
	children->waker = NULL;
	core_children_ask(children);
	whole->asked = 1;
}

/* ---- A round. ---- */

void core_round_begin(struct core_round *round, struct duet_children *children,
		      const struct duet_context *context)
{
	round->children = children;
	round->context = *context;
	round->waker = context->waker;
	round->last = children->woken ? children->woken_last : NULL;
	round->left = DUET_CHILD_POLLS_MAX;
	/* What is woken now is seen at the end. */
	children->waker = NULL;
}

static enum duet_readiness poll(struct core_round *round, struct duet_child *child)
{
	round->children->polls++;
	round->context.waker = &child->waker;
	child->woken = CHILD_POLLED;
	return core_future_ask(child->future, &round->context, child->asked);
}

static void sleep_or_queue(struct duet_child *child)
{
	if (child->woken == CHILD_AGAIN)
		queue(child);
	else
		child->woken = CHILD_ASLEEP;
}

static void leave(struct core_round *round, struct duet_child *child)
{
	child->woken = CHILD_ASLEEP;
	core_waker_end(round->context.scheduler, &child->waker);
	unlink_child(round->children, child);
	duet_future_release(child->future);
}

struct duet_child *core_round_next(struct core_round *round)
{
	struct duet_children *children = round->children;

	while ((round->last || (MUTANT(child_keeps_the_poll) && children->woken)) && round->left) {
		struct duet_child *child = children->woken;

		round->left--;
		if (child == round->last)
			round->last = NULL;
		children->woken = child->woken_next;
		if (poll(round, child) == DUET_READY) {
			leave(round, child);
			return child;
		}
		sleep_or_queue(child);
	}
	return NULL;
}

void core_round_end(struct core_round *round)
{
	struct duet_children *children = round->children;

	children->waker = round->waker;
	if (children->woken)
		core_waker_take(&children->waker);
}
