/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/harness.h"
#include "tests/support/kinds.h"

/*
 * R21: after create, neither core nor a backend allocates, and what create takes is what the headers
 * say. The program counts its own calls.
 */

static unsigned long allocations;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

/* Those of the library, on the loop's thread, and all of other threads: not what a case does. */
static void note_one(void)
{
	if (stage.library || (stage.loop && gettid() != getpid()))
		__atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t bytes)
{
	note_one();
	return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	note_one();
	return __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
	note_one();
	return __libc_realloc(memory, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	note_one();
	return __libc_memalign(alignment, bytes);
}
#endif

static unsigned long counted(void)
{
	return __atomic_load_n(&allocations, __ATOMIC_RELAXED);
}

#define EXPECT_NONE(before)                                                                        \
	ck_assert_msg(counted() == (before), "on %s: %lu allocations", stage.arm->name,            \
		counted() - (before))

static duet_handle pair[2];
static unsigned char data[4096];

struct echo {
	struct trial recv;
	size_t bytes;
};

static void echo_back(struct trial *trial)
{
	struct echo *echo = trial->context;

	if (trial->op.result > 0) {
		echo->bytes += trial->op.buffer.length_bytes;
		ck_assert_int_eq(duet_buffer_return(stage.loop, &trial->op.buffer), 0);
	}
}

START_TEST(an_echo_allocates_nothing)
{
	static struct echo echo;
	struct duet_pool *pool;
	unsigned long before;

	ck_assert_int_eq(duet_pool_create(stage.loop, 16, 256, &pool), 0);
	pair_open(pair);
	trial_init(&echo.recv);
	echo.recv.then = echo_back;
	echo.recv.context = &echo;
	duet_op_recv_pooled(&echo.recv.op, pair[1], pool, DUET_MULTISHOT);
	before = counted();
	trial_start(&echo.recv);
	for (unsigned i = 1; i <= 500; i++) {
		stream_send(pair[0], data, 64);
		turn_until(echo.bytes == i * 64u);
		stream_send(pair[1], data, 64);
		stream_recv(pair[0], data, 64);
	}
	trial_cancel(&echo.recv);
	await(&echo.recv);
	EXPECT_NONE(before);
}
END_TEST

START_TEST(timers_deadlines_and_cancels_allocate_nothing)
{
	static struct trial timers[500];
	unsigned long before;

	pair_open(pair);
	before = counted();
	for (unsigned i = 0; i < 500; i++) {
		trial_init(&timers[i]);
		duet_op_poll(&timers[i].op, pair[1], 1);
		duet_op_deadline(&timers[i].op, duet_loop_now_ns(stage.loop) + 1000000 + i);
		trial_start(&timers[i]);
		if (i & 1)
			trial_cancel(&timers[i]);
	}
	for (unsigned i = 0; i < 500; i++)
		await(&timers[i]);
	EXPECT_NONE(before);
}
END_TEST

START_TEST(connections_come_and_go_without_an_allocation)
{
	unsigned long before;

	pair_open(pair);
	pair_close(pair);
	before = counted();
	for (unsigned i = 0; i < 50; i++) {
		pair_open(pair);
		pair_close(pair);
	}
	EXPECT_NONE(before);
}
END_TEST

static struct duet_group group;
static struct duet_retry retry;
static unsigned group_ends, retry_ends;

/* Called from the library: what Check allocates for an assertion would count. */
static void count_group(struct duet_group *ended)
{
	group_ends += !ended->scope.result;
}

static void count_retry(struct duet_retry *ended)
{
	retry_ends += ended->result == -EPROTO;
}

static int attempt_nothing(struct duet_retry *it, struct duet_scope *scope)
{
	(void)it;
	(void)scope;
	return -EPROTO;
}

static void race_and_retry(struct duet_branch *branches, unsigned count, struct trial *trials)
{
	struct duet_retry_options options;
	int error;

	for (unsigned i = 0; i < count; i++) {
		trial_init(&trials[i]);
		branches[i] = (struct duet_branch){ .op = &trials[i].op };
		duet_op_timeout(&trials[i].op, duet_loop_now_ns(stage.loop) + i * 1000000);
	}
	duet_retry_options_init(&options);
	options.attempts_max = 2;
	options.backoff_ns = 1000;
	stage.library = 1;
	error = duet_race(&group, stage.loop, NULL, NULL, branches, count, count_group);
	error |= duet_retry_start(&retry, stage.loop, NULL, &options, attempt_nothing, count_retry);
	stage.library = 0;
	ck_assert_int_eq(error, 0);
}

static void receive_and_abandon(void)
{
	struct duet_op *op;
	int error;

	stage.library = 1;
	error = duet_op_take(stage.loop, NULL, NULL, &op);
	duet_op_recv(op, pair[1], data, 64, 0);
	error |= duet_op_copy_through(op);
	error |= duet_op_start(stage.loop, op);
	error |= duet_op_abandon(op);
	stage.library = 0;
	ck_assert_int_eq(error, 0);
}

START_TEST(scopes_groups_retries_and_what_is_abandoned_allocate_nothing)
{
	struct duet_loop_options options;
	struct duet_branch branches[4];
	struct trial trials[4];
	unsigned long before;

	duet_loop_options_init(&options);
	options.owned_max = 1;
	options.owned_bytes = 64;
	stage_reopen(&options, NULL);
	pair_open(pair);
	before = counted();
	for (unsigned i = 1; i <= 20; i++) {
		race_and_retry(branches, 4, trials);
		receive_and_abandon();
		turn_until(group_ends == i && retry_ends == i &&
			   duet_loop_pending(stage.loop) == 0);
		stage_settle(2);
	}
	EXPECT_NONE(before);
}
END_TEST

/* ---- Tasks. ---- */

enum { TASKS = 20 };

struct visit {
	struct duet_coroutine coroutine; /* first */
	struct duet_coroutine_task task;
	struct duet_op op;
	int element;
};

static struct duet_scheduler scheduler;
static struct duet_semaphore semaphore;
static struct duet_mutex mutex;
static struct duet_channel channel;
static struct visit visits[TASKS];
static struct duet_fiber fibers[2];
static int refused;

static int do_nothing(void *context)
{
	(void)context;
	return 0;
}

/* Waits for each: half of them send what the others receive. */
static DUET_COROUTINE(visit_all)
{
	DUET_BEGIN(struct visit, self);
	duet_op_acquire(&self->op, &semaphore, 2);
	DUET_AWAIT(&self->op);
	duet_op_lock(&self->op, &mutex, self);
	DUET_AWAIT(&self->op);
	duet_op_work(&self->op, do_nothing, NULL);
	DUET_AWAIT(&self->op);
	refused |= DUET_RESULT;
	refused |= duet_mutex_unlock(&mutex, self);
	refused |= duet_semaphore_release(&semaphore, 2);
	if ((self - visits) % 2)
		duet_op_channel_send(&self->op, &channel, &self->element);
	else
		duet_op_channel_recv(&self->op, &channel, &self->element);
	DUET_AWAIT(&self->op);
	DUET_YIELD();
	DUET_END;
}

static int visit_by_fiber(struct duet_loop *loop, void *argument)
{
	struct duet_op op;

	(void)argument;
	duet_op_init(&op, NULL, NULL);
	duet_op_acquire(&op, &semaphore, 1);
	refused |= duet_fiber_await(loop, &op);
	duet_fiber_yield(loop);
	return duet_semaphore_release(&semaphore, 1);
}

static int spawn_all(struct duet_stacks *stacks)
{
	int error = 0;

	for (unsigned i = 0; i < TASKS; i++) {
		duet_op_init(&visits[i].op, NULL, NULL);
		duet_coroutine_init(&visits[i].coroutine, visit_all);
		duet_coroutine_task_init(&visits[i].task, &visits[i].coroutine);
		error |= duet_task_spawn(&scheduler, NULL, &visits[i].task.task);
	}
	for (unsigned i = 0; i < 2; i++) {
		duet_fiber_init(&fibers[i], visit_by_fiber, NULL);
		error |= duet_fiber_spawn(&scheduler, NULL, stacks, &fibers[i]);
	}
	return error;
}

START_TEST(tasks_and_what_they_wait_for_allocate_nothing)
{
	struct duet_loop_options options;
	struct duet_stacks *stacks;
	unsigned long before;
	int error;

	duet_loop_options_init(&options);
	options.work_threads = 1;
	stage_reopen(&options, NULL);
	ck_assert_int_eq(duet_stacks_create(&stacks, NULL), 0);
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, NULL), 0);
	duet_semaphore_init(&semaphore, stage.loop, 4);
	duet_mutex_init(&mutex, stage.loop);
	ck_assert_int_eq(duet_channel_init(&channel, stage.loop, NULL, 0, sizeof(int)), 0);
	before = counted();
	for (unsigned i = 0; i < 5; i++) {
		stage.library = 1;
		error = spawn_all(stacks);
		stage.library = 0;
		ck_assert_int_eq(error, 0);
		turn_until(scheduler.live == 0);
	}
	EXPECT_NONE(before);
	ck_assert_int_eq(refused, 0);
	ck_assert_uint_eq(scheduler.stats.ended, 5 * (TASKS + 2));
	ck_assert_int_eq(duet_stacks_destroy(stacks), 0);
}
END_TEST

