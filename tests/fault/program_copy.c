/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* `duet serve copy` where it can't simply copy: what is no file, the same file, a full disk, a file
 * that changes, a signal, clients that vanish or take nothing. */
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tests/fault/served.h"

enum { LARGE = 3000001, PATTERN = 251 };

static char folder[128];
static char *got;

static const char *in(const char *name)
{
	static char paths[4][192];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void make_file(const char *name, size_t bytes)
{
	FILE *file = fopen(in(name), "w");

	ck_assert_ptr_nonnull(file);
	for (size_t i = 0; i < bytes; i++)
		fputc((int)(i % PATTERN), file);
	ck_assert_int_eq(fclose(file), 0);
}

static bool has_pattern(const char *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if ((unsigned char)data[i] != i % PATTERN)
			return false;
	return true;
}

/* The length of a file that has nothing but the pattern, from the first byte on; -1: there is none. */
static long checked_length(const char *name)
{
	FILE *file = fopen(in(name), "r");
	size_t bytes;

	if (!file)
		return -1;
	bytes = fread(got, 1, LARGE + 1, file);
	fclose(file);
	ck_assert_msg(has_pattern(got, bytes), "%s has other bytes", name);
	return (long)bytes;
}

static void set_up(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/duet-copy-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	got = malloc(LARGE + 2);
	make_file("from", LARGE);
}

static void tear_down(void)
{
	static const char *const NAMES[] = { "from", "to", "other", "link", "pipe", "deep/to", "deep" };

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++)
		remove(in(NAMES[i]));
	ck_assert_int_eq(rmdir(folder), 0);
	free(got);
}

/* Copies in(from) into in(to). */
static void copy(struct program *program, program_before_fn *before, const char *options,
		 const char *from, const char *to)
{
	program_begin(program, before, "serve copy %s --from %s --to %s", options, in(from), in(to));
	program_end(program);
}

START_TEST(a_copy_is_the_same_and_says_what_it_did)
{
	struct program *program = calloc(1, sizeof(*program));
	struct stat is;

	ck_assert_int_eq(chmod(in("from"), 0640), 0);
	make_file("to", 10);
	ck_assert_int_eq(link(in("to"), in("other")), 0);
	copy(program, NULL, SERVERS[_i], "from", "to");
	ck_assert_msg(program->code == 0, "%d: %s", program->code, program->complained);
	ck_assert_int_eq(served_counted(program, "bytes"), LARGE);
	ck_assert_int_eq(served_counted(program, "writes"), LARGE / 65536 + 1);
	ck_assert_int_eq(checked_length("to"), LARGE);
	ck_assert_int_eq(checked_length("other"), LARGE);
	ck_assert_int_eq(remove(in("to")), 0);
	copy(program, NULL, SERVERS[_i], "from", "to");
	ck_assert_int_eq(stat(in("to"), &is), 0);
	ck_assert_int_eq(is.st_mode & 0777, 0640 & ~umask(umask(0)));
	free(program);
}
END_TEST

START_TEST(a_copy_over_a_longer_file_leaves_none_of_it)
{
	struct program *program = calloc(1, sizeof(*program));

	make_file("to", 1000);
	copy(program, NULL, SERVERS[_i], "to", "from");
	ck_assert_int_eq(program->code, 0);
	ck_assert_int_eq(checked_length("from"), 1000);
	make_file("to", 0);
	copy(program, NULL, SERVERS[_i], "to", "from");
	ck_assert_int_eq(program->code, 0);
	ck_assert_int_eq(checked_length("from"), 0);
	free(program);
}
END_TEST

START_TEST(what_is_no_file_and_what_is_the_same_is_refused)
{
	static const struct { const char *from, *to, *part; } WRONG[] = {
		{ "nosuch", "to", "No such file" },
		{ ".", "to", "it is a directory" },
		{ "pipe", "to", "no place to read at" },
		{ "from", ".", "it is a directory" },
		{ "from", "pipe", "no place to write at" },
		{ "from", "nosuch/to", "No such file" },
		{ "from", "from/to", "Not a directory" },
		{ "from", "from", "the same file" },
		{ "from", "./from", "the same file" },
		{ "from", "link", "the same file" },
		{ "from", "other", "the same file" },
	};
	struct program *program = calloc(1, sizeof(*program));

	ck_assert_int_eq(mkfifo(in("pipe"), 0600), 0);
	ck_assert_int_eq(symlink("from", in("link")), 0);
	ck_assert_int_eq(link(in("from"), in("other")), 0);
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(*WRONG); i++) {
		copy(program, NULL, SERVERS[_i], WRONG[i].from, WRONG[i].to);
		program_expect(program, 2, WRONG[i].part);
		ck_assert_str_eq(program->said, "");
		ck_assert_int_eq(access(in("to"), F_OK), -1);
		ck_assert_int_eq(checked_length("from"), LARGE);
	}
	free(program);
}
END_TEST

