/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/resource.h>

#include "tests/unit/polling_loop.h"

/* What can be had, and how a refusal is put. */

START_TEST(the_probe_says_what_a_loop_would_use)
{
	struct duet_probe probe;

	ck_assert_int_eq(duet_backend_probe(duet_polling(), NULL, &probe), 0);
	ck_assert_str_eq(probe.reason, "");
	ck_assert_ptr_nonnull(strstr(probe.shape, "attempt first"));
	ck_assert_int_eq(probe.capability[DUET_RECV], DUET_NATIVE);
	ck_assert_int_eq(probe.capability[DUET_READ], DUET_EMULATED);
	ck_assert_int_eq(duet_backend_probe(duet_polling(), "eager=yes", &probe), 0);
	ck_assert_ptr_nonnull(strstr(probe.shape, "as soon as ready"));
}
END_TEST

START_TEST(a_tuning_that_is_not_understood_is_refused_with_what_is)
{
	static const char *const wrong[] = { "events=0", "events=4097", "events=many", "eager=1",
		"entries=64", "events", "events=5x" };
	struct duet_loop_options options;
	struct duet_probe probe;
	struct duet_loop *loop;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_int_eq(duet_backend_probe(duet_polling(), wrong[i], &probe), -EINVAL);
		ck_assert_ptr_nonnull(strstr(probe.reason, wrong[i]));
		ck_assert_ptr_nonnull(strstr(probe.reason, "events=1 to events=4096"));
		duet_loop_options_init(&options);
		options.tuning = wrong[i];
		ck_assert_int_eq(duet_loop_create(&loop, duet_polling(), &options), -EINVAL);
		ck_assert_ptr_null(loop);
	}
}
END_TEST

/* Each descriptor in turn is one too many. */
START_TEST(without_descriptors_nothing_is_left_behind)
{
	unsigned before = descriptors_open();
	int lowest = dup(STDERR_FILENO);
	struct rlimit limit;
	struct duet_probe probe;
	struct duet_loop *loop;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	close(lowest);
	for (int spare = 0; spare < 2; spare++) {
		limit.rlim_cur = (rlim_t)(lowest + spare);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		ck_assert_int_eq(duet_backend_probe(duet_polling(), NULL, &probe), -EMFILE);
		ck_assert_ptr_nonnull(strstr(probe.reason, spare ? "eventfd" : "epoll_create1"));
		ck_assert_ptr_nonnull(strstr(probe.reason, "EMFILE"));
		ck_assert_int_eq(duet_loop_create(&loop, duet_polling(), NULL), -EMFILE);
	}
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(descriptors_open(), before);
}
END_TEST

START_TEST(without_workers_what_needs_them_is_absent)
{
	struct duet_loop *loop = polling_loop(NULL, DUET_TRY_PREDICT, 16);
	struct duet_op op;

	ck_assert_int_eq(duet_loop_capability(loop, DUET_READ), DUET_ABSENT);
	ck_assert_int_eq(duet_loop_capability(loop, DUET_CLOSE), DUET_NATIVE);
	duet_op_init(&op, NULL, NULL);
	duet_op_open(&op, AT_FDCWD, "/dev/null", O_RDONLY, 0);
	ck_assert_int_eq(duet_op_start(loop, &op), -EOPNOTSUPP);
	loop_end(loop);
}
END_TEST

static uint64_t reads_by(const char *tuning, enum duet_way way)
{
	struct duet_loop_options options;
	struct duet_loop *loop;
	struct duet_op op;
	duet_handle file;
	uint64_t count;
	char data[8];
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);

	duet_loop_options_init(&options);
	options.tuning = tuning;
	options.worker_threads = 1;
	ck_assert_int_eq(duet_loop_create(&loop, duet_polling(), &options), 0);
	ck_assert_int_eq(write(fd, "in cache", 8), 8);
	ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &file), 0);
	duet_op_init(&op, NULL, NULL);
	duet_op_read(&op, file, data, 8, 0);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	while (duet_op_pending(&op))
		ck_assert_int_ge(duet_loop_turn(loop, 1000000), 0);
	ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
	ck_assert_int_eq(op.result, 8);
	count = duet_loop_way_count(loop, DUET_READ, way);
	loop_end(loop);
	return count;
}

START_TEST(what_is_done_without_goes_the_next_way_down)
{
	struct duet_probe probe;

	ck_assert_uint_eq(reads_by("without=epoll-pwait2+read-nowait", DUET_WAY_WORKER), 1);
	ck_assert_uint_eq(reads_by(NULL, DUET_WAY_INLINE), 1);
	setenv("DUET_POLLING_WITHOUT", "read-nowait", 1);
	ck_assert_uint_eq(reads_by(NULL, DUET_WAY_WORKER), 1);
	ck_assert_int_eq(duet_backend_probe(duet_polling(), NULL, &probe), 0);
	ck_assert_ptr_nonnull(strstr(probe.why[DUET_READ], "worker thread"));
	ck_assert_str_eq(probe.why[DUET_RECV], "");
	setenv("DUET_POLLING_WITHOUT", "recv", 1);
	ck_assert_int_eq(duet_backend_probe(duet_polling(), NULL, &probe), -EINVAL);
	unsetenv("DUET_POLLING_WITHOUT");
}
END_TEST

int main(void)
{
	return plain_run("polling_probe",
		CASES(the_probe_says_what_a_loop_would_use,
			a_tuning_that_is_not_understood_is_refused_with_what_is,
			without_descriptors_nothing_is_left_behind,
			without_workers_what_needs_them_is_absent,
			what_is_done_without_goes_the_next_way_down));
}
