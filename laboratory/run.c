/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <duet/debug.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/msghdr.h"
#include "core/owned.h"
#include "laboratory/internal.h"

/* One run: a loop, a set-up, bodies until all is done, and what must hold afterwards. */

enum {
	IDLE_NS = 1000000,    /* of each of them but the first few: a worker thread may be at it */
	IDLE_SPINS = 4,
	TIMER_NS = 250000000, /* the longest that is waited for where nothing else goes on */
	QUIET = 0xa5
};

static const uint64_t end_ns = UINT64_C(200000000);

uint64_t lab_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void lab_violation(struct duet_lab *lab, enum duet_lab_invariant invariant, const char *format, ...)
{
	struct duet_lab_outcome *outcome = lab->outcome;
	va_list args;

	if (outcome->verdict == DUET_LAB_VIOLATION)
		return;
	outcome->verdict = DUET_LAB_VIOLATION;
	outcome->invariant = (uint8_t)invariant;
	va_start(args, format);
	vsnprintf(outcome->text, sizeof(outcome->text), format, args);
	va_end(args);
}

struct duet_loop *duet_lab_loop(const struct duet_lab *lab)
{
	return lab->loop;
}

const void *duet_lab_context(const struct duet_lab *lab)
{
	return lab->workload->context;
}

unsigned duet_lab_attempt(const struct duet_lab *lab)
{
	return lab->attempt;
}

void duet_lab_finish(struct duet_lab *lab)
{
	lab->finished = true;
}

void duet_lab_declare_partial(struct duet_lab *lab)
{
	lab->partial = true;
}

void duet_lab_takes_back(struct duet_lab *lab, const void *data, size_t bytes)
{
	const struct duet_op *op = lab->target;
	const char *lent = op ? op->args.io.vectors[0].iov_base : NULL;
	const char *taken = data;

	/* Ended and not yet told: nobody writes there any more. */
	if (!op || op->state == STATE_ENDED || op->state == STATE_IDLE ||
	    (op->kind != DUET_RECV && op->kind != DUET_SEND && op->kind != DUET_READ &&
	     op->kind != DUET_WRITE && op->kind != DUET_SEND_ZERO_COPY && !core_msghdr_has(op)) ||
	    op->flags & DUET_POOLED)
		return;
	if (lent < taken + bytes && taken < lent + op->args.io.vectors[0].iov_len)
		lab_violation(lab, DUET_LAB_LOANS, "taken back while a %s had it on loan",
			      duet_kind_name((enum duet_kind)op->kind));
}

void duet_lab_permits(struct duet_lab *lab, const char *what, uint64_t free, uint64_t held,
		      uint64_t total)
{
	if (free + held != total)
		lab_violation(lab, DUET_LAB_PERMITS, "%s: %llu free and %llu held of %llu", what,
			      (unsigned long long)free, (unsigned long long)held,
			      (unsigned long long)total);
}

void duet_lab_cleanup_registered(struct duet_lab *lab)
{
	lab->cleanups_registered++;
}

void duet_lab_cleanup_ran(struct duet_lab *lab)
{
	if (lab->joined)
		lab_violation(lab, DUET_LAB_CLEANUP, "a step runs and the scope has joined");
	else if (++lab->cleanups_ran > lab->cleanups_registered)
		lab_violation(lab, DUET_LAB_CLEANUP, "%u steps ran, %u were registered",
			      lab->cleanups_ran, lab->cleanups_registered);
}

/* ---- A body. ---- */

static void joined(struct duet_scope *scope)
{
	((struct duet_lab *)scope->context)->joined = true;
}

/* The body waits for what was abandoned, or for the bytes that went with it: it couldn't know. */
static bool release_body(struct duet_lab *lab)
{
	if (!lab->abandoned || lab->released)
		return false;
	lab->released = lab->partial = true;
	duet_scope_cancel(&lab->scope);
	return true;
}

static unsigned idle_max(const struct duet_lab *lab)
{
	if (lab->takes_time)
		return SLOW_TURNS_MAX;
	return lab->abandoned && !lab->released ? ABANDONED_TURNS_MAX : IDLE_TURNS_MAX;
}

/* The body may wait for its time, if it isn't long. */
static bool wait_for_timer(struct duet_lab *lab)
{
	int64_t due_ns = duet_loop_prepare(lab->loop);

	return due_ns > 0 && due_ns <= TIMER_NS && duet_loop_turn(lab->loop, due_ns) >= 0;
}

