/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <duet/duet.h>
#include <duet/reference.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "reference/script.h"
#include "reference/twins/generate.h"
#include "reference/twins/play.h"

static struct duet_loop *make_loop(const char *tuning)
{
	struct duet_loop_options options;
	struct duet_loop *loop;

	duet_loop_options_init(&options);
	options.handles_max = 64;
	options.tuning = tuning;
	ck_assert_int_eq(duet_loop_create(&loop, duet_reference(), &options), 0);
	return loop;
}

static int run(struct duet_loop *loop, struct duet_op *op)
{
	ck_assert_int_eq(duet_op_start(loop, op), 0);
	for (int i = 0; i < 1000 && duet_op_pending(op); i++)
		duet_loop_turn(loop, 0);
	ck_assert(!duet_op_pending(op));
	return op->result;
}

static void ignore(struct duet_op *op)
{
	(void)op;
}

/* A connected unix pair. */
static void make_pair(struct duet_loop *loop, duet_handle pair[2])
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "pair" };
	struct sockaddr *place = (struct sockaddr *)&address;
	duet_handle listener;
	struct duet_op accept, op;

	duet_op_init(&op, ignore, NULL);
	duet_op_init(&accept, ignore, NULL);
	ck_assert_int_eq(duet_handle_listen(loop, place, sizeof(address), 4, &listener), 0);
	duet_op_socket(&op, AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(run(loop, &op), 0);
	pair[0] = op.made;
	duet_op_accept(&accept, listener, 0);
	ck_assert_int_eq(duet_op_start(loop, &accept), 0);
	duet_op_connect(&op, pair[0], place, sizeof(address));
	ck_assert_int_eq(run(loop, &op), 0);
	for (int i = 0; i < 1000 && duet_op_pending(&accept); i++)
		duet_loop_turn(loop, 0);
	pair[1] = accept.made;
	duet_op_close(&op, listener);
	ck_assert_int_eq(run(loop, &op), 0);
}