START_TEST(file_io_allocates_nothing)
{
	const char *path = file_path("data");
	unsigned long before;
	duet_handle file;

	file_make(path, 4096);
	file = file_open(path, 0);
	before = counted();
	for (unsigned i = 0; i < 50; i++)
		ck_assert_int_eq(file_read(file, data, 4096, 0), 4096);
	EXPECT_NONE(before);
	handle_close(file);
}
END_TEST

static size_t allocated_bytes(void)
{
	struct mallinfo2 now = mallinfo2();

	return now.uordblks + now.hblkhd;
}

/* Not so under tools with a malloc of their own. */
static bool allocations_are_known(void)
{
	size_t before = allocated_bytes();
	void *volatile some = malloc(1 << 20); /* or the pair may be optimised away */
	size_t after = allocated_bytes();

	free(some);
	return after - before >= 1 << 20;
}

static size_t loop_bytes(uint32_t operations, uint32_t handles)
{
	struct duet_loop_options options;
	size_t before = allocated_bytes();
	struct duet_loop *loop;
	size_t bytes;

	duet_loop_options_init(&options);
	options.operations_max = operations;
	options.handles_max = handles;
	options.worker_threads = 0;
	options.tuning = stage.arm->tuning;
	ck_assert_int_eq(duet_loop_create(&loop, stage.arm->backend(), &options), 0);
	bytes = allocated_bytes() - before;
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
	return bytes;
}