static void be_nobody(void)
{
	if (setgid(65534) || setuid(65534))
		_exit(125);
}

START_TEST(what_may_not_be_read_or_written_is_said)
{
	struct program *program = calloc(1, sizeof(*program));

	if (geteuid() != 0) {
		program_skip("to become somebody else takes privileges");
		free(program);
		return;
	}
	ck_assert_int_eq(chmod(folder, 0755), 0);
	make_file("to", 10);
	ck_assert_int_eq(chmod(in("to"), 0644), 0);
	copy(program, be_nobody, SERVERS[_i], "from", "to");
	program_expect(program, 2, "Permission denied");
	copy(program, be_nobody, SERVERS[_i], "from", "new");
	program_expect(program, 2, "Permission denied");
	ck_assert_int_eq(chmod(in("from"), 0600), 0);
	copy(program, be_nobody, SERVERS[_i], "from", "to");
	program_expect(program, 2, "Permission denied");
	ck_assert_int_eq(checked_length("to"), 10);
	free(program);
}
END_TEST

/* ---- No room. ---- */

static bool mount_small(void)
{
	ck_assert_int_eq(mkdir(in("deep"), 0700), 0);
	if (!unshare(CLONE_NEWNS) && !mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) &&
	    !mount("none", in("deep"), "tmpfs", 0, "size=1m"))
		return true;
	program_skip("a disk of one's own takes privileges");
	return false;
}

START_TEST(a_full_disk_leaves_what_it_says)
{
	struct program *program = calloc(1, sizeof(*program));

	if (mount_small()) {
		copy(program, NULL, SERVERS[_i], "from", "deep/to");
		program_expect(program, 3, "No space left on device");
		ck_assert_ptr_nonnull(strstr(program->complained, "is removed"));
		ck_assert_int_eq(access(in("deep/to"), F_OK), -1);
		make_file("deep/to", 5000);
		copy(program, NULL, SERVERS[_i], "from", "deep/to");
		program_expect(program, 3, "has the first 0 of 3000001 bytes");
		ck_assert_int_eq(checked_length("deep/to"), 0);
		ck_assert_int_eq(umount(in("deep")), 0);
	}
	free(program);
}
END_TEST

/* The room was there, and a bound of another kind is met while the blocks are written. */
static void small_files(void)
{
	struct rlimit limit = { 1000000, 1000000 };

	setrlimit(RLIMIT_FSIZE, &limit);
}

START_TEST(a_file_that_may_not_grow_has_what_is_said)
{
	struct program *program = calloc(1, sizeof(*program));

	copy(program, small_files, SERVERS[_i], "from", "to");
	program_expect(program, 3, "File too large");
	ck_assert_int_eq(access(in("to"), F_OK), -1);
	free(program);
}
END_TEST

START_TEST(a_device_that_is_full_keeps_what_it_is)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "serve copy %s --from %s --to /dev/full", SERVERS[_i],
		      in("from"));
	program_end(program);
	program_expect(program, 3, "No space left on device");
	ck_assert_ptr_nonnull(strstr(program->complained, "make room there"));
	ck_assert_ptr_nonnull(strstr(program->complained, "is no file"));
	program_begin(program, NULL, "serve copy %s --from %s --to /dev/null", SERVERS[_i],
		      in("from"));
	program_end(program);
	ck_assert_int_eq(program->code, 0);
	free(program);
}
END_TEST

/* ---- Stopped half-way. ---- */

/* Until it has the file open: then it heeds signals, too. */
static void await_open(const struct program *program, const char *name)
{
	char links[32], path[64], target[256];

	snprintf(links, sizeof(links), "/proc/%d/fd", (int)program->pid);
	for (int i = 0; i < 4000; i++) {
		for (int fd = 0; fd < 32; fd++) {
			ssize_t length;

			snprintf(path, sizeof(path), "%s/%d", links, fd);
			length = readlink(path, target, sizeof(target) - 1);
			target[length > 0 ? length : 0] = 0;
			if (!strcmp(target, name))
				return;
		}
		program_pause_ms(1);
	}
	ck_abort_msg("it never opened %s", name);
}

