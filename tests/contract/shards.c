/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "tests/support/harness.h"

/* Several loops, a thread each: messages between all, one end for all. */

#define SHARDS 4
#define LETTERS 50
#define HOPS 400

/* What a shard has, touched by its thread alone; and read when all have ended. */
struct own {
	pthread_t thread;
	unsigned begins;
	unsigned ends;
	unsigned heard[SHARDS];
	unsigned told;
	unsigned processor;
};

struct letter {
	struct duet_shard_message message; /* first */
	unsigned from;
	unsigned number;
};

static struct own own[SHARDS];
static struct letter letters[SHARDS][SHARDS][LETTERS];
static struct duet_shards *shards;

static int begin_plainly(struct duet_shard *shard)
{
	struct own *mine = &own[shard->index];

	ck_assert_ptr_eq(shard->context, own);
	ck_assert_ptr_null(shard->state);
	shard->state = mine;
	mine->thread = pthread_self();
	mine->begins++;
	return 0;
}

static void end_plainly(struct duet_shard *shard)
{
	struct own *mine = &own[shard->index];

	ck_assert(pthread_equal(mine->thread, pthread_self()));
	mine->ends++;
}

static int create_with(int (*begin)(struct duet_shard *), uint32_t count, uint32_t pinned)
{
	static const struct duet_backend *backend;
	struct duet_scheduler_options scheduler;
	struct duet_loop_options loop;
	struct duet_shards_options options;

	memset(own, 0, sizeof(own));
	backend = stage.arm->backend();
	duet_loop_options_init(&loop);
	loop.operations_max = 64;
	loop.worker_threads = 0;
	loop.tuning = stage.arm->tuning;
	duet_shards_options_init(&options);
	options.count = count;
	options.pinned = pinned;
	options.backends = &backend;
	options.backend_count = 1;
	options.loop = &loop;
	/* What is allocated for these goes with the shards: the sanitizers look for it. */
	duet_scheduler_options_init(&scheduler);
	scheduler.shared_max = 4;
	options.scheduler = &scheduler;
	options.begin = begin;
	options.end = end_plainly;
	options.context = own;
	return duet_shards_create(&shards, &options);
}

static void create(int (*begin)(struct duet_shard *))
{
	ck_assert_int_eq(create_with(begin, SHARDS, 0), 0);
	ck_assert_uint_eq(duet_shards_count(shards), SHARDS);
}

START_TEST(each_begins_and_ends_once_on_a_thread_of_its_own)
{
	int32_t results[SHARDS] = { 1, 1, 1, 1 };

	create(begin_plainly);
	ck_assert_int_eq(duet_shards_join(shards, results), 0);
	for (unsigned i = 0; i < SHARDS; i++) {
		ck_assert_uint_eq(own[i].begins, 1);
		ck_assert_uint_eq(own[i].ends, 1);
		ck_assert_int_eq(results[i], 0);
		ck_assert(!pthread_equal(own[i].thread, pthread_self()));
		for (unsigned j = 0; j < i; j++)
			ck_assert(!pthread_equal(own[i].thread, own[j].thread));
	}
}
END_TEST

/* ---- Messages. ---- */

static void hear(struct duet_shard *shard, struct duet_shard_message *message)
{
	struct letter *letter = (struct letter *)(void *)message;
	struct own *mine = shard->state;

	ck_assert(pthread_equal(mine->thread, pthread_self()));
	ck_assert_uint_eq(mine->heard[letter->from], letter->number);
	mine->heard[letter->from]++;
}

static int begin_writing(struct duet_shard *shard)
{
	unsigned from = shard->index;

	begin_plainly(shard);
	for (unsigned i = 0; i < LETTERS; i++) {
		for (unsigned to = 0; to < SHARDS; to++) {
			struct letter *letter = &letters[from][to][i];

			*letter = (struct letter){ { .fn = hear }, from, i };
			duet_shard_post(duet_shards_at(shard->shards, to), &letter->message);
		}
	}
	return 0;
}

START_TEST(messages_between_all_come_in_order_and_none_is_lost_by_a_join)
{
	create(begin_writing);
	ck_assert_int_eq(duet_shards_join(shards, NULL), 0);
	for (unsigned to = 0; to < SHARDS; to++)
		for (unsigned from = 0; from < SHARDS; from++)
			ck_assert_uint_eq(own[to].heard[from], LETTERS);
}
END_TEST

