/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What the load generator concludes about itself, and how it waits. */
#include <check.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare/load/load.h"
#include "compare/load/pace.h"

struct rate_case {
	uint32_t rate_per_s;
	uint64_t due, answered, held;
	bool kept;
};

static const struct rate_case RATES[] = {
	{ 1000, 1000, 1000, 0, true },  { 1000, 1000, 980, 0, true },
	{ 1000, 1000, 979, 0, false },  { 1000, 1000, 1030, 0, true }, /* of the warm-up */
	{ 1000, 1000, 1000, 1, false }, { 1000, 10000, 9800, 0, true },
	{ 1000, 10000, 9799, 0, false },
	/* shorter than a second: 20 ms of messages may be missing, not more */
	{ 1000, 500, 480, 0, true },    { 1000, 500, 479, 0, false },
	{ 1000, 200, 180, 0, true },    { 1000, 200, 179, 0, false },
	/* nor more than a tenth: this short, two thirds of the rate would be a hiccup */
	{ 1000, 50, 45, 0, true },      { 1000, 50, 44, 0, false },
	{ 1000, 20, 0, 0, false },
	/* so few that one is more than 2 % */
	{ 10, 5, 4, 0, true },          { 10, 5, 3, 0, false },
	{ 1, 0, 0, 0, true },
};

START_TEST(a_rate_is_kept_if_98_of_100_are_answered)
{
	const struct rate_case *given = &RATES[_i];
	struct load_result *result = calloc(1, sizeof(*result));

	result->run.schedule.rate_per_s = given->rate_per_s;
	result->run.answered = given->answered;
	result->run.held = given->held;
	result->due = given->due;
	ck_assert_msg(load_rate_kept(result) == given->kept, "%llu of %llu",
		      (unsigned long long)given->answered, (unsigned long long)given->due);
	free(result);
}
END_TEST

START_TEST(a_closed_loop_is_limited_by_a_busy_generator)
{
	struct load_result *result = calloc(1, sizeof(*result));

	result->window.opened.at_ns = result->window.opened.own_cpu_ns = 5000;
	result->window.closed.at_ns = 5000 + 1000000;
	result->window.closed.own_cpu_ns = 5000 + 949999;
	ck_assert(!load_limited(result));
	result->window.closed.own_cpu_ns = 5000 + 950000;
	ck_assert(load_limited(result));
	free(result);
}
END_TEST

struct late_case {
	uint64_t late_ns, latency_ns;
	bool limited;
};

static const struct late_case LATE[] = {
	{ 1000, 40000, false },      { 30000, 70000, false }, /* a wake-up, and no more */
	{ 4000000, 4100000, true },  { 4000000, 100000000, false }, /* beside a stall */
	{ 200000, 790000, true },    { 200000, 820000, false },
};

/* Busy it is, for it spins: that says nothing in an open loop. */
START_TEST(an_open_loop_is_limited_by_a_late_generator)
{
	struct load_result *result = calloc(1, sizeof(*result));

	result->run.schedule.rate_per_s = 1000;
	result->window.closed.at_ns = result->window.closed.own_cpu_ns = 1000000;
	for (int i = 0; i < 1000; i++) {
		histogram_record(&result->run.late, i < 900 ? 200 : LATE[_i].late_ns);
		histogram_record(&result->run.latency, i < 900 ? 40000 : LATE[_i].latency_ns);
	}
	ck_assert(load_limited(result) == LATE[_i].limited);
	free(result);
}
END_TEST

START_TEST(a_processor_that_the_subject_shares_is_not_spun_on)
{
	struct pace pace = { .spin_ns = 1 };

	pace_prepare(&pace, getpid());
	ck_assert_uint_eq(pace.spin_ns, 0);
}
END_TEST

static void bind_to(pid_t pid, int cpu)
{
	cpu_set_t processors;

	CPU_ZERO(&processors);
	CPU_SET((size_t)cpu, &processors);
	ck_assert_int_eq(sched_setaffinity(pid, sizeof(processors), &processors), 0);
}

/* The first and the last processor that we may use: the same where there is one. */
static void find_processors(int *first, int *last)
{
	cpu_set_t processors;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(processors), &processors), 0);
	*first = *last = -1;
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET((size_t)i, &processors))
			continue;
		*last = i;
		*first = *first < 0 ? i : *first;
	}
}

START_TEST(a_processor_of_its_own_is_spun_on)
{
	struct pace pace = { .spin_ns = 1 };
	pid_t subject = fork();
	int first, last;

	if (!subject) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	find_processors(&first, &last);
	bind_to(0, first);
	bind_to(subject, last);
	pace_prepare(&pace, subject);
	ck_assert(pace.spin_ns == 0 || first != last);
	ck_assert(pace.spin_ns > 0 || first == last);
	bind_to(subject, first);
	pace_prepare(&pace, subject);
	ck_assert_uint_eq(pace.spin_ns, 0);
	ck_assert_int_eq(prctl(PR_GET_TIMERSLACK), 1);
	kill(subject, SIGKILL);
	waitpid(subject, NULL, 0);
}
END_TEST

/* Of so many at least one meets nobody who makes it late. */
START_TEST(a_wait_ends_when_its_time_has_come)
{
	struct pace pace = { .spin_ns = 0 };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	uint64_t best_ns = UINT64_MAX;

	for (int i = 0; i < 50 && best_ns > 2000000; i++) {
		uint64_t until_ns = window_now_ns() + 2000000, late_ns;
		struct epoll_event event;

		ck_assert_int_eq(pace_wait(&pace, epoll, &event, 1, until_ns), 0);
		late_ns = window_now_ns() - until_ns;
		best_ns = late_ns < best_ns ? late_ns : best_ns;
	}
	ck_assert_uint_le(best_ns, 2000000);
	close(epoll);
}
END_TEST

/* Asleep to the end, or asked again and again in the last stretch: never over before it is time. */
START_TEST(a_wait_lasts_until_its_time)
{
	struct pace pace = { .spin_ns = _i ? 50000 : 0 };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	uint64_t until_ns = window_now_ns() + 20000000;
	struct epoll_event event;

	ck_assert_int_eq(pace_wait(&pace, epoll, &event, 1, until_ns), 0);
	ck_assert_uint_ge(window_now_ns(), until_ns - pace.spin_ns);
	ck_assert_int_eq(pace_wait(&pace, epoll, &event, 1, until_ns), 0);
	ck_assert_int_eq(pace_wait(&pace, epoll, &event, 1, 0), 0); /* long past */
	ck_assert_int_lt(pace_wait(&pace, -1, &event, 1, 0), 0);
	close(epoll);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare load");
	TCase *cases = tcase_create("load");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(cases, a_rate_is_kept_if_98_of_100_are_answered, 0,
			    sizeof(RATES) / sizeof(*RATES));
	tcase_add_test(cases, a_closed_loop_is_limited_by_a_busy_generator);
	tcase_add_loop_test(cases, an_open_loop_is_limited_by_a_late_generator, 0,
			    sizeof(LATE) / sizeof(*LATE));
	tcase_add_test(cases, a_processor_that_the_subject_shares_is_not_spun_on);
	tcase_add_test(cases, a_processor_of_its_own_is_spun_on);
	tcase_add_test(cases, a_wait_ends_when_its_time_has_come);
	tcase_add_loop_test(cases, a_wait_lasts_until_its_time, 0, 2);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
