/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/backend.h"
#include "core/buffer.h"
#include "core/dump.h"
#include "core/handle.h"
#include "core/lifecycle.h"
#include "core/loan.h"
#include "core/offload.h"
#include "core/operation.h"
#include "core/owned.h"
#include "core/scope.h"
#include "core/system.h"
#include "core/waits.h"

/* ---- Create. ---- */

void duet_loop_options_init(struct duet_loop_options *options)
{
	*options = (struct duet_loop_options){.size = sizeof(*options),
					      .operations_max = 4096,
					      .handles_max = 1024,
					      .worker_threads = 2,
					      .burst_max = 16};
}

static int check_options(const struct duet_loop_options *options)
{
	if (options->size != sizeof(*options))
		return -EINVAL;
	if (options->operations_max < 1 || options->operations_max > LIMIT_SLOTS)
		return -EINVAL;
	if (options->handles_max < 1 || options->handles_max > LIMIT_SLOTS)
		return -EINVAL;
	if (options->worker_threads > LIMIT_WORKERS || options->work_threads > LIMIT_WORKERS)
		return -EINVAL;
	if (options->try_first > DUET_TRY_ALWAYS)
		return -EINVAL;
	if (options->spin_ns > LIMIT_SPIN_NS)
		return -EINVAL;
	if (options->burst_max < 1 || options->burst_max > UINT16_MAX)
		return -EINVAL;
	if (options->owned_max > LIMIT_OWNED || options->owned_bytes > LIMIT_POOL_BUFFER_BYTES)
		return -EINVAL;
	return 0;
}

static int make_tables(struct duet_loop *loop)
{
	loop->entries = calloc(loop->entries_max, sizeof(*loop->entries));
	loop->slots = calloc(loop->handles_max, sizeof(*loop->slots));
	if (!loop->entries || !loop->slots)
		return -ENOMEM;
	/* Linked from the end, so that the lowest places are used first. */
	for (uint32_t i = loop->entries_max; i-- > 0;) {
		loop->entries[i] = (struct core_entry){.generation = 1,
						       .free_next = loop->entry_free};
		loop->entry_free = i + 1;
	}
	for (uint32_t i = loop->handles_max; i-- > 0;) {
		loop->slots[i].generation = 1;
		loop->slots[i].plain = PLAIN_NOT;
		loop->slots[i].free_next = loop->slot_free;
		loop->slot_free = i + 1;
	}
	loop->handles_free = loop->handles_max;
	return core_timers_init(&loop->timers, loop->operations_max);
}

static void free_tables(struct duet_loop *loop)
{
	CORE_GUARD(core_guard_close(loop));
	core_timers_fini(&loop->timers);
	core_owned_fini(loop);
	core_ranges_fini(&loop->ledger.ranges);
	free(loop->entries);
	free(loop->slots);
	free(loop);
}

/* What no backend carries out. */
static void set_own_kinds(uint8_t *capability, bool works)
{
	for (unsigned kind = 0; kind < DUET_KIND_COUNT; kind++)
		if (core_kinds[kind].begin)
			capability[kind] = DUET_NATIVE;
	capability[DUET_WORK] = works ? DUET_EMULATED : DUET_ABSENT;
	capability[DUET_RESOLVE] = capability[DUET_WORK];
}

/* One pool, for what the backend can't do without blocking and for what the caller can't. */
static int make_offload(struct duet_loop *loop, const struct duet_loop_options *options)
{
	uint32_t threads = loop->backend->workers ? options->worker_threads : 0;

	if (options->work_threads > threads)
		threads = options->work_threads;
	if (!threads)
		return 0;
	return core_offload_create(loop, loop->backend->alone ? 0 : threads, options->work_threads);
}