static void pass_on(struct duet_shard *shard, struct duet_shard_message *message)
{
	struct letter *letter = (struct letter *)(void *)message;
	unsigned to = (shard->index + 1) % SHARDS;

	if (letter->number++ < HOPS)
		duet_shard_post(duet_shards_at(shard->shards, to), message);
}

/* Each of them is the only thing that keeps the shards. */
START_TEST(a_message_that_goes_round_keeps_all_until_it_rests)
{
	static struct letter tokens[2];

	create(begin_plainly);
	for (unsigned i = 0; i < 2; i++) {
		tokens[i] = (struct letter){ { .fn = pass_on }, 0, 0 };
		duet_shard_post(duet_shards_at(shards, i), &tokens[i].message);
	}
	ck_assert_int_eq(duet_shards_join(shards, NULL), 0);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_uint_eq(tokens[i].number, HOPS + 1);
}
END_TEST

/* ---- Tasks. ---- */

struct wait {
	struct duet_coroutine coroutine; /* first */
	struct duet_coroutine_task task;
	struct duet_op op;
	int32_t value;
};

static struct wait waits[SHARDS];

static DUET_COROUTINE(wait_for_ever)
{
	DUET_BEGIN(struct wait, self);
	duet_op_timeout(&self->op, DUET_NO_DEADLINE);
	DUET_AWAIT(&self->op);
	DUET_RETURN(DUET_RESULT);
	DUET_END;
}

static DUET_COROUTINE(return_value)
{
	DUET_BEGIN(struct wait, self);
	DUET_YIELD();
	DUET_RETURN(self->value);
	DUET_END;
}

static int spawn(struct duet_shard *shard, duet_coroutine_fn *body, int32_t value)
{
	struct wait *wait = &waits[shard->index];

	begin_plainly(shard);
	*wait = (struct wait){ .value = value };
	duet_op_init(&wait->op, NULL, NULL);
	duet_coroutine_init(&wait->coroutine, body);
	duet_coroutine_task_init(&wait->task, &wait->coroutine);
	return duet_task_spawn(&shard->scheduler, &shard->scope, &wait->task.task);
}

static int begin_waiting(struct duet_shard *shard)
{
	return spawn(shard, wait_for_ever, 0);
}

static int begin_failing(struct duet_shard *shard)
{
	return spawn(shard, return_value, shard->index == 1	  ? -EPROTO
					  : shard->index == 3 ? -EDOM
							      : (int)shard->index);
}

START_TEST(a_cancel_ends_the_tasks_of_all)
{
	int32_t results[SHARDS];

	create(begin_waiting);
	duet_shards_cancel(shards);
	duet_shards_cancel(shards);
	ck_assert_int_eq(duet_shards_join(shards, results), -ECANCELED);
	for (unsigned i = 0; i < SHARDS; i++) {
		ck_assert_int_eq(results[i], -ECANCELED);
		ck_assert_int_eq(waits[i].op.cause, DUET_CAUSE_SCOPE);
		ck_assert_uint_eq(own[i].ends, 1);
	}
}
END_TEST

static void *cancel_often(void *argument)
{
	for (unsigned i = 0; i < 50; i++)
		duet_shards_cancel(argument);
	return NULL;
}

static void cancel_all(struct duet_shard *shard, struct duet_shard_message *message)
{
	(void)message;
	duet_shards_cancel(shard->shards);
}

START_TEST(a_cancel_may_come_from_anywhere_and_often)
{
	struct duet_shard_message message = { .fn = cancel_all };
	pthread_t threads[2];

	create(begin_waiting);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, cancel_often, shards), 0);
	duet_shard_post(duet_shards_at(shards, 2), &message);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(duet_shards_join(shards, NULL), -ECANCELED);
}
END_TEST

START_TEST(what_each_ended_with_is_told)
{
	int32_t results[SHARDS];

	create(begin_failing);
	ck_assert_int_eq(duet_shards_join(shards, results), -EPROTO);
	ck_assert_int_eq(results[0], 0);
	ck_assert_int_eq(results[1], -EPROTO);
	ck_assert_int_eq(results[2], 0);
	ck_assert_int_eq(results[3], -EDOM);
}
END_TEST