/* Who was asked to end must not need a step of a peer's for it. */
static int take_turns(struct duet_lab *lab)
{
	unsigned idle = 0;

	while (!lab->joined) {
		int count = duet_loop_turn(lab->loop, idle > IDLE_SPINS ? IDLE_NS : 0);

		if (count < 0)
			return count;
		if (count > 0 || (idle >= 1 && !lab_is_owed(lab) && lab_step(lab)))
			idle = 0;
		else if (++idle == idle_max(lab) && release_body(lab))
			idle = 0;
		else if (idle == idle_max(lab) && wait_for_timer(lab))
			idle = 0;
		else if (idle == idle_max(lab))
			return -ETIMEDOUT;
	}
	return 0;
}

static void judge_cleanup(struct duet_lab *lab)
{
	if (lab->cleanups_ran < lab->cleanups_registered)
		lab_violation(lab, DUET_LAB_CLEANUP, "joined, and of %u steps %u ran",
			      lab->cleanups_registered, lab->cleanups_ran);
}

/* What the loop lends itself: of operations that were given up, and of those that are the loop's with
 * their memory. Whoever joins needs not wait for it. */
static bool lends_own(const struct core_owned *owned)
{
	const struct duet_op *op = &owned->op;

	if (op->state == STATE_IDLE || op->state == STATE_ENDED)
		return false;
	if (owned->owned_state == OWNED_ABANDONED)
		return true;
	return (op->kind == DUET_RECV || op->kind == DUET_SEND ||
		op->kind == DUET_SEND_ZERO_COPY) && !(op->flags & DUET_POOLED) &&
	       op->args.io.vectors[0].iov_base == owned->buffer;
}

static uint32_t own_loans(const struct duet_loop *loop)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < loop->owned_max; i++)
		count += lends_own(&loop->owned[i]);
	return count;
}

static void judge_join(struct duet_lab *lab, const struct duet_lab_sweep *sweep)
{
	uint32_t bound = sweep->turns_max ? sweep->turns_max : 16;
	struct duet_ledger ledger;

	judge_cleanup(lab);
	duet_loop_ledger(lab->loop, &ledger);
	if (ledger.lent_count > own_loans(lab->loop))
		lab_violation(lab, DUET_LAB_LOANS, "%u buffers of %llu bytes are on loan",
			      ledger.lent_count, (unsigned long long)ledger.lent_bytes);
	if (!lab->requested || !lab_asks_all(&lab->place) || lab->joined_after)
		return;
	/* What is still out is the loop's own. */
	if (!lab->returned)
		lab->outcome->lent_turns = (uint32_t)(lab->turns - lab->request_turn);
	lab->joined_after = lab->returned = true;
	lab->outcome->joined_ns = (uint32_t)(lab_clock_ns() - lab->request_ns);
	lab->outcome->turns = (uint32_t)(lab->turns - lab->request_turn);
	if (lab->outcome->turns > bound && !lab->takes_time)
		lab_violation(lab, DUET_LAB_LATENCY, "joined %u turns after the request",
			      lab->outcome->turns);
}

/* What the loop waits for by itself, nobody else does. */
static void wait_for_own(struct duet_lab *lab)
{
	for (unsigned i = 0; own_loans(lab->loop) && i < IDLE_TURNS_MAX; i++)
		if (duet_loop_turn(lab->loop, IDLE_NS) < 0)
			return;
}

static int run_body(struct duet_lab *lab, const struct duet_lab_sweep *sweep)
{
	struct duet_scope_options options;
	int error;

	duet_scope_options_init(&options);
	options.context = lab;
	error = duet_scope_open(&lab->scope, lab->loop, NULL, &options);
	if (error)
		return error;
	lab->joined = false;
	lab->no_probe = false;
	lab->workload->body(lab, &lab->scope, lab->state);
	duet_scope_join(&lab->scope, joined);
	error = take_turns(lab);
	lab_probe_end(lab);
	if (!error)
		judge_join(lab, sweep);
	return error;
}

/* After a shutdown there is no other body. */
static int run_bodies(struct duet_lab *lab, const struct duet_lab_sweep *sweep)
{
	int error = 0;

	while (!error && !lab->finished && !lab->released && lab->attempt < ATTEMPTS_MAX &&
	       !(lab->requested && lab->place.kind == DUET_LAB_SHUTDOWN)) {
		error = run_body(lab, sweep);
		lab->attempt++;
	}
	return error;
}