static int make(struct duet_loop *loop, const struct duet_loop_options *options)
{
	int error = make_tables(loop);

	if (!error)
		error = core_owned_init(loop, options->owned_bytes);
	if (!error)
		error = core_ranges_init(&loop->ledger.ranges, loop->operations_max);
#ifdef DUET_DEBUG
	if (!error)
		error = core_guard_open(loop);
#endif
	if (error)
		return error;
	error = make_offload(loop, options);
	if (error)
		return error;
	error = loop->backend->create(loop, options);
	if (error) {
		core_offload_destroy(loop);
		return error;
	}
	set_own_kinds(loop->capability, options->work_threads);
	core_set_now(loop, loop->clock(loop));
	return 0;
}

int duet_loop_create(struct duet_loop **out, const struct duet_backend *backend,
		     const struct duet_loop_options *options)
{
	struct duet_loop_options defaults;
	struct duet_loop *loop;
	int error;

	*out = NULL;
	if (!options) {
		duet_loop_options_init(&defaults);
		options = &defaults;
	}
	error = check_options(options);
	if (error || backend->version != DUET_BACKEND_VERSION || backend->size != sizeof(*backend))
		return -EINVAL;
	loop = calloc(1, sizeof(*loop));
	if (!loop)
		return -ENOMEM;
	loop->backend = backend;
	loop->transfer = backend->transfer ? backend->transfer : core_transfer;
	loop->clock = core_system_clock_ns;
	loop->operations_max = options->operations_max;
	loop->handles_max = options->handles_max;
	loop->entries_max = options->operations_max + options->handles_max;
	loop->burst_max = MUTANT(busy_starves_quiet) ? UINT32_MAX : options->burst_max;
	loop->try_first = (uint8_t)options->try_first;
	loop->spin_ns = options->spin_ns;
	loop->owned_max = options->owned_max;
	loop->woken_fn = options->woken;
	loop->woken_context = options->woken_context;
	loop->deadline_ns = DUET_NO_DEADLINE;
	core_plain_bound(loop);
	loop->owner_process = getpid();
	loop->owner_thread = pthread_self();
	error = make(loop, options);
	if (error)
		free_tables(loop);
	else
		*out = loop;
	return error;
}

static bool not_to_be_had(int error)
{
	return error == -ENOSYS || error == -EPERM || error == -EACCES || error == -ENOTSUP;
}

int duet_loop_create_first(struct duet_loop **loop, const struct duet_backend *const *backends,
			   size_t count, const struct duet_loop_options *options,
			   struct duet_probe *why)
{
	struct duet_loop_options rest;
	int error = -EINVAL;

	if (why)
		*why = (struct duet_probe){0};
	duet_loop_options_init(&rest);
	if (options)
		rest = *options;
	*loop = NULL;
	for (size_t i = 0; i < count; i++) {
		error = duet_loop_create(loop, backends[i], &rest);
		if (!not_to_be_had(error))
			return error;
		if (why && i == 0) {
			duet_backend_probe(backends[i], rest.tuning, why);
			why->error = error;
		}
		rest.tuning = NULL;
	}
	return error;
}

int duet_backend_probe(const struct duet_backend *backend, const char *tuning,
		       struct duet_probe *probe)
{
	*probe = (struct duet_probe){0};
	probe->error = backend->probe(tuning, probe);
	if (!probe->error)
		set_own_kinds(probe->capability, true);
	return probe->error;
}

const char *duet_backend_name(const struct duet_backend *backend)
{
	return backend->name;
}

/* Somebody waits for an end that needs turns. */
static bool is_busy(const struct duet_loop *loop)
{
	return loop->pending || loop->visitors;
}

static bool work_waits(const struct duet_loop *loop)
{
	return loop->done.first || loop->deferred_first || loop->backlog.first ||
	       atomic_load_explicit(&loop->posted, memory_order_relaxed);
}

/* ---- The end. ---- */

/* Who has sent the last message may still be on its way out of that call, and looks at the loop once more,
 * to wake it. */
static void let_senders_out(struct duet_loop *loop)
{
	while (atomic_load_explicit(&loop->posting, memory_order_acquire))
		sched_yield();
}

