/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/account.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "compare/laboratory/scene.h"
#include "compare/laboratory/subject.h"

enum { GUARD = 0xa7, PATIENCE_NS = 2000000000, RELEASE_NS = 30000000, TURN_NS = 5000000 };

static const char *const NAMES[VIOLATION_COUNT] = {
	"no end", "ends", "bytes", "data", "late write", "connections", "effect", "descriptors",
	"number", "pool", "loan",
};

const char *violation_name(enum violation violation)
{
	return NAMES[violation];
}

uint64_t account_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint32_t account_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	uint32_t count = 0;

	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return count;
}

/* ---- The buffer. ---- */

void account_take_back(struct scene *scene)
{
	memset(scene->data, GUARD, scene->run.lent_bytes);
}

static void check_guard(struct scene *scene)
{
	const unsigned char *data = scene->data;

	for (size_t i = 0; i < scene->run.lent_bytes; i++) {
		if (data[i] == GUARD)
			continue;
		scene_violation(scene, VIOLATION_LATE_WRITE,
				"byte %zu of its buffer was written after its end", i);
		return;
	}
}

/* ---- What is left on the other side. ---- */

void account_drain(struct scene *scene, int fd)
{
	ssize_t n;

	while ((n = recv(fd, scene->scratch, SCENE_BYTES_MAX, MSG_DONTWAIT)) > 0) {
		uint64_t place = scene->run.delivered + scene->run.readable;

		if (!scene_pattern_holds(scene->scratch, (size_t)n, place))
			scene_violation(scene, VIOLATION_DATA, "behind byte %llu of the stream come "
					"others than were sent", (unsigned long long)place);
		scene->run.readable += (uint64_t)n;
	}
}