/* ---- Before and after. ---- */

static unsigned descriptors_open(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	if (!directory)
		return 0;
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static int set_up(struct duet_lab *lab, const struct duet_lab_sweep *sweep)
{
	int error = lab_loop_create(lab, sweep->backend, sweep->tuning);

	lab->seen->no_loop = error != 0;
	if (error)
		return error;
	error = lab_wire_open(lab, &lab->probe_handle, &lab->probe_fd);
	return error ? error : lab->workload->set_up(lab, lab->state);
}

/* By what it is known to who wrote the body. */
static void say_hang(struct duet_lab *lab)
{
	int64_t due_ns = duet_loop_prepare(lab->loop);

	for (int i = 0; i < lab->peer_count; i++) {
		const struct duet_slot *slot = duet_core_slot_of(lab->loop, lab->peers[i].handle);
		const struct duet_op *op = slot && slot->reads ? slot->reads : slot ? slot->writes
										    : NULL;

		if (op)
			lab_violation(lab, DUET_LAB_HANG, "a %s on the connection of peer %d waits for "
				      "what never comes", duet_kind_name((enum duet_kind)op->kind), i);
	}
	/* The body's scope is one of them, and nothing that it has started. */
	if (due_ns < 0)
		lab_violation(lab, DUET_LAB_HANG, "%u operations wait for what never comes",
			      duet_loop_pending(lab->loop) - 1);
	else
		lab_violation(lab, DUET_LAB_HANG, "it waits for a time that comes in %lld ms",
			      (long long)due_ns / 1000000);
}

static void judge_hang(struct duet_lab *lab, int error)
{
	if (error == -ETIMEDOUT && lab_is_owed(lab))
		lab_violation(lab, DUET_LAB_UNANSWERED, "its end was requested, and it goes on");
	else if (error == -ETIMEDOUT)
		say_hang(lab);
	else if (error)
		lab_violation(lab, DUET_LAB_CHECK, "the body can't be run: %s",
			      duet_error_name(error));
}

static uint32_t handles_open(const struct duet_loop *loop)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < loop->handles_max; i++)
		count += loop->slots[i].slot_state != SLOT_FREE;
	return count;
}

static void judge_end(struct duet_lab *lab)
{
	bool shut_down = lab->requested && lab->place.kind == DUET_LAB_SHUTDOWN;
	const char *wrong = NULL;
	struct duet_ledger ledger;

	lab_peers_judge(lab);
	duet_loop_ledger(lab->loop, &ledger);
	/* After a shutdown the body has had no occasion to return what it had kept for the next. */
	if (ledger.held_count && !shut_down)
		lab_violation(lab, DUET_LAB_POOL, "%u buffers of a pool were not returned",
			      ledger.held_count);
	if (!lab->finished && !lab->partial && !shut_down)
		lab_violation(lab, DUET_LAB_RESTART, "not finished after %u bodies", lab->attempt);
	if (lab->workload->check && !shut_down)
		wrong = lab->workload->check(lab, lab->state);
	if (wrong)
		lab_violation(lab, DUET_LAB_CHECK, "%s", wrong);
}

/* In a world of the backend's own, while there is one: what is neither a handle nor a peer's. */
static void judge_world(struct duet_lab *lab)
{
	uint32_t known = handles_open(lab->loop) + (lab->probe_fd >= 0);

	if (!lab->world->descriptors)
		return;
	for (int i = 0; i < lab->peer_count; i++)
		known += lab->peers[i].fd >= 0;
	if (lab->world->descriptors(lab->loop) != known)
		lab_violation(lab, DUET_LAB_DESCRIPTORS, "%d descriptors more than anybody has",
			      (int)(lab->world->descriptors(lab->loop) - known));
}

/* Nobody may write into the state any more: not a late completion, and not the kernel. Where something
 * is still in flight the state stays as it is: whoever is called back looks at it. */
