/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The workloads in polling's own dialect: readiness waits that own nothing, and tries that
 * borrow memory for the length of the call. Files have no readiness: what stands for them is the
 * plain call that doesn't wait. */
#include <duet/handle.h>
#include <duet/loop.h>
#include <duet/polling.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "compare/loop.h"
#include "compare/claim/parity_scene.h"

enum { BUFFER_BYTES = 1024, HANDLES = 1024, TURN_NS = 1000000000 };

struct native {
	struct parity_scene *scene;
	struct duet_loop *loop;
	struct duet_wait *waits;
	uint32_t ended; /* of the batch */
	uint64_t calls; /* that no loop counts */
	bool wrong;
	unsigned char buffer[BUFFER_BYTES]; /* one for all */
};

static int begin(struct parity_scene *scene, const struct mechanism *mechanism, void **self)
{
	struct native *native = calloc(1, sizeof(*native));
	struct duet_loop_options options;

	*self = native;
	if (!native)
		return -ENOMEM;
	native->scene = scene;
	native->waits = calloc(scene->count, sizeof(*native->waits));
	if (!native->waits)
		return -ENOMEM;
	duet_loop_options_init(&options);
	options.handles_max = HANDLES;
	options.worker_threads = 0;
	options.tuning = mechanism->tuning;
	return duet_loop_create(&native->loop, mechanism->backend, &options);
}

static void end(void *self)
{
	struct native *native = self;

	if (loop_end(native->loop))
		return;
	free(native->waits);
	free(native);
}

static uint64_t calls(const void *self)
{
	const struct native *native = self;
	struct duet_stats stats;

	duet_loop_stats(native->loop, &stats);
	return stats.system_calls + native->calls;
}

static bool act(void *self)
{
	struct native *native = self;

	native->ended = 0;
	while (native->ended < native->scene->count && !native->wrong) {
		if (duet_loop_turn(native->loop, TURN_NS) < 0)
			return false;
	}
	return !native->wrong;
}

static int adopt(struct native *native, struct duet_wait *wait, int *fd, duet_wait_fn *ready)
{
	int error;

	*wait = (struct duet_wait){ .ready = ready, .context = native, .direction = DUET_READABLE };
	error = duet_handle_adopt(native->loop, *fd, DUET_HANDLE_NO_ANCILLARY, &wait->handle);
	if (!error)
		*fd = -1;
	return error;
}

static int wait_for(struct native *native, struct duet_wait *wait, int *fd, duet_wait_fn *ready)
{
	int error = adopt(native, wait, fd, ready);

	return error ? error : duet_polling_wait(native->loop, wait);
}

/* ---- Echo. ---- */

static void on_message(struct duet_wait *wait)
{
	struct native *native = wait->context;
	ssize_t got = duet_polling_try_recv(native->loop, wait->handle, native->buffer,
					    sizeof(native->buffer));

	if (got > 0) {
		native->wrong |= duet_polling_try_send(native->loop, wait->handle, native->buffer,
						       (size_t)got) != got;
		native->ended++;
	}
	native->wrong |= got <= 0 && got != -EAGAIN;
	native->wrong |= duet_polling_wait(native->loop, wait) != 0;
}

static int begin_echo(struct parity_scene *scene, const struct mechanism *mechanism, void **self)
{
	int error = begin(scene, mechanism, self);
	struct native *native = *self;

	for (uint32_t i = 0; i < scene->count && !error; i++)
		error = wait_for(native, &native->waits[i], &scene->ends[i], on_message);
	return error;
}

/* ---- Churn. ---- */

static void on_connections(struct duet_wait *wait)
{
	struct native *native = wait->context;
	duet_handle accepted;
	int error = 0;

	while (!error) {
		error = duet_polling_try_accept(native->loop, wait->handle, &accepted);
		if (error)
			break;
		native->wrong |= close(duet_handle_release(native->loop, accepted)) != 0;
		native->calls++;
		native->ended++;
	}
	native->wrong |= error != -EAGAIN;
	native->wrong |= duet_polling_wait(native->loop, wait) != 0;
}

static int begin_churn(struct parity_scene *scene, const struct mechanism *mechanism, void **self)
{
	int error = begin(scene, mechanism, self);
	struct native *native = *self;

	return error ? error
		     : wait_for(native, &native->waits[0], &scene->listener, on_connections);
}

/* ---- Cancel: a wait is forgotten. ---- */

static void on_hint(struct duet_wait *wait)
{
	struct native *native = wait->context;

	native->wrong = true;
}

static bool act_cancel(void *self)
{
	struct native *native = self;
	struct parity_scene *scene = native->scene;

	for (uint32_t i = 0; i < scene->count; i++)
		native->wrong |= duet_polling_wait(native->loop, &native->waits[i]) != 0;
	native->wrong |= duet_loop_turn(native->loop, 0) < 0;
	for (uint32_t i = 0; i < scene->count; i++, scene->given_up++)
		duet_polling_forget(native->loop, &native->waits[i]);
	return !native->wrong;
}

static int begin_cancel(struct parity_scene *scene, const struct mechanism *mechanism, void **self)
{
	int error = begin(scene, mechanism, self);
	struct native *native = *self;

	for (uint32_t i = 0; i < scene->count && !error; i++)
		error = adopt(native, &native->waits[i], &scene->ends[i], on_hint);
	return error;
}

/* ---- File. ---- */

static bool act_file(void *self)
{
	struct native *native = self;
	const struct parity_scene *scene = native->scene;

	for (uint32_t i = 0; i < scene->count; i++) {
		struct iovec into = { scene->memory + (size_t)i * PARITY_BLOCK, PARITY_BLOCK };
		const off_t offset = (off_t)scene->offsets[i];
		ssize_t n = preadv2(scene->file, &into, 1, offset, RWF_NOWAIT);

		native->calls++;
		if (n != PARITY_BLOCK && (n >= 0 || errno == EAGAIN || errno == EOPNOTSUPP)) {
			n = pread(scene->file, into.iov_base, PARITY_BLOCK, offset);
			native->calls++;
		}
		native->wrong |= n != PARITY_BLOCK;
	}
	return !native->wrong;
}

const struct parity_player PARITY_POLLING[PARITY_WORKLOADS] = {
	[PARITY_ECHO] = { begin_echo, act, calls, end },
	[PARITY_FILE] = { begin, act_file, calls, end },
	[PARITY_CHURN] = { begin_churn, act, calls, end },
	[PARITY_CANCEL] = { begin_cancel, act_cancel, calls, end },
};