void account_backlog(struct scene *scene)
{
	struct pollfd listener = { .fd = scene->run.witness, .events = POLLIN };

	while (poll(&listener, 1, 0) == 1 && listener.revents & POLLIN) {
		int fd = accept4(scene->run.witness, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			return;
		scene->run.waiting++;
		close(fd);
	}
}

static void check_bytes(struct scene *scene)
{
	uint64_t there = scene->run.delivered + scene->run.readable + scene->run.declared;

	if (scene->run.sent != there)
		scene_violation(scene, VIOLATION_BYTES, "%llu bytes sent, but %llu delivered, %llu "
				"still readable, %llu declared", (unsigned long long)scene->run.sent,
				(unsigned long long)scene->run.delivered,
				(unsigned long long)scene->run.readable,
				(unsigned long long)scene->run.declared);
}

static void check_connections(struct scene *scene)
{
	struct duet_stats now;
	uint64_t reclaimed;

	duet_loop_stats(scene->loop, &now);
	reclaimed = now.reclaimed - scene->run.before.reclaimed;
	if (scene->run.connections &&
	    scene->run.connections != scene->run.accepted + scene->run.waiting + reclaimed)
		scene_violation(scene, VIOLATION_CONNECTIONS, "%u connections made, but %u delivered, "
				"%u in the backlog, %u closed by the loop", scene->run.connections,
				scene->run.accepted, scene->run.waiting, (unsigned)reclaimed);
}

/* The disposition against the count that comes with it. */
static void check_disposition(struct scene *scene)
{
	bool moved = scene->run.transferred > 0;

	if ((scene->run.disposition == DUET_UNTOUCHED && moved) ||
	    (scene->run.disposition == DUET_PARTIAL && !moved) ||
	    (scene->run.disposition == DUET_COMPLETED && scene->run.result < 0))
		scene_violation(scene, VIOLATION_EFFECT, "%s with result %d and %u bytes",
				duet_disposition_name(scene->run.disposition), scene->run.result,
				scene->run.transferred);
}

/* ---- To the end. ---- */

static bool is_quiet(const struct scene *scene)
{
	return scene->run.ends && !duet_op_pending(&scene->run.closing) &&
	       (!scene->run.scoped || scene->run.joined);
}

static void await_end(struct scene *scene)
{
	uint64_t begun_ns = account_clock_ns(), now_ns = begun_ns;

	while (!is_quiet(scene) && now_ns - begun_ns < PATIENCE_NS) {
		scene_turn(scene, TURN_NS);
		now_ns = account_clock_ns();
		if (scene->run.ends || scene->run.satisfied || !scene->subject->satisfy ||
		    now_ns - begun_ns < RELEASE_NS)
			continue;
		scene->run.released = true;
		scene_satisfy(scene);
	}
	if (!is_quiet(scene))
		scene_violation(scene, VIOLATION_NO_END, scene->run.ends ? "its handle is not closed "
				"after 2 s" : "no end within 2 s of the request");
}

/* Not counted: it is over. */
static void settle(struct scene *scene)
{
	for (int i = 0; i < 3; i++)
		scene_turn(scene, 0);
}

static void end_operation(struct scene *scene, struct duet_op *op)
{
	uint64_t begun_ns = account_clock_ns();

	duet_op_cancel(op);
	while (duet_op_pending(op) && account_clock_ns() - begun_ns < PATIENCE_NS)
		scene_turn(scene, TURN_NS);
}

static void close_handle(struct scene *scene, duet_handle handle)
{
	struct duet_op closing;

	if (!handle.generation)
		return;
	duet_op_init(&closing, NULL, NULL);
	duet_op_close(&closing, handle);
	if (!duet_op_start(scene->loop, &closing))
		end_operation(scene, &closing);
}

static void dismiss_usher(struct scene *scene)
{
	if (scene->run.usher_peer < 0)
		return;
	end_operation(scene, &scene->run.usher);
	close_handle(scene, scene->run.usher_handle);
}

/* ---- The next tenant of its number. ---- */

static int rent_number(const struct scene *scene, int pair[2])
{
	int fd;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -1;
	/* The pair itself may have got it. */
	if (pair[0] == scene->run.number)
		return pair[0];
	if (pair[1] == scene->run.number) {
		pair[1] = pair[0];
		return scene->run.number;
	}
	fd = fcntl(pair[0], F_DUPFD_CLOEXEC, scene->run.number);
	close(pair[0]);
	return fd;
}

static void hear_tenant(struct scene *scene, duet_handle handle, int other)
{
	unsigned char byte = 0;
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_recv(&op, handle, &byte, 1, 0);
	if (duet_op_start(scene->loop, &op))
		return;
	settle(scene);
	if (!duet_op_pending(&op))
		scene_violation(scene, VIOLATION_NUMBER, "the next socket with its number heard %s "
				"before anything was sent to it", duet_error_name(op.result));
	if (write(other, "+", 1) == 1)
		for (int i = 0; i < 100 && duet_op_pending(&op); i++)
			scene_turn(scene, TURN_NS);
	if (duet_op_pending(&op) || op.result != 1 || byte != '+')
		scene_violation(scene, VIOLATION_NUMBER,
				"the next socket with its number doesn't hear what is sent to it");
	end_operation(scene, &op);
}

static void check_number(struct scene *scene)
{
	duet_handle handle;
	int pair[2], fd = rent_number(scene, pair);

	if (fd < 0)
		return;
	if (fd != scene->run.number)
		scene_violation(scene, VIOLATION_NUMBER, "descriptor %d isn't free after its close",
				scene->run.number);
	if (duet_handle_adopt(scene->loop, fd, 0, &handle)) {
		close(fd);
	} else {
		hear_tenant(scene, handle, pair[1]);
		close_handle(scene, handle);
	}
	close(pair[1]);
}

/* ---- The whole. ---- */

static void close_raw(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void close_all(struct scene *scene)
{
	close_handle(scene, scene->run.handle);
	close_handle(scene, scene->run.made);
	close_handle(scene, scene->run.output);
	close_raw(scene->run.witness);
	close_raw(scene->run.peer);
	close_raw(scene->run.usher_peer);
	close_raw(scene->run.held);
	for (int i = 0; i < SCENE_CLIENTS_MAX; i++)
		close_raw(scene->run.clients[i]);
}

static void check_pool(struct scene *scene, const struct duet_pool *pool)
{
	if (duet_pool_free_count(pool) != SCENE_POOL)
		scene_violation(scene, VIOLATION_POOL, "%u of %u buffers are back in the pool",
				duet_pool_free_count(pool), SCENE_POOL);
}

static void check_loop(struct scene *scene)
{
	struct duet_ledger ledger;
	uint32_t descriptors = account_descriptors();

	duet_loop_ledger(scene->loop, &ledger);
	if (ledger.lent_count || ledger.held_count || duet_loop_pending(scene->loop))
		scene_violation(scene, VIOLATION_LOAN, "%u buffers lent, %u held, %u operations pending",
				ledger.lent_count, ledger.held_count,
				duet_loop_pending(scene->loop));
	check_pool(scene, scene->pool);
	check_pool(scene, scene->taken);
	if (descriptors != scene->run.descriptors)
		scene_violation(scene, VIOLATION_DESCRIPTORS, "%d descriptors more than before",
				(int)descriptors - (int)scene->run.descriptors);
}

void scene_finish(struct scene *scene)
{
	await_end(scene);
	duet_loop_stats(scene->loop, &scene->run.after);
	if (!scene->run.ends)
		return; /* it has our memory: nothing that follows could be checked */
	dismiss_usher(scene);
	end_operation(scene, &scene->run.blocker);
	if (scene->run.number >= 0)
		check_number(scene);
	/* What comes now is for nobody: neither a buffer nor a later reader may find it gone. */
	if (!scene->run.satisfied && scene->subject->satisfy)
		scene_satisfy(scene);
	settle(scene);
	check_guard(scene);
	check_disposition(scene);
	if (scene->subject->account)
		scene->subject->account(scene);
	check_bytes(scene);
	check_connections(scene);
	close_all(scene);
	settle(scene);
	check_loop(scene);
}