/* So many blocks that nobody waits for the last of them. */
static void stop(struct program *program, const char *server, const char *to)
{
	ck_assert_int_eq(truncate(in("from"), 256 << 20), 0);
	program_begin(program, NULL, "serve copy %s --block 512 --depth 2 --from %s --to %s", server,
		      in("from"), to);
	await_open(program, in(strncmp(to, folder, strlen(folder)) ? "from" : "to"));
	kill(program->pid, SIGTERM);
	program_end(program);
}

START_TEST(a_signal_ends_it_and_what_is_left_is_said)
{
	struct program *program = calloc(1, sizeof(*program));
	struct stat is;
	char part[96];

	stop(program, SERVERS[_i], in("to"));
	program_expect(program, 3, "stopped by a signal");
	ck_assert_ptr_nonnull(strstr(program->complained, "to is removed"));
	ck_assert_int_eq(access(in("to"), F_OK), -1);
	make_file("to", 10);
	stop(program, SERVERS[_i], in("to"));
	ck_assert_int_eq(stat(in("to"), &is), 0);
	snprintf(part, sizeof(part), "has the first %lld of 268435456 bytes",
		 (long long)is.st_size);
	program_expect(program, 3, part);
	stop(program, SERVERS[_i], "/dev/null");
	program_expect(program, 3, "is no file, and keeps what was written");
	free(program);
}
END_TEST

/* ---- Who connects. ---- */

static void begin(struct program *program, int server, const char *options)
{
	char words[400];

	snprintf(words, sizeof(words), "%s --from %s %s", SERVERS[server], in("from"), options);
	served_begin(program, "copy", words);
}

START_TEST(several_at_once_are_sent_all_of_it)
{
	struct program *program = calloc(1, sizeof(*program));
	int fds[10];

	begin(program, _i, "--connections 4 --block 8K --depth 3");
	for (int i = 0; i < 10; i++)
		fds[i] = served_connect(program);
	for (int i = 0; i < 10; i++) {
		ck_assert_uint_eq(served_read(fds[i], got, LARGE + 2), LARGE);
		ck_assert(has_pattern(got, LARGE));
	}
	served_end(program);
	ck_assert_int_eq(served_counted(program, "whole"), 10);
	ck_assert_int_le(served_counted(program, "peak"), 4);
	ck_assert_int_eq(served_counted(program, "bytes"), 10L * LARGE);
	free(program);
}
END_TEST

START_TEST(a_client_that_vanishes_leaves_nothing)
{
	struct program *program = calloc(1, sizeof(*program));
	int fd, files;

	begin(program, _i, "--block 4K --depth 8");
	files = served_files(program);
	for (size_t bytes = 0; bytes < 200000; bytes = bytes * 2 + 1) {
		fd = served_connect(program);
		if (bytes)
			ck_assert_int_eq(recv(fd, got, bytes, MSG_WAITALL), (ssize_t)bytes);
		served_vanish(fd, bytes % 3 == 0);
	}
	served_await_files(program, files);
	fd = served_connect(program);
	ck_assert_uint_eq(served_read(fd, got, LARGE + 2), LARGE);
	served_end(program);
	ck_assert_int_eq(served_counted(program, "whole") + served_counted(program, "lost"),
			 served_counted(program, "connections"));
	free(program);
}
END_TEST

START_TEST(who_takes_nothing_is_hung_up_on)
{
	struct program *program = calloc(1, sizeof(*program));
	int fd, small = 4096, files;

	ck_assert_int_eq(truncate(in("from"), 64 << 20), 0);
	begin(program, _i, "--patience 0.05 --depth 2");
	files = served_files(program);
	fd = served_connect(program);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	served_await_files(program, files + 1);
	served_await_files(program, files);
	close(fd);
	served_end(program);
	ck_assert_int_eq(served_counted(program, "late"), 1);
	ck_assert_int_eq(served_counted(program, "lost"), 1);
	free(program);
}
END_TEST

