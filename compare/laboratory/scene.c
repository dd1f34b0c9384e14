/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/scene.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "compare/laboratory/account.h"
#include "compare/laboratory/mechanism.h"
#include "compare/laboratory/subject.h"

enum { READINESS_MS = 100, DEVICE_NS = 2000000, PAUSE_OCTAVES = 19, SHUTDOWN_NS = 1000000000,
       TABLE_PLACES = 16 };

/* ---- Numbers and bytes. ---- */

uint32_t scene_random(struct scene *scene, uint32_t below)
{
	uint64_t mixed = scene->random += 0x9e3779b97f4a7c15u;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)((mixed ^ mixed >> 31) >> 32) % below;
}

static unsigned char pattern_at(uint64_t place)
{
	return (unsigned char)(place * 31 + (place >> 8) * 17 + 1);
}

void scene_pattern(unsigned char *data, size_t bytes, uint64_t place)
{
	for (size_t i = 0; i < bytes; i++)
		data[i] = pattern_at(place + i);
}

bool scene_pattern_holds(const unsigned char *data, size_t bytes, uint64_t place)
{
	for (size_t i = 0; i < bytes; i++) {
		if (data[i] != pattern_at(place + i))
			return false;
	}
	return true;
}

void scene_violation(struct scene *scene, enum violation violation, const char *format, ...)
{
	va_list values;

	if (!scene->run.violations) {
		va_start(values, format);
		vsnprintf(scene->run.what, sizeof(scene->run.what), format, values);
		va_end(values);
	}
	scene->run.violations |= 1u << violation;
}

/* ---- Of a cell. ---- */

