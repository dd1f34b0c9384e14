/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/completion.h>
#include <duet/polling.h>
#include <grp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/harness.h"
#include "tests/support/refuse.h"

/* The ring is refused, in this process only (each case has one of its own): what a caller gets. */

static int create_auto(struct duet_loop **loop, struct duet_probe *why)
{
	const struct duet_backend *const backends[] = { duet_completion(), duet_polling() };

	return duet_loop_create_first(loop, backends, 2, NULL, why);
}

/* A nop and a connection: the loop is whole. */
static void use(struct duet_loop *loop)
{
	static const struct arm fallback = { "fallback", duet_polling, NULL, true, false };
	duet_handle pair[2];
	char data[5];

	memset(&stage, 0, sizeof(stage));
	stage.arm = &fallback;
	stage.loop = loop;
	pair_open(pair);
	stream_send(pair[0], "hello", 5);
	stream_recv(pair[1], data, 5);
	ck_assert_mem_eq(data, "hello", 5);
}

START_TEST(a_list_falls_to_the_reactor_and_says_why)
{
	static const int errors[] = { EPERM, ENOSYS };
	int error = errors[_i];
	unsigned before = descriptors_open();
	struct duet_loop *loop;
	struct duet_probe why;

	refuse_rings(error);
	ck_assert_int_eq(create_auto(&loop, &why), 0);
	ck_assert_str_eq(duet_backend_name(duet_loop_backend(loop)), "polling");
	ck_assert_int_eq(why.error, -error);
	ck_assert_ptr_nonnull(strstr(why.reason, "seccomp"));
	use(loop);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
	ck_assert_uint_eq(descriptors_open(), before);
}
END_TEST

START_TEST(a_ring_asked_for_alone_is_refused_and_leaves_nothing)
{
	unsigned before = descriptors_open();
	struct duet_loop *loop;
	struct duet_probe probe;

	refuse_rings(EPERM);
	ck_assert_int_eq(duet_loop_create(&loop, duet_completion(), NULL), -EPERM);
	ck_assert_ptr_null(loop);
	ck_assert_int_eq(duet_backend_probe(duet_completion(), NULL, &probe), -EPERM);
	ck_assert_str_ne(probe.reason, "");
	ck_assert_uint_eq(descriptors_open(), before);
}
END_TEST

START_TEST(the_sysctl_is_named_where_it_forbids)
{
	static const char *const folders[] = { "", "/sys", "/sys/kernel" };
	char root[] = "/tmp/duet-proc-XXXXXX";
	struct duet_probe probe;
	char path[80];
	FILE *file;

	ck_assert_ptr_nonnull(mkdtemp(root));
	for (unsigned i = 1; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", root, folders[i]);
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
	snprintf(path, sizeof(path), "%s/sys/kernel/io_uring_disabled", root);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs("2\n", file);
	fclose(file);
	setenv("DUET_PROC_ROOT", root, 1);
	refuse_rings(EPERM);
	ck_assert_int_eq(duet_backend_probe(duet_completion(), NULL, &probe), -EPERM);
	remove(path);
	for (unsigned i = 3; i-- > 0;) {
		snprintf(path, sizeof(path), "%s%s", root, folders[i]);
		rmdir(path);
	}
	ck_assert_ptr_nonnull(strstr(probe.reason, "kernel.io_uring_disabled is 2"));
}
END_TEST

/* A lowered limit counts only for the unprivileged; newer kernels charge rings elsewhere. */
START_TEST(without_privileges_and_locked_memory_a_loop_works_or_says_what_to_raise)
{
	struct rlimit limit = { 0, 0 };
	struct duet_loop *loop;
	struct duet_probe probe;
	int error;

	if (getuid() == 0) {
		ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
		ck_assert_int_eq(setgroups(0, NULL), 0);
		ck_assert_int_eq(setgid(65534), 0);
		ck_assert_int_eq(setuid(65534), 0);
	}
	error = duet_loop_create(&loop, duet_completion(), NULL);
	if (error) {
		ck_assert_int_eq(duet_backend_probe(duet_completion(), NULL, &probe), error);
		ck_assert_str_ne(probe.reason, "");
		if (error == -ENOMEM)
			ck_assert_ptr_nonnull(strstr(probe.reason, "ulimit -l"));
	} else {
		use(loop);
	}
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
	ck_assert_int_eq(duet_loop_create(&loop, duet_polling(), NULL), 0);
	use(loop);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("refused_ring");
	TCase *tcase = tcase_create("refused_ring");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, a_list_falls_to_the_reactor_and_says_why, 0, 2);
	tcase_add_test(tcase, a_ring_asked_for_alone_is_refused_and_leaves_nothing);
	tcase_add_test(tcase, the_sysctl_is_named_where_it_forbids);
	tcase_add_test(tcase,
		without_privileges_and_locked_memory_a_loop_works_or_says_what_to_raise);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
