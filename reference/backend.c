/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/reference.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "reference/internal.h"

/* Where virtual time begins: not at zero, which means "no time" too often. */
#define CLOCK_BEGIN_NS 1000000000u

static uint64_t reference_clock(struct duet_loop *loop)
{
	return reference_of(loop)->now_ns;
}

static void reference_destroy(struct duet_loop *loop)
{
	struct reference *world = reference_of(loop);

	if (world->event_fd >= 0)
		close(world->event_fd);
	world_destroy(world);
	free(world->bag);
	free(world->order);
	free(world->holds);
	free(world->ready);
	free(world->watched);
	free(world);
}

static int reference_furnish(const struct duet_loop *loop, const struct duet_loop_options *options)
{
	struct reference *world = reference_of(loop);

	world->bag = calloc(options->operations_max, sizeof(struct duet_op *));
	world->order = calloc(options->operations_max, sizeof(uint64_t));
	world->ready = calloc(options->operations_max, sizeof(struct duet_op *));
	world->watched = calloc(options->operations_max + 1, sizeof(struct pollfd));
	world->holds = calloc(loop->entries_max, sizeof(struct hold));
	if (!world->bag || !world->order || !world->ready || !world->watched || !world->holds)
		return -ENOMEM;
	world->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (world->event_fd < 0)
		return -errno;
	return reference_tune(world, options->tuning);
}

static int reference_create(struct duet_loop *loop, const struct duet_loop_options *options)
{
	struct reference *world = calloc(1, sizeof(*world));
	int error;

	if (!world)
		return -ENOMEM;
	world->event_fd = -1;
	world->now_ns = CLOCK_BEGIN_NS;
	error = world_create(world, options->handles_max);
	if (error) {
		free(world);
		return error;
	}
	loop->state = world;
	error = reference_furnish(loop, options);
	if (error) {
		reference_destroy(loop);
		loop->state = NULL;
		return error;
	}
	loop->fd = world->event_fd;
	loop->clock = reference_clock;
	reference_capabilities(loop->capability);
	return 0;
}

/* Only descriptors of this world: a real one has nothing to do here. */
static int reference_attach(struct duet_loop *loop, struct duet_slot *slot)
{
	return world_node(reference_of(loop), slot->fd) ? 0 : -EOPNOTSUPP;
}

static void reference_detach(struct duet_loop *loop, struct duet_slot *slot)
{
	(void)loop;
	(void)slot;
}

static void reference_discard(struct duet_loop *loop, int fd)
{
	world_close(reference_of(loop), fd);
}

static void reference_dump(const struct duet_loop *loop, const struct duet_op *op, char *text,
			   size_t size)
{
	const char *words = op->progress & PROGRESS_STOPPING  ? "stopping"
			    : op->progress & PROGRESS_HOLDING ? "its memory is kept"
							      : "waiting for its world";

	(void)loop;
	if (size) {
		strncpy(text, words, size - 1);
		text[size - 1] = 0;
	}
}

uint32_t duet_reference_descriptors(const struct duet_loop *loop)
{
	return reference_of(loop)->nodes_used;
}

const struct duet_backend *duet_reference(void)
{
	static const struct duet_backend backend = {
		.version = DUET_BACKEND_VERSION,
		.size = sizeof(struct duet_backend),
		.name = "reference",
		.probe = reference_probe,
		.create = reference_create,
		.destroy = reference_destroy,
		.start = reference_start,
		.cancel = reference_cancel,
		.wait = reference_wait,
		.wake = reference_wake,
		.attach = reference_attach,
		.detach = reference_detach,
		.own_descriptors = true,
		.alone = true,
		.discard = reference_discard,
		.prepare = reference_prepare,
		.dump = reference_dump,
		.world = &reference_world,
	};

	return &backend;
}