START_TEST(an_hour_passes_at_once)
{
	struct duet_loop *loop = make_loop(NULL);
	uint64_t due_ns = duet_loop_now_ns(loop) + 3600ull * 1000000000;
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_timeout(&op, due_ns);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	ck_assert_int_eq(duet_loop_run(loop), 0);
	ck_assert_int_eq(op.result, 0);
	ck_assert_uint_ge(duet_loop_now_ns(loop), due_ns);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(a_real_descriptor_is_refused)
{
	struct duet_loop *loop = make_loop(NULL);
	duet_handle handle;
	int pipes[2];

	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(duet_handle_adopt(loop, pipes[0], 0, &handle), -EOPNOTSUPP);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
	close(pipes[0]);
	close(pipes[1]);
}
END_TEST

static const char *const wrong[] = { "speed=1", "late=1001", "short=-1", "seed=x", "fault=",
	"fault-recv=0:EIO", "fault-recv=1", "fault-recv=1:EWHATEVER", "fault-timeout=1:EIO" };

START_TEST(a_wrong_tuning_is_refused_in_words)
{
	struct duet_probe probe;

	ck_assert_int_eq(duet_backend_probe(duet_reference(), wrong[_i], &probe), -EINVAL);
	ck_assert_ptr_nonnull(strstr(probe.reason, wrong[_i]));
}
END_TEST

static void *wake_later(void *loop)
{
	usleep(20000);
	duet_loop_wake(loop);
	return NULL;
}

START_TEST(with_nothing_to_do_it_sleeps_until_it_is_woken)
{
	struct duet_loop *loop = make_loop(NULL);
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, wake_later, loop), 0);
	ck_assert_int_eq(duet_loop_turn(loop, -1), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(carried_by_a_foreign_loop_its_timers_fire)
{
	struct duet_loop *loop = make_loop(NULL);
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_timeout(&op, duet_loop_now_ns(loop) + 5000000);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	for (int i = 0; i < 10 && duet_op_pending(&op); i++) {
		ck_assert_int_ge(duet_loop_prepare(loop), 0);
		ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
	}
	ck_assert(!duet_op_pending(&op));
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

/* A receive is cancelled when its bytes are there already: both outcomes, nothing lost. */
START_TEST(a_cancel_meets_bytes_in_every_way)
{
	unsigned kept = 0, left = 0, again = 0;

	for (unsigned seed = 1; seed <= 400; seed++) {
		struct duet_op recv, send;
		struct duet_stats stats;
		duet_handle pair[2];
		char tuning[32], data[4];
		struct duet_loop *loop;

		snprintf(tuning, sizeof(tuning), "seed=%u,short=0", seed);
		loop = make_loop(tuning);
		make_pair(loop, pair);
		duet_op_init(&recv, ignore, NULL);
		duet_op_init(&send, ignore, NULL);
		duet_op_send(&send, pair[0], "abcd", 4, 0);
		ck_assert_int_eq(run(loop, &send), 4);
		duet_op_recv(&recv, pair[1], data, 4, 0);
		ck_assert_int_eq(duet_op_start(loop, &recv), 0);
		duet_op_cancel(&recv);
		for (int i = 0; i < 5000 && duet_op_pending(&recv); i++)
			duet_loop_turn(loop, 0);
		ck_assert(recv.result == 4 || recv.result == -ECANCELED);
		ck_assert_int_eq(recv.disposition,
			recv.result == 4 ? DUET_COMPLETED : DUET_UNTOUCHED);
		kept += recv.result == 4;
		if (recv.result < 0) {
			left++;
			duet_op_recv(&recv, pair[1], data, 4, 0);
			ck_assert_int_eq(run(loop, &recv), 4);
		}
		ck_assert_mem_eq(data, "abcd", 4);
		duet_loop_stats(loop, &stats);
		again += stats.cancels_again > 0;
		ck_assert_int_eq(duet_loop_destroy(loop), 0);
	}
	ck_assert_uint_gt(kept, 50);
	ck_assert_uint_gt(left, 50);
	ck_assert_uint_gt(again, 0);
}
END_TEST

START_TEST(closed_handles_leave_no_descriptor)
{
	struct duet_loop *loop = make_loop(NULL);
	duet_handle pair[2];
	struct duet_op op;

	make_pair(loop, pair);
	ck_assert_uint_eq(duet_reference_descriptors(loop), 2);
	duet_op_init(&op, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		duet_op_close(&op, pair[i]);
		ck_assert_int_eq(run(loop, &op), 0);
	}
	ck_assert_uint_eq(duet_reference_descriptors(loop), 0);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(a_script_plays_the_same_each_time)
{
	for (uint64_t seed = 1; seed <= 50; seed++) {
		static struct script script;
		static struct trace first, second;
		char why[200];

		generate(&script, seed);
		ck_assert_int_eq(play(&script, arm_find("reference"), NULL, &first, why, 200), 0);
		ck_assert_int_eq(play(&script, arm_find("reference"), NULL, &second, why, 200), 0);
		ck_assert_uint_eq(first.count, second.count);
		ck_assert_mem_eq(first.events, second.events, first.count * sizeof(struct event));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reference world");
	TCase *cases = tcase_create("backend");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, cases);
	tcase_add_test(cases, an_hour_passes_at_once);
	tcase_add_test(cases, a_real_descriptor_is_refused);
	tcase_add_loop_test(cases, a_wrong_tuning_is_refused_in_words, 0,
		sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(cases, with_nothing_to_do_it_sleeps_until_it_is_woken);
	tcase_add_test(cases, carried_by_a_foreign_loop_its_timers_fire);
	tcase_add_test(cases, a_cancel_meets_bytes_in_every_way);
	tcase_add_test(cases, closed_handles_leave_no_descriptor);
	tcase_add_test(cases, a_script_plays_the_same_each_time);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
