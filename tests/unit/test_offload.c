/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <semaphore.h>

#include "tests/support/harness.h"
#include "tests/support/scripted.h"

/* Worker threads: core/offload.c under a backend that gives them everything. */

static sem_t begun;
static sem_t may_go;
static pthread_t loop_thread;
static struct duet_backend backend;
static struct duet_loop *loop;
static struct trial trials[8];
static const struct arm offload_arm = { "offload", scripted, NULL, false, false };

/* Waits on the worker until the case lets it go. */
static int work(struct duet_op *op)
{
	(void)op;
	sem_post(&begun);
	sem_wait(&may_go);
	return pthread_equal(pthread_self(), loop_thread) ? -EDEADLK : 7;
}

static int give_to_worker(struct duet_loop *which, struct duet_op *op)
{
	duet_core_offload(which, op, work);
	return BACKEND_ISSUED;
}

static int take_back(struct duet_loop *which, struct duet_op *op)
{
	return duet_core_offload_cancel(which, op, false);
}

static void open_loop(uint32_t threads)
{
	struct duet_loop_options options;

	script = (struct script){ .now_ns = 1, .room = UINT32_MAX };
	sem_init(&begun, 0, 0);
	sem_init(&may_go, 0, 0);
	loop_thread = pthread_self();
	backend = *scripted();
	backend.workers = true;
	backend.start = give_to_worker;
	backend.cancel = take_back;
	duet_loop_options_init(&options);
	options.worker_threads = threads;
	options.work_threads = threads;
	ck_assert_int_eq(duet_loop_create(&loop, &backend, &options), 0);
	memset(&stage, 0, sizeof(stage));
	stage.arm = &offload_arm;
	stage.loop = loop;
}

static void read_start(unsigned i)
{
	static char data[8];

	trial_init(&trials[i]);
	duet_op_read(&trials[i].op, script_handle(loop), &data[i], 1, 0);
	trial_start(&trials[i]);
}

START_TEST(work_is_done_on_a_worker_and_told_on_the_loop_s_thread)
{
	open_loop(1);
	read_start(0);
	sem_wait(&begun);
	stage_settle(3);
	ck_assert_uint_eq(trials[0].ends, 0);
	sem_post(&may_go);
	await(&trials[0]);
	ck_assert_int_eq(trials[0].op.result, 7);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(what_no_worker_has_begun_is_taken_back_and_the_rest_runs_to_its_end)
{
	open_loop(1);
	for (unsigned i = 0; i < 3; i++)
		read_start(i);
	sem_wait(&begun);
	trial_cancel(&trials[0]);
	trial_cancel(&trials[2]);
	stage_settle(2);
	expect(&trials[2], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_uint_eq(trials[0].ends + trials[1].ends, 0);
	sem_post(&may_go);
	sem_post(&may_go);
	turn_until(trials[0].ends && trials[1].ends);
	ck_assert_int_eq(trials[0].op.result, 7);
	ck_assert_int_eq(trials[1].op.result, 7);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

enum { LINE = 12 };

static struct trial line[LINE + 1];

static int work_here(void *context)
{
	(void)context;
	return 0;
}

/* What has no room to know who stands before it, and what has. */
static void line_start(unsigned i, bool reads)
{
	static char bytes[LINE + 1];

	trial_init(&line[i]);
	if (reads)
		duet_op_read(&line[i].op, script_handle(loop), &bytes[i], 1, 0);
	else
		duet_op_work(&line[i].op, work_here, NULL);
	trial_start(&line[i]);
}

/* leaves, reads: a bit for each. One more comes when they have gone, to the end of the line. */
static void play_line(unsigned leaves, unsigned reads, bool from_the_end)
{
	unsigned rank = 0;

	read_start(0);
	read_start(1);
	sem_wait(&begun);
	for (unsigned i = 0; i < LINE; i++)
		line_start(i, reads >> i & 1);
	/* The second has left the line by its front. */
	sem_post(&may_go);
	sem_wait(&begun);
	for (unsigned n = 0; n < LINE; n++) {
		unsigned i = from_the_end ? LINE - 1 - n : n;

		if (leaves >> i & 1)
			trial_cancel(&line[i]);
	}
	line_start(LINE, leaves & 1);
	for (unsigned i = 0; i <= LINE + 1; i++)
		sem_post(&may_go);
	await(&trials[0]);
	await(&trials[1]);
	for (unsigned i = 0; i <= LINE; i++) {
		await(&line[i]);
		if (i < LINE && leaves >> i & 1) {
			expect(&line[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
			continue;
		}
		ck_assert_uint_eq(line[i].op.disposition, DUET_COMPLETED);
		ck_assert_uint_gt(line[i].rank, rank);
		rank = line[i].rank;
	}
	ck_assert_int_eq(duet_loop_shutdown(loop, DUET_NO_DEADLINE), 0);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}

START_TEST(whoever_leaves_the_line_the_others_keep_their_places)
{
	unsigned random = 1;

	for (unsigned i = 0; i < 64; i++) {
		random = random * 1664525u + 1013904223u;
		open_loop(1);
		play_line(i ? random >> 8 & 0xfff : 0xfff, random >> 20 & 0xfff, i % 2);
	}
}
END_TEST

START_TEST(as_many_run_at_once_as_there_are_threads)
{
	struct duet_stats stats;
	int waiting;

	open_loop(4);
	for (unsigned i = 0; i < 8; i++)
		read_start(i);
	for (unsigned i = 0; i < 4; i++)
		sem_wait(&begun);
	sem_getvalue(&begun, &waiting);
	ck_assert_int_eq(waiting, 0);
	for (unsigned i = 0; i < 8; i++)
		sem_post(&may_go);
	turn_until(stage.ends == 8);
	duet_loop_stats(loop, &stats);
	ck_assert_uint_eq(stats.worker, 8);
	ck_assert_uint_eq(stats.wakes, 0);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(without_threads_there_is_no_offload)
{
	open_loop(0);
	ck_assert_ptr_null(loop->offload);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

int main(void)
{
	return plain_run("offload",
		CASES(work_is_done_on_a_worker_and_told_on_the_loop_s_thread,
			what_no_worker_has_begun_is_taken_back_and_the_rest_runs_to_its_end,
			whoever_leaves_the_line_the_others_keep_their_places,
			as_many_run_at_once_as_there_are_threads,
			without_threads_there_is_no_offload));
}
