/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/completion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "completion/internal.h"

enum { ENTRIES_MIN = 8, ENTRIES_MAX = 32768 };

static const char *const tuning_keys[] = {"mode", "entries", "direct", "without", "refuse", NULL};

static int read_mode(const char *text, enum completion_mode *mode)
{
	if (!strcmp(text, "deferred"))
		*mode = MODE_DEFERRED;
	else if (!strcmp(text, "plain"))
		*mode = MODE_PLAIN;
	else
		return -EINVAL;
	return 0;
}

static int read_entries(const char *text, uint32_t *entries)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || *text < '0' || *text > '9' || value < ENTRIES_MIN || value > ENTRIES_MAX)
		return -EINVAL;
	*entries = (uint32_t)value;
	return 0;
}

static int read_direct(const char *text, bool *direct)
{
	*direct = !strcmp(text, "yes");
	return *direct || !strcmp(text, "no") ? 0 : -EINVAL;
}

/* What the environment switches off comes on top of what the tuning does. */
static int read_environment(uint64_t *without)
{
	uint64_t more;
	int error = completion_ladder_read(secure_getenv("DUET_COMPLETION_WITHOUT"), &more);

	if (!error)
		*without |= more;
	return error;
}

int completion_tuning_read(const char *text, struct completion_tuning *tuning)
{
	char value[LIMIT_TUNING_VALUE_BYTES + 1];
	int error;

	*tuning = (struct completion_tuning){.direct = true};
	error = duet_core_tuning_check(text, tuning_keys);
	if (!error && duet_core_tuning(text, "mode", value, sizeof(value)))
		error = read_mode(value, &tuning->mode);
	if (!error && duet_core_tuning(text, "entries", value, sizeof(value)))
		error = read_entries(value, &tuning->entries);
	if (!error && duet_core_tuning(text, "direct", value, sizeof(value)))
		error = read_direct(value, &tuning->direct);
	if (!error && duet_core_tuning(text, "without", value, sizeof(value)))
		error = completion_ladder_read(value, &tuning->without);
	if (!error && duet_core_tuning(text, "refuse", value, sizeof(value)))
		error = completion_ladder_read(value, &tuning->refuse);
	return error ? error : read_environment(&tuning->without);
}

static int build(struct completion *self, struct duet_loop *loop,
		 const struct completion_tuning *tuning)
{
	const char *missing;
	int error = completion_ring_open(self, tuning, &loop->stats);

	if (error)
		return error;
	error = completion_capabilities(self, tuning->without, loop->capability, NULL, &missing);
	if (!error)
		error = completion_wake_open(self);
	if (error)
		completion_ring_close(self);
	return error;
}

/* Workers for the file operations that this ring can't carry out; where none can be had, they are
 * absent. */
static void hire(struct completion *self, struct duet_loop *loop,
		 const struct duet_loop_options *options)
{
	for (int kind = 0; kind < DUET_IO_KIND_COUNT; kind++) {
		if (loop->capability[kind] != DUET_EMULATED || self->ways[kind] != DUET_WAY_WORKER)
			continue;
		if (!options->worker_threads ||
		    duet_core_offload_hire(loop, options->worker_threads))
			loop->capability[kind] = DUET_ABSENT;
	}
	/* A splice needs one for files only, and says so itself. */
	if (!completion_able(self, STEP_SPLICE) && options->worker_threads)
		(void)!duet_core_offload_hire(loop, options->worker_threads);
}

static void give_back(struct completion *self)
{
	free(self->messages);
	free(self);
}

static int create(struct duet_loop *loop, const struct duet_loop_options *options)
{
	struct completion_tuning tuning;
	struct completion *self;
	int error = completion_tuning_read(options->tuning, &tuning);

	if (error)
		return error;
	if (!tuning.entries)
		tuning.completions = options->operations_max / 2;
	self = calloc(1, sizeof(*self));
	if (!self)
		return -ENOMEM;
	self->messages = calloc(loop->entries_max, sizeof(*self->messages));
	error = self->messages ? build(self, loop, &tuning) : -ENOMEM;
	if (error) {
		give_back(self);
		return error;
	}
	hire(self, loop, options);
	memcpy(loop->issued_as, self->ways, sizeof(self->ways));
	loop->regimes = completion_regimes(self);
	if (self->ways[DUET_SEND] != DUET_WAY_ARMED)
		loop->transfer = completion_transfer_any;
	self->direct = tuning.direct;
	self->direct_left = tuning.direct ? SHORT_TURN : 0;
	loop->state = self;
	loop->fd = self->carry_fd >= 0 ? self->carry_fd : self->ring.ring_fd;
	return 0;
}

/* In a forked child the ring is still the parent's: no entry, no unregistering, only our copy. */
static void destroy(struct duet_loop *loop)
{
	struct completion *self = completion_of(loop);

	if (getpid() == loop->owner_process) {
		completion_wake_close(loop, self);
		completion_ring_close(self);
	} else {
		completion_ring_forget(self);
	}
	close(self->wake_fd);
	if (self->carry_fd >= 0)
		close(self->carry_fd);
	give_back(self);
}

/* O_NONBLOCK is left as it is (but for writes to a pipe, see start_stream.c): the ring polls such
 * descriptors like any other (tried on 6.18 with sockets, pipes, terminals, eventfds, timerfds,
 * inotify; the kernel does so since 5.10). */
static int attach(struct duet_loop *loop, struct duet_slot *slot)
{
	completion_wake_attach(completion_of(loop), slot);
	return 0;
}

static void detach(struct duet_loop *loop, struct duet_slot *slot)
{
	completion_wake_detach(completion_of(loop), slot);
	/* What others share is as it was: a terminal is theirs when this has ended. */
	if (slot->next & HANDLE_NONBLOCKING && !slot->was_nonblocking)
		duet_core_system_nonblock(loop, slot->fd, 0);
}

static void dump(const struct duet_loop *loop, const struct duet_op *op, char *text, size_t size)
{
	(void)loop;
	if (op->progress == PLACE_OWED)
		snprintf(text, size, "waits for room in the submission queue");
	else if (op->progress == PLACE_NOWHERE)
		snprintf(text, size, "polls what never changes");
	else if (op->progress == PLACE_WORKER)
		snprintf(text, size, "at a worker thread");
	else if (op->progress == PLACE_HELD)
		snprintf(text, size, "has ended, told when there is room");
	else
		snprintf(text, size, "in the ring as %#llx", (unsigned long long)op->backend);
}

const struct duet_backend *duet_completion(void)
{
	static const struct duet_backend backend = {
		.version = DUET_BACKEND_VERSION,
		.size = sizeof(struct duet_backend),
		.name = "completion",
		.probe = completion_probe,
		.create = create,
		.destroy = destroy,
		.start = completion_start,
		.transfer = completion_transfer,
		.cancel = completion_cancel,
		.wait = completion_wait,
		.wake = completion_wake,
		.attach = attach,
		.detach = detach,
		.pool_attach = completion_pool_attach,
		.pool_return = completion_pool_return,
		.pool_detach = completion_pool_detach,
		.prepare = completion_prepare,
		.dump = dump,
	};

	return &backend;
}