static void judge_quiet(struct duet_lab *lab)
{
	size_t bytes = lab->workload->state_bytes;
	const unsigned char *state = lab->state;
	bool is_told;

	if (duet_loop_pending(lab->loop))
		lab_violation(lab, DUET_LAB_QUIET, "%u operations in flight after the end",
			      duet_loop_pending(lab->loop));
	else
		memset(lab->state, QUIET, bytes);
	if (duet_loop_shutdown(lab->loop, duet_loop_now_ns(lab->loop) + end_ns) < 0) {
		lab_violation(lab, DUET_LAB_QUIET, "%u operations outlive the shutdown",
			      duet_loop_pending(lab->loop));
		return;
	}
	judge_world(lab);
	/* The body may have given it up itself. */
	is_told = !lab->untold || lab->loop->stats.abandoned;
	if (duet_loop_destroy(lab->loop) < 0)
		lab_violation(lab, DUET_LAB_QUIET, "the loop is busy after its shutdown");
	else
		lab->loop = NULL;
	if (!lab->loop && !is_told)
		lab_violation(lab, DUET_LAB_TERMINAL, "a %s has ended, and its end was never told",
			      lab_point_name(lab->outcome->op_kind));
	for (size_t i = 0; i < bytes && lab->outcome->verdict != DUET_LAB_VIOLATION; i++) {
		if (state[i] == QUIET)
			continue;
		lab_violation(lab, DUET_LAB_QUIET, "byte %zu of the state was written after the end",
			      i);
		return;
	}
}

static void set_verdict(const struct duet_lab *lab)
{
	struct duet_lab_outcome *outcome = lab->outcome;

	outcome->reached = lab->requested && (lab->place.kind != DUET_LAB_SECOND || lab->seconded);
	if (outcome->verdict == DUET_LAB_VIOLATION)
		return;
	if (lab->place.point && !outcome->reached)
		outcome->verdict = DUET_LAB_UNREACHED;
	else if (lab->partial)
		outcome->verdict = DUET_LAB_PARTIAL;
}

static void judge(struct duet_lab *lab, int error)
{
	judge_hang(lab, error);
	wait_for_own(lab);
	if (!error)
		judge_end(lab);
	lab->seen->digest = lab_peers_digest(lab);
	lab->seen->handles = handles_open(lab->loop);
	if (lab->outcome->verdict != DUET_LAB_VIOLATION || !error)
		judge_quiet(lab);
}

/* Mapped so that it ends where a page begins that nobody may touch: what is written behind its end is caught,
 * but for the few bytes that alignment takes. */
static int map_state(struct duet_lab *lab)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), align = _Alignof(max_align_t);
	size_t bytes = lab->workload->state_bytes ? lab->workload->state_bytes : 1;
	size_t used = (bytes + align - 1) / align * align, pages = (used + page - 1) / page * page;
	char *map = mmap(NULL, pages + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return -ENOMEM;
	if (mprotect(map + pages, page, PROT_NONE)) {
		munmap(map, pages + page);
		return -ENOMEM;
	}
	lab->map = map;
	lab->map_bytes = pages + page;
	lab->state = map + pages - used;
	return 0;
}

int lab_run_once(const struct duet_lab_sweep *sweep, struct place place,
		 struct duet_lab_outcome *outcome, struct seen *seen)
{
	struct duet_lab lab = {.workload = sweep->workload, .place = place, .outcome = outcome,
			      .seen = seen, .probe_fd = -1, .process = getpid()};
	unsigned descriptors = descriptors_open();
	int64_t memory_bytes = lab_memory_bytes();
	int error;

	seen->no_loop = seen->target_came = false;
	*outcome = (struct duet_lab_outcome){.point = place.point, .phase = (uint8_t)place.phase,
					     .kind = (uint8_t)place.kind};
	if (map_state(&lab))
		return -ENOMEM;
	error = set_up(&lab, sweep);
	if (!error) {
		judge(&lab, run_bodies(&lab, sweep));
		/* What could not be ended is left behind, and others come to stand where it was. */
		duet_debug_unguard(lab.loop);
	}
	lab_peers_close(&lab);
	lab_wire_close(&lab, &lab.probe_fd);
	seen->point_count = lab.points;
	seen->takes_time = lab.takes_time;
	if (!error && descriptors_open() != descriptors)
		lab_violation(&lab, DUET_LAB_DESCRIPTORS, "%d descriptors more than before",
			      (int)descriptors_open() - (int)descriptors);
	set_verdict(&lab);
	munmap(lab.map, lab.map_bytes);
	seen->memory_bytes = lab_memory_bytes() - memory_bytes;
	return error;
}