/* The sentence in the backend's header. Tests run from the top of the tree. */
static void read_header(unsigned long *handle_bytes, unsigned long *operation_bytes)
{
	static const char sentence[] = "Memory, all of it at create: ";
	const char *name = duet_backend_name(stage.arm->backend());
	char path[64];
	char text[8192] = "";
	const char *at;
	FILE *file;

	snprintf(path, sizeof(path), "%s/duet/%s.h", name, name);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "no %s: run this from the top of the tree", path);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	at = strstr(text, sentence);
	ck_assert_msg(at && sscanf(at + sizeof(sentence) - 1,
				"%lu bytes for each of handles_max, %lu for each of operations_max",
				handle_bytes, operation_bytes) == 2,
		"%s doesn't say \"%sN bytes for each of handles_max, N for each of operations_max\"",
		path, sentence);
}

/* So many that the pages' ends don't count. */
#define MANY 100000u

static unsigned long each(size_t many, size_t few)
{
	return (many - few + MANY / 2) / MANY;
}

/* Those that a worker carries out call what the caller, or the C library, gave them. */
static bool is_work(unsigned kind)
{
	return kind == DUET_WORK || kind == DUET_RESOLVE;
}

static void play_kind(enum duet_kind kind, unsigned turns)
{
	unsigned long before;
	struct trial trial;

	trial_init(&trial);
	if (!kind_make(kind, &trial.op))
		return;
	before = counted();
	trial_start(&trial);
	stage_settle(turns);
	trial_cancel(&trial);
	await(&trial);
	ck_assert_msg(counted() == before, "on %s: %s: %lu allocations", stage.arm->name,
		duet_kind_name(kind), counted() - before);
}