int duet_loop_destroy(struct duet_loop *loop)
{
	if (!loop)
		return 0;
	if (loop->owner_process != getpid()) {
		/* A forked child has neither the threads nor the right to end what is the
		 * parent's: its copy of the memory goes, and the descriptors of the mechanism. */
		loop->backend->destroy(loop);
		core_pools_fini(loop);
		free(loop->offload);
		free_tables(loop);
		return 0;
	}
	if (loop->in_turn)
		return -EBUSY;
	if (is_busy(loop) || work_waits(loop))
		if (!MUTANT(destroy_trusts_close))
			return -EBUSY;
	let_senders_out(loop);
	CORE_MOVES_NOTE(loop);
	core_handles_close(loop);
	core_offload_destroy(loop);
	core_pools_fini(loop);
	loop->backend->destroy(loop);
	free_tables(loop);
	return 0;
}

static void request_all(struct duet_loop *loop)
{
	for (uint32_t i = 0; i < loop->handles_max && loop->pending; i++) {
		struct duet_slot *slot = &loop->slots[i];

		core_request_line(loop, &slot->reads, DUET_CAUSE_SHUTDOWN);
		core_request_line(loop, &slot->writes, DUET_CAUSE_SHUTDOWN);
		core_request_line(loop, &slot->others, DUET_CAUSE_SHUTDOWN);
	}
	for (uint32_t i = 0; i < loop->entries_max && loop->pending; i++)
		if (loop->entries[i].op && !core_scope_shelters(loop->entries[i].op))
			core_request(loop, loop->entries[i].op, DUET_CAUSE_SHUTDOWN);
}

int duet_loop_shutdown(struct duet_loop *loop, uint64_t deadline_ns)
{
	/* Once: what has begun since is a cleanup's. */
	if (!loop->shutting_down) {
		loop->shutting_down = true;
		core_plain_bound(loop);
		request_all(loop);
	}
	if (loop->in_turn)
		return -EBUSY;
	while (is_busy(loop) || work_waits(loop)) {
		uint64_t now_ns = loop->clock(loop);
		int64_t left_ns = deadline_ns == DUET_NO_DEADLINE ? -1
				  : deadline_ns > now_ns ? (int64_t)(deadline_ns - now_ns)
							 : 0;
		int error = duet_loop_turn(loop, left_ns);

		if (error < 0)
			return error;
		if (left_ns == 0 && (is_busy(loop) || work_waits(loop)))
			return -EBUSY;
	}
	return 0;
}

/* ---- A turn. ---- */

/* Messages posted by other threads, newest first, in the order of their sending. */
static struct duet_message *take_posted(struct duet_loop *loop)
{
	struct duet_message *newest =
		atomic_exchange_explicit(&loop->posted, NULL, memory_order_acquire);
	struct duet_message *oldest = NULL;

