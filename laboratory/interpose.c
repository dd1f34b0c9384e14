/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "laboratory/internal.h"

/*
 * Between core and a backend: a copy of the backend's table in which three hooks are the laboratory's.
 * Each counts or puts in a cancel, and passes the call on; the state is the backend's own.
 */

struct duet_lab *lab_of(const struct duet_loop *loop)
{
	const char *table = (const char *)loop->backend;

	return (struct duet_lab *)(uintptr_t)(table - offsetof(struct duet_lab, between));
}

static int start(struct duet_loop *loop, struct duet_op *op)
{
	struct duet_lab *lab = lab_of(loop);
	int answer = lab->backend->start(loop, op);

	/* What ends here inline is told to nobody. */
	if (answer == BACKEND_ISSUED || (answer == BACKEND_ENDED && !(op->flags & DUET_INLINE)))
		lab_point_reached(lab, op);
	return answer;
}

/* What core carries out itself. */
static void begun(struct duet_loop *loop, struct duet_op *op)
{
	lab_point_reached(lab_of(loop), op);
}

static int wait(struct duet_loop *loop, int64_t timeout_ns)
{
	struct duet_lab *lab = lab_of(loop);
	int error;

	/* A child that the body has forked and that comes back here would run the rest of the sweep again. */
	if (getpid() != lab->process)
		_exit(EXIT_FAILURE);
	lab->turns++;
	lab_before_wait(lab);
	/* How long to wait was said before there was a request, whose answer may be there already. */
	if (lab->requested && lab->request_turn == lab->turns)
		timeout_ns = 0;
	error = lab->backend->wait(loop, timeout_ns);
	lab_after_wait(lab);
	return error;
}

/* For bodies that take operations of the loop's. */
enum { OWNED_MAX = 64, OWNED_BYTES = 4096 };

enum { ROOM_MS = 2000 };

/* What a ring has locked is given back some time after its end, by a worker of the kernel's. Who may lock
 * little (RLIMIT_MEMLOCK) finds no room for another one after some hundreds, and has to wait for it. */
static int create(struct duet_lab *lab, const struct duet_loop_options *options)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int error = duet_loop_create(&lab->loop, &lab->between, options);

	for (unsigned i = 0; error == -ENOMEM && i < ROOM_MS; i++) {
		nanosleep(&pause, NULL);
		error = duet_loop_create(&lab->loop, &lab->between, options);
	}
	return error;
}

int lab_loop_create(struct duet_lab *lab, const struct duet_backend *backend, const char *tuning)
{
	struct duet_loop_options options;
	int error;

	duet_loop_options_init(&options);
	options.operations_max = 1024;
	options.handles_max = 256;
	options.owned_max = OWNED_MAX;
	options.owned_bytes = OWNED_BYTES;
	options.tuning = tuning;
	lab->backend = backend;
	lab->world = lab_world(backend);
	lab->between = *backend;
	lab->between.start = start;
	lab->between.wait = wait;
	lab->between.begun = begun;
	/* The short way past start(). */
	lab->between.transfer = NULL;
	error = create(lab, &options);
	if (!error)
		lab_order_begin(lab);
	return error;
}
