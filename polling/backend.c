/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "polling/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void destroy(struct duet_loop *loop)
{
	struct polling *polling = polling_of(loop);

	/* Closing is all, also in a forked child: the set is shared with the parent, and whatever
	 * a child took out of it would be gone there too. */
	if (polling->wake >= 0)
		close(polling->wake);
	if (polling->epoll >= 0)
		close(polling->epoll);
	free(polling->events);
	free(polling->waits);
	free(polling);
	loop->state = NULL;
}

static int open_set(struct polling *polling)
{
	polling->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (polling->epoll < 0)
		return -errno;
	return polling_wake_open(polling);
}

static int take_memory(struct polling *polling, const struct duet_loop_options *options)
{
	polling->events = calloc(polling->events_max, sizeof(*polling->events));
	polling->waits = calloc((size_t)options->handles_max * 2, sizeof(struct duet_wait *));
	return polling->events && polling->waits ? 0 : -ENOMEM;
}

static int create(struct duet_loop *loop, const struct duet_loop_options *options)
{
	struct polling *polling = calloc(1, sizeof(*polling));
	int error;

	if (!polling)
		return -ENOMEM;
	loop->state = polling;
	polling->epoll = polling->wake = -1;
	error = polling_tuning(options->tuning, polling);
	if (!error)
		error = take_memory(polling, options);
	if (!error)
		error = open_set(polling);
	if (error) {
		destroy(loop);
		return error;
	}
	loop->fd = polling->epoll;
	polling->coarse = polling->without & POLLING_WITHOUT_PWAIT2;
	polling_ladder_choose(loop->capability, NULL, polling->without, options->worker_threads);
	return 0;
}

/* Nothing is known of a new handle, and nothing is done for it before it has to wait. */
static int attach(struct duet_loop *loop, struct duet_slot *slot)
{
	(void)loop;
	slot->ready = 0;
	slot->next = 0;
	return 0;
}

static void detach(struct duet_loop *loop, struct duet_slot *slot)
{
	polling_native_drop(loop, slot);
	polling_attempt_never(loop, slot);
	polling_interest_remove(loop, slot);
	/* A terminal that others share is as it was, and theirs when this has ended. A listener is shared
	 * with those who go on accepting, and rely on it. */
	if (slot->ready & NONBLOCKING && !slot->was_nonblocking &&
	    slot->slot_class == CLASS_OTHER && !MUTANT(terminal_left_nonblocking))
		duet_core_system_nonblock(loop, slot->fd, 0);
}

static const char *place_of(const struct duet_op *op)
{
	if (op->progress & PROGRESS_WORKER)
		return "at a worker thread";
	switch (op->progress) {
	case PROGRESS_ARMED:
		return "waits for an event";
	case PROGRESS_ANSWERED:
	case PROGRESS_STOPPED:
		return "has its result";
	default:
		return "to be attempted in the next turn";
	}
}

static void dump(const struct duet_loop *loop, const struct duet_op *op, char *text, size_t size)
{
	(void)loop;
	snprintf(text, size, "%s", place_of(op));
}

const struct duet_backend *duet_polling(void)
{
	static const struct duet_backend backend = {
		.version = DUET_BACKEND_VERSION,
		.size = sizeof(backend),
		.name = "polling",
		.workers = true,
		.probe = polling_probe,
		.create = create,
		.destroy = destroy,
		.start = polling_start,
		.transfer = polling_transfer,
		.cancel = polling_cancel,
		.wait = polling_wait,
		.wake = polling_wake,
		.attach = attach,
		.detach = detach,
		.prepare = polling_prepare,
		.dump = dump,
	};

	return &backend;
}