/* Aligned, as O_DIRECT wants it. */
static unsigned char *map_bytes(void)
{
	void *bytes = mmap(NULL, SCENE_BYTES_MAX, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return bytes == MAP_FAILED ? NULL : bytes;
}

static int open_pools(struct scene *scene)
{
	struct duet_pool_options options;
	int error = duet_pool_create(scene->loop, SCENE_POOL, SCENE_PIECE, &scene->pool);

	duet_pool_options_init(&options);
	options.count = SCENE_POOL;
	options.size_bytes = SCENE_PIECE;
	options.regime = DUET_REGIME_MOVED;
	return error ? error : duet_pool_create_with(scene->loop, &options, &scene->taken);
}

int scene_open(struct scene *scene, const struct mechanism *mechanism,
	       const struct subject *subject, uint64_t seed)
{
	struct duet_loop_options options;
	int error;

	*scene = (struct scene){ .subject = subject, .random = seed };
	duet_loop_options_init(&options);
	options.operations_max = TABLE_PLACES;
	options.handles_max = TABLE_PLACES;
	options.worker_threads = 1;
	options.tuning = mechanism->tuning;
	scene->data = map_bytes();
	scene->scratch = map_bytes();
	error = scene->data && scene->scratch ? 0 : -ENOMEM;
	if (!error)
		error = duet_loop_create(&scene->loop, mechanism->backend, &options);
	if (!error)
		error = open_pools(scene);
	/* What a mechanism sets up for itself with the first turn isn't taken for the target's. */
	if (!error && duet_loop_turn(scene->loop, 0) < 0)
		error = -EIO;
	if (error)
		scene_close(scene);
	return error;
}

static void unmap(unsigned char *bytes)
{
	if (bytes)
		munmap(bytes, SCENE_BYTES_MAX);
}

int scene_close(struct scene *scene)
{
	if (scene->path[0])
		unlink(scene->path);
	if (scene->loop) {
		duet_loop_shutdown(scene->loop, account_clock_ns() + SHUTDOWN_NS);
		if (duet_loop_destroy(scene->loop))
			return -EBUSY;
	}
	unmap(scene->data);
	unmap(scene->scratch);
	*scene = (struct scene){ 0 };
	return 0;
}

/* ---- The target. ---- */

static void moment_set(const struct scene *scene, struct scene_moment *moment)
{
	if (!scene->run.asked)
		return;
	*moment = (struct scene_moment){ account_clock_ns() - scene->run.request_ns,
					 scene->run.turns - scene->run.request_turn, true };
}

static void closed(struct duet_op *op)
{
	struct scene *scene = op->context;

	moment_set(scene, &scene->run.descriptor);
}

/* From the callback, as a program that is done with a connection would. What the target made stands in
 * for what it worked on, where there was nothing. */
static void begin_close(struct scene *scene)
{
	duet_handle handle = scene->run.handle;

	scene->run.handle = DUET_HANDLE_NONE;
	if (scene->run.scoped)
		return;
	if (!handle.generation) {
		handle = scene->run.made;
		scene->run.made = DUET_HANDLE_NONE;
		if (!handle.generation)
			return;
		scene->run.number = duet_handle_fd(scene->loop, handle);
	}
	duet_op_init(&scene->run.closing, closed, scene);
	duet_op_close(&scene->run.closing, handle);
	duet_op_start(scene->loop, &scene->run.closing);
}

/* What is back with the terminal completion. The buffer is if the ledger says so, too: others have lent
 * a byte at most, but for one that stands in front of it. */
static void note_back(struct scene *scene)
{
	struct duet_ledger ledger;

	moment_set(scene, &scene->run.terminal);
	if (scene->subject->traits & SUBJECT_CLOSES)
		moment_set(scene, &scene->run.descriptor);
	if (!scene->run.lent_bytes)
		return;
	duet_loop_ledger(scene->loop, &ledger);
	if (ledger.lent_bytes >= scene->run.lent_bytes + scene->run.blocker_bytes)
		scene_violation(scene, VIOLATION_LOAN, "its buffer is still lent when it ends");
	else
		moment_set(scene, &scene->run.buffer);
}

static void target_ended(struct scene *scene)
{
	const struct duet_op *op = &scene->run.target;

	if (scene->run.ends++) {
		scene_violation(scene, VIOLATION_ENDS, "a second terminal completion");
		return;
	}
	/* It was asked in this very callback. */
	if (!scene->run.terminal.reached)
		note_back(scene);
	duet_loop_stats(scene->loop, &scene->run.at_end);
	scene->run.result = op->result;
	scene->run.transferred = op->transferred;
	scene->run.disposition = op->disposition;
	scene->run.cause = op->cause;
}

static void note_request(struct scene *scene)
{
	scene->run.asked = true;
	scene->run.request_turn = scene->run.turns;
	scene->run.request_ns = account_clock_ns();
}

static void ask_here(struct scene *scene)
{
	scene->run.ask_in_callback = false;
	note_request(scene);
	duet_op_cancel(&scene->run.target);
}

static void target_done(struct duet_op *op)
{
	struct scene *scene = op->context;
	bool more = op->more;

	if (scene->run.ends)
		scene_violation(scene, VIOLATION_ENDS, "called back after its end");
	scene->run.items += more;
	if (!more)
		note_back(scene);
	/* First what came: a cancel may end an operation at once, and its end has fields of its own. */
	if (scene->subject->take)
		scene->subject->take(scene);
	if (scene->run.ask_in_callback)
		ask_here(scene);
	if (more)
		return;
	target_ended(scene);
	account_take_back(scene);
	begin_close(scene);
}

static void forget_descriptors(struct scene *scene)
{
	scene->run.number = scene->run.witness = scene->run.peer = -1;
	scene->run.usher_peer = scene->run.held = -1;
	for (int i = 0; i < SCENE_CLIENTS_MAX; i++)
		scene->run.clients[i] = -1;
}

int scene_begin(struct scene *scene)
{
	memset(&scene->run, 0, sizeof(scene->run));
	forget_descriptors(scene);
	scene->run.descriptors = account_descriptors();
	duet_loop_stats(scene->loop, &scene->run.before);
	duet_op_init(&scene->run.target, target_done, scene);
	return scene->subject->prepare ? scene->subject->prepare(scene) : 0;
}

int scene_adopt(struct scene *scene, int fd)
{
	int error;

	if (fd < 0)
		return -errno;
	error = duet_handle_adopt(scene->loop, fd, 0, &scene->run.handle);
	if (error) {
		close(fd);
		return error;
	}
	scene->run.number = fd;
	scene->run.witness = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return scene->run.witness < 0 ? -errno : 0;
}

void scene_lend(struct scene *scene, size_t bytes)
{
	scene->run.lent_bytes = bytes;
}

/* ---- The way to a phase. ---- */

int scene_turn(struct scene *scene, int64_t timeout_ns)
{
	scene->run.turns++;
	return duet_loop_turn(scene->loop, timeout_ns);
}

bool scene_is_over(const struct scene *scene)
{
	return scene->run.ends > 0;
}

static void scope_joined(struct duet_scope *scope)
{
	struct scene *scene = scope->context;

	scene->run.joined = true;
	if (scene->run.number >= 0)
		moment_set(scene, &scene->run.descriptor);
}

static void ask_again(struct duet_scope *scope, struct duet_cleanup *cleanup)
{
	struct scene *scene = scope->context;

	(void)cleanup;
	duet_op_cancel(&scene->run.target);
	duet_scope_cancel(scope);
}

static int start_scoped(struct scene *scene)
{
	struct duet_scope_options options;
	int error;

	duet_scope_options_init(&options);
	options.context = scene;
	error = duet_scope_open(&scene->run.scope, scene->loop, NULL, &options);
	if (error)
		return error;
	if (scene->run.handle.generation && !(scene->subject->traits & SUBJECT_CLOSES))
		duet_scope_defer_close(&scene->run.scope, &scene->run.scoped_closing,
				       scene->run.handle);
	scene->run.cleanup.run = ask_again;
	duet_scope_defer(&scene->run.scope, &scene->run.cleanup);
	return duet_scope_start(&scene->run.scope, &scene->run.member, &scene->run.target);
}

void scene_start(struct scene *scene)
{
	int error;

	scene->subject->describe(scene);
	error = scene->run.scoped ? start_scoped(scene)
				  : duet_op_start(scene->loop, &scene->run.target);
	if (error < 0)
		scene_violation(scene, VIOLATION_NO_END, "it can't be started: %s",
				duet_error_name(error));
	if (scene->run.scoped)
		duet_scope_join(&scene->run.scope, scope_joined);
}

static void push(struct scene *scene)
{
	struct duet_stats before, after;

	duet_loop_stats(scene->loop, &before);
	duet_loop_prepare(scene->loop);
	duet_loop_stats(scene->loop, &after);
	scene->hands_over = after.submitted != before.submitted;
}

/* A reactor carries out in a turn what the other has given to the kernel; and what is to be half-way
 * has to be heard of. */
void scene_hand_over(struct scene *scene)
{
	bool halfway = scene->subject->traits & SUBJECT_HALFWAY;

	push(scene);
	for (int turns = halfway ? 3 : !scene->hands_over; turns > 0; turns--)
		scene_turn(scene, 0);
}

void scene_satisfy(struct scene *scene)
{
	scene->run.satisfied = true;
	scene->subject->satisfy(scene);
}

void scene_await_readiness(struct scene *scene)
{
	struct pollfd loop = { .fd = duet_loop_fd(scene->loop), .events = POLLIN };

	/* With the usher called it says nothing about the target. */
	if (scene->run.usher_peer >= 0 && scene->hands_over)
		nanosleep(&(struct timespec){ .tv_nsec = DEVICE_NS }, NULL);
	else if (duet_loop_prepare(scene->loop))
		poll(&loop, 1, READINESS_MS); /* prepared, as only who sleeps is told */
}

/* From a moment to a quarter of a millisecond, by powers of two: who races with a worker or a device is
 * met early and late, however fast those are here. */
static void pause_at_random(struct scene *scene)
{
	uint64_t until_ns = account_clock_ns() + (1u << scene_random(scene, PAUSE_OCTAVES));

	while (account_clock_ns() < until_ns)
		;
}

static bool may_request(struct scene *scene)
{
	scene->run.missed = scene_is_over(scene);
	if (scene->run.missed)
		return false;
	pause_at_random(scene);
	note_request(scene);
	return true;
}

void scene_request(struct scene *scene)
{
	if (may_request(scene))
		duet_op_cancel(&scene->run.target);
}

void scene_request_scope(struct scene *scene)
{
	if (!may_request(scene))
		return;
	duet_scope_cancel(&scene->run.scope);
	duet_op_cancel(&scene->run.target);
}

/* ---- The usher. ---- */

static void usher_done(struct duet_op *op)
{
	if (op->result > 0)
		scene_request(op->context);
}

bool scene_usher_arm(struct scene *scene)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return false;
	scene->run.usher_peer = pair[1];
	if (duet_handle_adopt(scene->loop, pair[0], 0, &scene->run.usher_handle)) {
		close(pair[0]);
		return false;
	}
	duet_op_init(&scene->run.usher, usher_done, scene);
	duet_op_recv(&scene->run.usher, scene->run.usher_handle, scene->scratch, 1, 0);
	if (duet_op_start(scene->loop, &scene->run.usher))
		return false;
	push(scene);
	if (!scene->hands_over)
		scene_turn(scene, 0);
	return true;
}

void scene_usher_call(struct scene *scene)
{
	if (write(scene->run.usher_peer, "!", 1) != 1)
		scene_violation(scene, VIOLATION_NO_END, "the usher can't be called");
}