/* Nobody asked it to end, and it is in no scope. */
static int begin_outside(struct duet_shard *shard)
{
	struct wait *wait = &waits[shard->index];

	begin_plainly(shard);
	duet_op_init(&wait->op, NULL, NULL);
	duet_op_timeout(&wait->op, DUET_NO_DEADLINE);
	return duet_op_start(shard->loop, &wait->op);
}

START_TEST(what_runs_outside_of_the_scopes_is_shut_down)
{
	create(begin_outside);
	ck_assert_int_eq(duet_shards_join(shards, NULL), 0);
	for (unsigned i = 0; i < SHARDS; i++)
		ck_assert_int_eq(waits[i].op.cause, DUET_CAUSE_SHUTDOWN);
}
END_TEST

static enum duet_readiness park(struct duet_task *task)
{
	(void)task;
	return DUET_PENDING;
}

/* Parked, it waits for nothing that a shutdown ends. */
static int begin_parked(struct duet_shard *shard)
{
	static const struct duet_task_model model = { .name = "parked", .step = park };
	static struct duet_task tasks[SHARDS];

	begin_plainly(shard);
	duet_task_init(&tasks[shard->index], &model);
	return shard->index == 1 ? duet_task_spawn(&shard->scheduler, NULL, &tasks[1]) : 0;
}

START_TEST(a_task_that_is_left_outside_of_the_scopes_is_told)
{
	int32_t results[SHARDS];

	create(begin_parked);
	ck_assert_int_eq(duet_shards_join(shards, results), -EBUSY);
	for (unsigned i = 0; i < SHARDS; i++)
		ck_assert_int_eq(results[i], i == 1 ? -EBUSY : 0);
}
END_TEST

/* Told that it is shut down, it tells the next. */
static void tell_next(struct duet_op *op)
{
	struct duet_shard *shard = op->context;
	unsigned from = shard->index, to = (from + 1) % SHARDS;
	struct letter *letter = &letters[from][to][0];

	ck_assert_int_eq(op->cause, DUET_CAUSE_SHUTDOWN);
	*letter = (struct letter){ { .fn = hear }, from, 0 };
	duet_shard_post(duet_shards_at(shard->shards, to), &letter->message);
}

static int begin_to_tell(struct duet_shard *shard)
{
	struct wait *wait = &waits[shard->index];

	begin_plainly(shard);
	duet_op_init(&wait->op, tell_next, shard);
	duet_op_timeout(&wait->op, DUET_NO_DEADLINE);
	return duet_op_start(shard->loop, &wait->op);
}

START_TEST(what_is_sent_while_all_are_shut_down_comes_as_well)
{
	for (unsigned round = 0; round < 10; round++) {
		create(begin_to_tell);
		ck_assert_int_eq(duet_shards_join(shards, NULL), 0);
		for (unsigned i = 0; i < SHARDS; i++)
			ck_assert_uint_eq(own[i].heard[(i + SHARDS - 1) % SHARDS], 1);
	}
}
END_TEST

/* From a timer, whatever has ended meanwhile, and until it is shut down. */
static void tell_again(struct duet_op *op)
{
	struct duet_shard *shard = op->context;
	struct own *mine = shard->state;
	unsigned from = shard->index, to = (from + 1) % SHARDS;
	struct letter *letter;

	if (op->cause != DUET_CAUSE_ITSELF || mine->told == LETTERS)
		return;
	letter = &letters[from][to][mine->told];
	*letter = (struct letter){ { .fn = hear }, from, mine->told++ };
	duet_shard_post(duet_shards_at(shard->shards, to), &letter->message);
	duet_op_timeout(op, duet_loop_now_ns(shard->loop) + 20000 * (from + 1));
	duet_op_start(shard->loop, op);
}

static int begin_to_tell_again(struct duet_shard *shard)
{
	struct wait *wait = &waits[shard->index];

	begin_plainly(shard);
	duet_op_init(&wait->op, tell_again, shard);
	duet_op_timeout(&wait->op, 0);
	return duet_op_start(shard->loop, &wait->op);
}