	while (newest) {
		struct duet_message *next = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	return oldest;
}

static void run_messages(struct duet_message *message)
{
	while (message) {
		struct duet_message *next = message->next;

		message->fn(message);
		message = next;
	}
}

/* What most turns have nothing of: no call to find that out. */

static inline void drain(struct duet_loop *loop)
{
	if (loop->done.first)
		core_drain(loop);
}

static inline void retry(struct duet_loop *loop)
{
	if (loop->owed.first || !loop->plain_max)
		core_retry(loop);
}

static inline void hear_others(struct duet_loop *loop)
{
	if (atomic_load_explicit(&loop->woken, memory_order_relaxed)) {
		atomic_store(&loop->woken, 0);
		loop->stats.wakes++;
		core_dump_asked(loop);
		if (loop->woken_fn)
			loop->woken_fn(loop, loop->woken_context);
	}
	if (atomic_load_explicit(&loop->posted, memory_order_relaxed))
		run_messages(take_posted(loop));
}

/* What is deferred while these run is for the next turn: a task that keeps deferring itself
 * can't keep I/O out. */
static void run_deferred(struct duet_loop *loop)
{
	struct duet_message *message = loop->deferred_first;

	loop->deferred_first = loop->deferred_last = NULL;
	run_messages(message);
}

static void expire_timers(struct duet_loop *loop)
{
	struct duet_op *op;

	while ((op = core_timers_expire(&loop->timers, core_now_ns(loop))))
		core_expired(loop, op);
}

uint64_t duet_core_next_due_ns(const struct duet_loop *loop)
{
	return core_timers_next_ns(&loop->timers);
}

/* Until the caller's limit, a timer, or an owed cancel. */
static __attribute__((noinline)) int64_t sleep_until_due(struct duet_loop *loop, int64_t timeout_ns)
{
	uint64_t next_ns = core_timers_next_ns(&loop->timers);
	uint64_t now_ns;

	if (loop->owed.first && loop->owed_ns < next_ns)
		next_ns = loop->owed_ns;
	if (next_ns == UINT64_MAX)
		return timeout_ns;
	now_ns = loop->clock(loop);
	if (next_ns <= now_ns)
		return 0;
	if (timeout_ns < 0 || next_ns - now_ns < (uint64_t)timeout_ns)
		return next_ns - now_ns > INT64_MAX ? INT64_MAX : (int64_t)(next_ns - now_ns);
	return timeout_ns;
}

/* How long this turn may sleep. */
static inline int64_t sleep_ns(struct duet_loop *loop, int64_t timeout_ns)
{
	/* What was lent since the last turn is on loan from now at the latest. */
	if (loop->ledger.lent_count)
		core_now_ns(loop);
	/* Also in a turn that doesn't sleep anyway: a loop may never sleep. */
	if (loop->starved && core_feed_idle(loop))
		return 0;
	if (timeout_ns == 0 || loop->delivered || work_waits(loop))
		return 0;
	if (loop->timers.count || loop->owed.first)
		timeout_ns = sleep_until_due(loop, timeout_ns);
	return timeout_ns;
}

static inline int wait_asleep(struct duet_loop *loop, int64_t timeout_ns)
{
	int error;

	/* Announced before the last look: see `asleep`. */
	atomic_store(&loop->asleep, 1);
	if (atomic_load(&loop->woken) || atomic_load(&loop->posted))
		timeout_ns = 0;
	error = loop->backend->wait(loop, timeout_ns);
	/* A waker that sees this late makes one call for nothing; no order depends on it. */
	atomic_store_explicit(&loop->asleep, 0, memory_order_relaxed);
	return error;
}

/* Is there anything that a turn is to end for? */
static bool heard(const struct duet_loop *loop)
{
	return loop->delivered || work_waits(loop) ||
	       atomic_load_explicit(&loop->woken, memory_order_relaxed);
}

/* Looks without sleeping; then sleeps for what is left of timeout_ns. Not announced as asleep while
 * it looks: a wake costs its sender no system call. */
static __attribute__((noinline)) int wait_spinning(struct duet_loop *loop, int64_t timeout_ns)
{
	const uint64_t begun_ns = loop->clock(loop);
	uint64_t limit_ns = loop->spin_ns, spent_ns;

	if (timeout_ns >= 0 && (uint64_t)timeout_ns < limit_ns)
		limit_ns = (uint64_t)timeout_ns;
	do {
		int error = loop->backend->wait(loop, 0);

		if (error || heard(loop))
			return error;
		spent_ns = loop->clock(loop) - begun_ns;
	} while (spent_ns < limit_ns);
	if (timeout_ns < 0)
		return wait_asleep(loop, timeout_ns);
	if (spent_ns >= (uint64_t)timeout_ns)
		return 0;
	return wait_asleep(loop, timeout_ns - (int64_t)spent_ns);
}

int duet_loop_turn(struct duet_loop *loop, int64_t timeout_ns)
{
	int error;

	core_check_owner(loop);
	if (loop->in_turn)
		return -EBUSY;
	loop->in_turn = true;
	loop->stats.turns++;
	loop->began.turn++;
	loop->delivered = 0;
	/* As duet_loop_prepare() left it. */
	if (atomic_load_explicit(&loop->asleep, memory_order_relaxed))
		atomic_store(&loop->asleep, 0);
	drain(loop);
	retry(loop);
	if (MUTANT(deadline_beats_result)) {
		duet_core_tick(loop);
		expire_timers(loop);
	}
	timeout_ns = sleep_ns(loop, timeout_ns);
	loop->awake = false;
	if (timeout_ns == 0)
		error = loop->backend->wait(loop, 0);
	else if (__builtin_expect(loop->spin_ns != 0, 0))
		error = wait_spinning(loop, timeout_ns);
	else
		error = wait_asleep(loop, timeout_ns);
	if (loop->awake && loop->timers.count)
		expire_timers(loop);
	hear_others(loop);
	drain(loop);
	if (loop->deferred_first) {
		run_deferred(loop);
		drain(loop);
	}
	loop->in_turn = false;
	return error < 0 ? error : (int)loop->delivered;
}

int duet_loop_run(struct duet_loop *loop)
{
	int error = 0;

	/* It would forget the stop that was said to the run outside. */
	if (loop->in_turn)
		return -EBUSY;
	loop->stopping = false;
	while (error >= 0 && !loop->stopping && (is_busy(loop) || work_waits(loop)))
		error = duet_loop_turn(loop, -1);
	return error < 0 ? error : 0;
}

void duet_loop_stop(struct duet_loop *loop)
{
	loop->stopping = true;
}

int64_t duet_loop_prepare(struct duet_loop *loop)
{
	int64_t timeout_ns;

	core_check_owner(loop);
	/* The turn that calls back hands over, too. */
	if (loop->in_turn)
		return 0;
	loop->delivered = 0;
	retry(loop);
	timeout_ns = sleep_ns(loop, -1);
	if (loop->backend->prepare && loop->backend->prepare(loop))
		timeout_ns = 0;
	atomic_store(&loop->asleep, 1);
	if (atomic_load(&loop->woken) || atomic_load(&loop->posted))
		timeout_ns = 0;
	return timeout_ns;
}

/* ---- From other threads. ---- */

void duet_loop_wake(struct duet_loop *loop)
{
	atomic_store(&loop->woken, 1);
	if (atomic_exchange(&loop->asleep, 0))
		if (!MUTANT(wake_lost) || !loop->backlog.first)
			loop->backend->wake(loop);
}

void duet_loop_post(struct duet_loop *loop, struct duet_message *message)
{
	struct duet_message *newest;

	atomic_fetch_add_explicit(&loop->posting, 1, memory_order_relaxed);
	newest = atomic_load_explicit(&loop->posted, memory_order_relaxed);
	do {
		message->next = newest;
	} while (!atomic_compare_exchange_weak_explicit(&loop->posted, &newest, message,
							memory_order_seq_cst,
							memory_order_relaxed));
	if (atomic_exchange(&loop->asleep, 0))
		loop->backend->wake(loop);
	atomic_fetch_sub_explicit(&loop->posting, 1, memory_order_release);
}

void duet_loop_defer(struct duet_loop *loop, struct duet_message *message)
{
	message->next = NULL;
	if (loop->deferred_first)
		loop->deferred_last->next = message;
	else
		loop->deferred_first = message;
	loop->deferred_last = message;
}

/* ---- Questions. ---- */

uint32_t duet_loop_pending(const struct duet_loop *loop)
{
	return loop->pending;
}

uint64_t duet_loop_now_ns(const struct duet_loop *loop)
{
	return core_now_ns(loop);
}

const struct duet_backend *duet_loop_backend(const struct duet_loop *loop)
{
	return loop->backend;
}

enum duet_capability duet_loop_capability(const struct duet_loop *loop, enum duet_kind kind)
{
	return (unsigned)kind < DUET_KIND_COUNT ? (enum duet_capability)loop->capability[kind]
						: DUET_ABSENT;
}

int duet_loop_fd(const struct duet_loop *loop)
{
	return loop->fd;
}