START_TEST(no_kind_allocates)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.work_threads = 1;
	for (unsigned kind = 0; kind < DUET_KIND_COUNT; kind++)
		for (unsigned turns = 0; turns < 2 && !is_work(kind); turns++) {
			stage_reopen(&options, NULL);
			play_kind((enum duet_kind)kind, turns);
			ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
		}
}
END_TEST

static void take_and_give(struct duet_pool *pool, enum duet_regime regime)
{
	struct duet_buffer buffer;
	struct trial trial;

	trial_init(&trial);
	if (regime == DUET_REGIME_POOLED) {
		duet_op_recv_pooled(&trial.op, pair[1], pool, 0);
	} else {
		ck_assert_int_eq(duet_buffer_take(pool, &buffer), 0);
		buffer.length_bytes = 64;
		duet_op_recv_buffer(&trial.op, pair[1], buffer, 0);
	}
	trial_start(&trial);
	stream_send(pair[0], data, 64);
	await(&trial);
	ck_assert_int_ge(trial.op.result, 1);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &trial.op.buffer), 0);
	if (trial.op.result < 64)
		stream_recv(pair[1], data, 64 - (size_t)trial.op.result);
}

/* Of those that have a pool; who lends and who copies is in the cases above. */
START_TEST(no_regime_allocates)
{
	static const enum duet_regime regimes[] = { DUET_REGIME_MOVED, DUET_REGIME_POOLED,
		DUET_REGIME_REGISTERED };
	struct duet_pool_options options;
	struct duet_pool *pool;
	unsigned long before;

	duet_pool_options_init(&options);
	options.count = 4;
	options.size_bytes = 128;
	pair_open(pair);
	for (unsigned i = 0; i < 3; i++) {
		options.regime = regimes[i];
		if (duet_pool_create_with(stage.loop, &options, &pool) == -EOPNOTSUPP)
			continue;
		before = counted();
		for (unsigned again = 0; again < 10; again++)
			take_and_give(pool, regimes[i]);
		EXPECT_NONE(before);
	}
}
END_TEST

START_TEST(a_handle_and_an_operation_take_the_bytes_that_the_header_says)
{
	unsigned long operation_bytes;
	unsigned long handle_bytes;
	size_t few;

	if (!allocations_are_known()) {
		printf("skipped: on %s a malloc that doesn't say what it gave\n", stage.arm->name);
		return;
	}
	read_header(&handle_bytes, &operation_bytes);
	few = loop_bytes(MANY, MANY);
	ck_assert_uint_eq(each(loop_bytes(2 * MANY, MANY), few), operation_bytes);
	ck_assert_uint_eq(each(loop_bytes(MANY, 2 * MANY), few), handle_bytes);
}
END_TEST

int main(void)
{
	return contract_run("memory",
		CASES(an_echo_allocates_nothing, timers_deadlines_and_cancels_allocate_nothing,
			file_io_allocates_nothing, no_kind_allocates, no_regime_allocates,
			scopes_groups_retries_and_what_is_abandoned_allocate_nothing,
			tasks_and_what_they_wait_for_allocate_nothing),
		CASES(connections_come_and_go_without_an_allocation,
			a_handle_and_an_operation_take_the_bytes_that_the_header_says));
}