START_TEST(what_is_sent_from_outside_of_the_scopes_while_they_end_is_not_lost)
{
	for (unsigned round = 0; round < 10; round++) {
		create(begin_to_tell_again);
		ck_assert_int_eq(duet_shards_join(shards, NULL), 0);
		for (unsigned i = 0; i < SHARDS; i++)
			ck_assert_uint_eq(own[(i + 1) % SHARDS].heard[i], own[i].told);
	}
}
END_TEST

/* ---- Beginnings. ---- */

static int begin_or_not(struct duet_shard *shard)
{
	begin_waiting(shard);
	return shard->index == 2 ? -ENOTUNIQ : shard->index == 3 ? -EDOM : 0;
}

START_TEST(a_shard_that_cannot_begin_ends_all)
{
	ck_assert_int_eq(create_with(begin_or_not, SHARDS, 0), -ENOTUNIQ);
	ck_assert_ptr_null(shards);
	for (unsigned i = 0; i < SHARDS; i++) {
		ck_assert_uint_eq(own[i].begins, 1);
		ck_assert_uint_eq(own[i].ends, 1);
		ck_assert_int_eq(waits[i].op.result, -ECANCELED);
	}
}
END_TEST

START_TEST(a_loop_that_is_refused_leaves_nothing)
{
	const struct duet_backend *backend = stage.arm->backend();
	struct duet_shards_options options;
	struct duet_loop_options loop;

	duet_loop_options_init(&loop);
	loop.operations_max = 0;
	duet_shards_options_init(&options);
	options.backends = &backend;
	options.backend_count = 1;
	options.count = SHARDS;
	options.loop = &loop;
	ck_assert_int_eq(duet_shards_create(&shards, &options), -EINVAL);
	ck_assert_ptr_null(shards);
	options.backend_count = 0;
	ck_assert_int_eq(duet_shards_create(&shards, &options), -EINVAL);
	options.backend_count = 1;
	options.count = 1025;
	ck_assert_int_eq(duet_shards_create(&shards, &options), -EINVAL);
	options.count = 1;
	options.size--;
	ck_assert_int_eq(duet_shards_create(&shards, &options), -EINVAL);
}
END_TEST

static int begin_pinned(struct duet_shard *shard)
{
	cpu_set_t set;

	begin_plainly(shard);
	ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	ck_assert_int_eq(CPU_COUNT(&set), 1);
	while (!CPU_ISSET(own[shard->index].processor, &set))
		own[shard->index].processor++;
	return 0;
}

START_TEST(pinned_each_has_one_processor_and_by_default_there_is_one_for_each)
{
	cpu_set_t set;
	uint32_t count;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	count = (uint32_t)CPU_COUNT(&set);
	ck_assert_int_eq(create_with(begin_pinned, SHARDS, 1), 0);
	ck_assert_int_eq(duet_shards_join(shards, NULL), 0);
	for (unsigned i = 0; i < SHARDS; i++) {
		ck_assert(CPU_ISSET(own[i].processor, &set));
		for (unsigned j = 0; j < i; j++)
			ck_assert((own[i].processor == own[j].processor) == ((i - j) % count == 0));
	}
	if (count > SHARDS)
		return;
	ck_assert_int_eq(create_with(begin_plainly, 0, 0), 0);
	ck_assert_uint_eq(duet_shards_count(shards), count);
	ck_assert_int_eq(duet_shards_join(shards, NULL), 0);
}
END_TEST

int main(void)
{
	return contract_run("shards",
		CASES(each_begins_and_ends_once_on_a_thread_of_its_own,
			messages_between_all_come_in_order_and_none_is_lost_by_a_join,
			a_message_that_goes_round_keeps_all_until_it_rests,
			a_cancel_ends_the_tasks_of_all, a_cancel_may_come_from_anywhere_and_often,
			what_each_ended_with_is_told, what_runs_outside_of_the_scopes_is_shut_down,
			a_task_that_is_left_outside_of_the_scopes_is_told,
			what_is_sent_while_all_are_shut_down_comes_as_well,
			what_is_sent_from_outside_of_the_scopes_while_they_end_is_not_lost,
			a_shard_that_cannot_begin_ends_all, a_loop_that_is_refused_leaves_nothing,
			pinned_each_has_one_processor_and_by_default_there_is_one_for_each),
		NULL);
}