/* What is there where the end is met is what is sent, more than at the start or less. */
START_TEST(a_file_that_is_cut_or_grows_is_sent_as_far_as_it_goes)
{
	struct program *program = calloc(1, sizeof(*program));

	begin(program, _i, "--block 4K");
	ck_assert_int_eq(truncate(in("from"), 100001), 0);
	ck_assert_uint_eq(served_read(served_connect(program), got, LARGE + 2), 100001);
	ck_assert(has_pattern(got, 100001));
	ck_assert_int_eq(truncate(in("from"), 0), 0);
	ck_assert_uint_eq(served_read(served_connect(program), got, LARGE + 2), 0);
	make_file("from", LARGE - 5);
	ck_assert_uint_eq(served_read(served_connect(program), got, LARGE + 2), LARGE - 5);
	ck_assert(has_pattern(got, LARGE - 5));
	served_end(program);
	ck_assert_int_eq(served_counted(program, "lost"), 0);
	free(program);
}
END_TEST

START_TEST(a_server_out_of_descriptors_serves_on)
{
	struct program *program = calloc(1, sizeof(*program));
	int peers[40], fd;

	program_begin(program, served_few_files, "serve copy %s --from %s", SERVERS[_i], in("from"));
	program_await_word(program, "listening");
	for (int i = 0; i < 40; i++)
		peers[i] = served_connect(program);
	program_await_complaint(program, "no descriptor left");
	for (int i = 0; i < 40; i++)
		close(peers[i]);
	fd = served_connect(program);
	ck_assert_uint_eq(served_read(fd, got, LARGE + 2), LARGE);
	ck_assert(has_pattern(got, LARGE));
	kill(program->pid, SIGTERM);
	program_end(program);
	program_expect(program, 0, "ulimit -n");
	free(program);
}
END_TEST

START_TEST(it_ends_with_clients_half_way)
{
	struct program *program = calloc(1, sizeof(*program));
	int fds[3];

	ck_assert_int_eq(truncate(in("from"), 64 << 20), 0);
	begin(program, _i, "");
	for (int i = 0; i < 3; i++) {
		fds[i] = served_connect(program);
		ck_assert_int_eq(recv(fds[i], got, 1, MSG_WAITALL), 1);
	}
	served_end(program);
	ck_assert_int_eq(served_counted(program, "whole"), 0);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	free(program);
}
END_TEST

START_TEST(what_makes_no_sense_is_said)
{
	static const struct { const char *words, *part; } WRONG[] = {
		{ "serve copy", "give --from FILE" },
		{ "serve copy --from a b", "options alone" },
		{ "serve copy --from a --to b --port 80", "--port and --to" },
		{ "serve copy --from a --to b --patience 3", "--patience and --to" },
		{ "serve copy --from a --fsync", "give --to FILE" },
		{ "serve copy --from a --direct --block 1000", "a multiple of 4096" },
		{ "serve copy --from a --depth 0", "--depth" },
		{ "serve copy --from /nosuchfile", "No such file" },
		{ "serve copy --from / --port 0", "it is a directory" },
		{ "serve copy --from a --to b --backend floor-epoll", "serve echo alone" },
		{ "serve copy --from a --to b --json /nosuchfolder/x", "/nosuchfolder" },
	};

	for (size_t i = 0; i < sizeof(WRONG) / sizeof(*WRONG); i++) {
		struct program *program = calloc(1, sizeof(*program));

		program_begin(program, NULL, "%s", WRONG[i].words);
		program_end(program);
		program_expect(program, 2, WRONG[i].part);
		free(program);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program copy");
	TCase *cases = tcase_create("copy");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 20);
	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_loop_test(cases, a_copy_is_the_same_and_says_what_it_did, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, a_copy_over_a_longer_file_leaves_none_of_it, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, what_is_no_file_and_what_is_the_same_is_refused, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, what_may_not_be_read_or_written_is_said, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, a_full_disk_leaves_what_it_says, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, a_file_that_may_not_grow_has_what_is_said, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, a_device_that_is_full_keeps_what_it_is, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, a_signal_ends_it_and_what_is_left_is_said, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, several_at_once_are_sent_all_of_it, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, a_client_that_vanishes_leaves_nothing, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, who_takes_nothing_is_hung_up_on, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, a_file_that_is_cut_or_grows_is_sent_as_far_as_it_goes, 0,
			    SERVER_COUNT);
	tcase_add_loop_test(cases, a_server_out_of_descriptors_serves_on, 0, SERVER_COUNT);
	tcase_add_loop_test(cases, it_ends_with_clients_half_way, 0, SERVER_COUNT);
	tcase_add_test(cases, what_makes_no_sense_is_said);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
