/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/support/harness.h"

/* What is asked for on names: each does what the system call of its name does, and ends as that. */

#define NAME_LONG 300

static char here[160];
static unsigned char data[64];

/* A path below the directory of the case, in one of a few buffers. */
static const char *in(const char *name)
{
	static char paths[4][160 + NAME_LONG];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", here, name);
	return path;
}

/* Something is made there first: see reference/tree.c. */
static void begin(void)
{
	snprintf(here, sizeof(here), "%s", file_path("x"));
	*strrchr(here, '/') = '\0';
	file_make(in("first"), 1);
}

/* Runs what is prepared: the result, of which the disposition says the same. */
static int run(struct trial *trial)
{
	trial_run(trial);
	ck_assert_int_eq(trial->op.disposition,
		trial->op.result < 0 ? DUET_FAILED : DUET_COMPLETED);
	ck_assert_int_eq(trial->op.cause, DUET_CAUSE_ITSELF);
	return trial->op.result;
}

static int do_mkdir(const char *path)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_mkdir(&trial.op, AT_FDCWD, path, 0700);
	return run(&trial);
}

static int do_unlink(const char *path, int flags)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_unlink(&trial.op, AT_FDCWD, path, flags);
	return run(&trial);
}

static int do_rename(const char *from, const char *to, unsigned flags)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_rename(&trial.op, AT_FDCWD, from, AT_FDCWD, to, flags);
	return run(&trial);
}

static int do_link(const char *from, const char *to, int flags)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_link(&trial.op, AT_FDCWD, from, AT_FDCWD, to, flags);
	return run(&trial);
}

static int do_symlink(const char *target, const char *path)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_symlink(&trial.op, target, AT_FDCWD, path);
	return run(&trial);
}

static int do_statx(int directory, const char *path, int flags, struct statx *into)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_statx(&trial.op, directory, path, flags, STATX_BASIC_STATS, into);
	return run(&trial);
}

static int do_open(int directory, const char *path, int flags, duet_handle *handle)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_open(&trial.op, directory, path, flags, 0600);
	run(&trial);
	*handle = trial.op.made;
	return trial.op.result;
}

static int open_and_close(const char *path, int flags)
{
	duet_handle handle;
	int result = do_open(AT_FDCWD, path, flags, &handle);

	if (result == 0)
		handle_close(handle);
	return result;
}

static bool is_there(const char *path)
{
	struct statx found;
	int result = do_statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &found);

	ck_assert(result == 0 || result == -ENOENT);
	return result == 0;
}

static uint64_t size_of(const char *path)
{
	struct statx found;

	ck_assert_int_eq(do_statx(AT_FDCWD, path, 0, &found), 0);
	ck_assert_uint_eq(found.stx_mask & STATX_SIZE, STATX_SIZE);
	return found.stx_size;
}

/* ---- Success. ---- */

START_TEST(directories_are_made_filled_and_removed)
{
	struct statx found;

	begin();
	ck_assert_int_eq(do_mkdir(in("d")), 0);
	ck_assert_int_eq(do_mkdir(in("d/e/")), 0);
	ck_assert_int_eq(do_statx(AT_FDCWD, in("d/e"), 0, &found), 0);
	ck_assert(S_ISDIR(found.stx_mode));
	ck_assert_int_eq(found.stx_mode & 0777, 0700);
	file_make(in("d/e/f"), 10);
	ck_assert_uint_eq(size_of(in("d/./e/../e/f")), 10);
	ck_assert_int_eq(do_unlink(in("d/e/f"), 0), 0);
	ck_assert_int_eq(do_unlink(in("d/e"), AT_REMOVEDIR), 0);
	ck_assert_int_eq(do_unlink(in("d/"), AT_REMOVEDIR), 0);
	ck_assert(!is_there(in("d")));
}
END_TEST

START_TEST(a_file_may_be_unlinked_while_it_is_open)
{
	struct statx found;
	duet_handle file;

	begin();
	file_make(in("f"), 64);
	file = file_open(in("f"), O_RDWR);
	ck_assert_int_eq(do_unlink(in("f"), 0), 0);
	ck_assert(!is_there(in("f")));
	ck_assert_int_eq(file_read(file, data, 64, 0), 64);
	ck_assert(pattern_holds(data, 64, 0));
	ck_assert_int_eq(do_statx(duet_handle_fd(stage.loop, file), "", AT_EMPTY_PATH, &found), 0);
	ck_assert_uint_eq(found.stx_nlink, 0);
	ck_assert_uint_eq(found.stx_size, 64);
	handle_close(file);
	file_make(in("f"), 5);
	ck_assert_uint_eq(size_of(in("f")), 5);
}
END_TEST

START_TEST(a_link_is_another_name_of_the_same_file)
{
	struct statx one;
	struct statx two;

	begin();
	file_make(in("one"), 7);
	ck_assert_int_eq(do_link(in("one"), in("two"), 0), 0);
	ck_assert_int_eq(do_statx(AT_FDCWD, in("one"), 0, &one), 0);
	ck_assert_int_eq(do_statx(AT_FDCWD, in("two"), 0, &two), 0);
	ck_assert_uint_eq(one.stx_ino, two.stx_ino);
	ck_assert_uint_eq(two.stx_nlink, 2);
	ck_assert_int_eq(do_unlink(in("one"), 0), 0);
	ck_assert_int_eq(do_statx(AT_FDCWD, in("two"), 0, &two), 0);
	ck_assert_uint_eq(two.stx_nlink, 1);
	ck_assert_uint_eq(two.stx_size, 7);
}
END_TEST

START_TEST(a_symbolic_link_leads_elsewhere_or_nowhere)
{
	struct statx found;

	begin();
	ck_assert_int_eq(do_mkdir(in("d")), 0);
	ck_assert_int_eq(do_symlink("../f", in("d/up")), 0);
	ck_assert_int_eq(open_and_close(in("d/up"), O_RDONLY), -ENOENT);
	ck_assert_int_eq(open_and_close(in("d/up"), O_RDWR | O_CREAT | O_EXCL), -EEXIST);
	ck_assert_int_eq(open_and_close(in("d/up"), O_RDWR | O_CREAT), 0);
	ck_assert_uint_eq(size_of(in("f")), 0);
	ck_assert_int_eq(open_and_close(in("d/up"), O_RDONLY | O_NOFOLLOW), -ELOOP);
	ck_assert_int_eq(do_statx(AT_FDCWD, in("d/up"), AT_SYMLINK_NOFOLLOW, &found), 0);
	ck_assert(S_ISLNK(found.stx_mode));
	ck_assert_uint_eq(found.stx_size, 4);
	ck_assert_int_eq(do_symlink(in("d"), in("there")), 0);
	ck_assert_int_eq(do_statx(AT_FDCWD, in("there/up"), 0, &found), 0);
	ck_assert(S_ISREG(found.stx_mode));
	/* The link itself goes, not what it leads to; and it may have another name. */
	ck_assert_int_eq(do_link(in("d/up"), in("d/other"), 0), 0);
	ck_assert_int_eq(do_link(in("d/up"), in("d/followed"), AT_SYMLINK_FOLLOW), 0);
	ck_assert_int_eq(do_statx(AT_FDCWD, in("d/followed"), AT_SYMLINK_NOFOLLOW, &found), 0);
	ck_assert(S_ISREG(found.stx_mode));
	ck_assert_int_eq(do_unlink(in("d/up"), 0), 0);
	ck_assert(is_there(in("f")));
	ck_assert(is_there(in("d/other")));
}
END_TEST

START_TEST(a_rename_replaces_refuses_or_exchanges)
{
	begin();
	file_make(in("a"), 1);
	file_make(in("b"), 2);
	ck_assert_int_eq(do_rename(in("a"), in("b"), RENAME_NOREPLACE), -EEXIST);
	ck_assert_int_eq(do_rename(in("a"), in("b"), RENAME_EXCHANGE), 0);
	ck_assert_uint_eq(size_of(in("a")), 2);
	ck_assert_int_eq(do_rename(in("a"), in("b"), 0), 0);
	ck_assert(!is_there(in("a")));
	ck_assert_uint_eq(size_of(in("b")), 2);
	ck_assert_int_eq(do_rename(in("b"), in("c"), RENAME_NOREPLACE), 0);
	ck_assert_int_eq(do_rename(in("c"), in("d"), RENAME_EXCHANGE), -ENOENT);
	ck_assert_int_eq(do_rename(in("c"), in("d"), RENAME_EXCHANGE | RENAME_NOREPLACE), -EINVAL);
	ck_assert_int_eq(do_link(in("c"), in("same"), 0), 0);
	ck_assert_int_eq(do_rename(in("c"), in("same"), 0), 0);
	ck_assert(is_there(in("c")));
	ck_assert_int_eq(do_mkdir(in("dir")), 0);
	ck_assert_int_eq(do_rename(in("c"), in("dir/c"), 0), 0);
	ck_assert_int_eq(do_rename(in("dir"), in("moved"), 0), 0);
	ck_assert_uint_eq(size_of(in("moved/c")), 2);
	ck_assert_uint_eq(size_of(in("moved/../moved/c")), 2);
}
END_TEST

START_TEST(a_directory_handle_is_where_paths_begin)
{
	duet_handle directory;
	duet_handle file;
	struct statx found;
	struct trial trial;
	int fd;

	begin();
	ck_assert_int_eq(do_mkdir(in("d")), 0);
	ck_assert_int_eq(do_open(AT_FDCWD, in("d"), O_RDONLY | O_DIRECTORY, &directory), 0);
	fd = duet_handle_fd(stage.loop, directory);
	trial_init(&trial);
	duet_op_mkdir(&trial.op, fd, "e", 0700);
	ck_assert_int_eq(run(&trial), 0);
	ck_assert_int_eq(do_open(fd, "e/f", O_RDWR | O_CREAT, &file), 0);
	handle_close(file);
	trial_init(&trial);
	duet_op_rename(&trial.op, fd, "e/f", fd, "g", 0);
	ck_assert_int_eq(run(&trial), 0);
	trial_init(&trial);
	duet_op_link(&trial.op, fd, "g", fd, "e/h", 0);
	ck_assert_int_eq(run(&trial), 0);
	trial_init(&trial);
	duet_op_symlink(&trial.op, "g", fd, "s");
	ck_assert_int_eq(run(&trial), 0);
	ck_assert_int_eq(do_statx(fd, "s", 0, &found), 0);
	ck_assert_uint_eq(found.stx_nlink, 2);
	ck_assert_int_eq(do_statx(fd, "", AT_EMPTY_PATH, &found), 0);
	ck_assert(S_ISDIR(found.stx_mode));
	trial_init(&trial);
	duet_op_unlink(&trial.op, fd, "g", 0);
	ck_assert_int_eq(run(&trial), 0);
	ck_assert(is_there(in("d/e/h")));
	handle_close(directory);
}
END_TEST

/* ---- What the kernel says no to. ---- */

START_TEST(what_is_missing_is_ENOENT)
{
	struct statx found;

	begin();
	ck_assert_int_eq(do_mkdir(in("no/d")), -ENOENT);
	ck_assert_int_eq(do_unlink(in("no"), 0), -ENOENT);
	ck_assert_int_eq(do_unlink(in("no"), AT_REMOVEDIR), -ENOENT);
	ck_assert_int_eq(do_rename(in("no"), in("yes"), 0), -ENOENT);
	ck_assert_int_eq(do_rename(in("first"), in("no/yes"), 0), -ENOENT);
	ck_assert_int_eq(do_link(in("no"), in("yes"), 0), -ENOENT);
	ck_assert_int_eq(do_symlink("", in("yes")), -ENOENT);
	ck_assert_int_eq(do_symlink("x", in("no/yes")), -ENOENT);
	ck_assert_int_eq(do_statx(AT_FDCWD, in("no"), 0, &found), -ENOENT);
	ck_assert_int_eq(do_statx(AT_FDCWD, "", 0, &found), -ENOENT);
	ck_assert_int_eq(do_mkdir(""), -ENOENT);
	ck_assert_int_eq(open_and_close(in("no/f"), O_RDWR | O_CREAT), -ENOENT);
}
END_TEST

START_TEST(what_is_there_is_EEXIST)
{
	begin();
	ck_assert_int_eq(do_mkdir(in("d")), 0);
	ck_assert_int_eq(do_mkdir(in("d")), -EEXIST);
	ck_assert_int_eq(do_mkdir(in("first")), -EEXIST);
	ck_assert_int_eq(do_mkdir("/"), -EEXIST);
	ck_assert_int_eq(do_link(in("first"), in("d"), 0), -EEXIST);
	ck_assert_int_eq(do_symlink("x", in("first")), -EEXIST);
}
END_TEST

START_TEST(a_file_is_no_directory_and_a_directory_no_file)
{
	duet_handle directory;
	struct statx found;

	begin();
	ck_assert_int_eq(do_mkdir(in("d")), 0);
	ck_assert_int_eq(do_mkdir(in("first/d")), -ENOTDIR);
	ck_assert_int_eq(do_statx(AT_FDCWD, in("first/"), 0, &found), -ENOTDIR);
	ck_assert_int_eq(do_unlink(in("first"), AT_REMOVEDIR), -ENOTDIR);
	ck_assert_int_eq(do_unlink(in("d"), 0), -EISDIR);
	ck_assert_int_eq(do_rename(in("first"), in("d"), 0), -EISDIR);
	ck_assert_int_eq(do_rename(in("d"), in("first"), 0), -ENOTDIR);
	ck_assert_int_eq(open_and_close(in("first"), O_RDONLY | O_DIRECTORY), -ENOTDIR);
	ck_assert_int_eq(open_and_close(in("d"), O_RDWR), -EISDIR);
	ck_assert_int_eq(open_and_close(in("d"), O_RDONLY | O_CREAT), -EISDIR);
	ck_assert_int_eq(do_link(in("d"), in("e"), 0), -EPERM);
	ck_assert_int_eq(do_open(AT_FDCWD, in("d"), O_RDONLY, &directory), 0);
	ck_assert_int_eq(file_read(directory, data, 1, 0), -EISDIR);
	handle_close(directory);
}
END_TEST

START_TEST(a_directory_that_is_not_empty_stays)
{
	begin();
	ck_assert_int_eq(do_mkdir(in("d")), 0);
	ck_assert_int_eq(do_mkdir(in("d/e")), 0);
	ck_assert_int_eq(do_mkdir(in("other")), 0);
	ck_assert_int_eq(do_unlink(in("d"), AT_REMOVEDIR), -ENOTEMPTY);
	ck_assert_int_eq(do_rename(in("other"), in("d"), 0), -ENOTEMPTY);
	ck_assert_int_eq(do_rename(in("d"), in("d/e/f"), 0), -EINVAL);
	ck_assert_int_eq(do_rename(in("d/e"), in("d"), 0), -ENOTEMPTY);
	ck_assert_int_eq(do_unlink(in("d/."), AT_REMOVEDIR), -EINVAL);
	ck_assert_int_eq(do_unlink(in("d/e/.."), AT_REMOVEDIR), -ENOTEMPTY);
	ck_assert_int_eq(do_rename(in("d/."), in("x"), 0), -EBUSY);
	ck_assert_int_eq(do_rename(in("other"), in("d/e"), 0), 0);
}
END_TEST

START_TEST(links_in_a_circle_are_ELOOP_and_long_names_ENAMETOOLONG)
{
	char name[NAME_LONG];
	struct statx found;

	begin();
	ck_assert_int_eq(do_symlink("b", in("a")), 0);
	ck_assert_int_eq(do_symlink("a", in("b")), 0);
	ck_assert_int_eq(do_statx(AT_FDCWD, in("a"), 0, &found), -ELOOP);
	ck_assert_int_eq(open_and_close(in("a/x"), O_RDONLY), -ELOOP);
	ck_assert_int_eq(do_mkdir(in("a/x")), -ELOOP);
	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	ck_assert_int_eq(do_mkdir(in(name)), -ENAMETOOLONG);
	ck_assert_int_eq(do_statx(AT_FDCWD, in(name), 0, &found), -ENAMETOOLONG);
	ck_assert_int_eq(do_rename(in("first"), in(name), 0), -ENAMETOOLONG);
	name[255] = '\0';
	ck_assert_int_eq(do_mkdir(in(name)), 0);
}
END_TEST

START_TEST(flags_that_nobody_knows_are_EINVAL)
{
	struct statx found;

	begin();
	ck_assert_int_eq(do_unlink(in("first"), 1 << 30), -EINVAL);
	ck_assert_int_eq(do_rename(in("first"), in("x"), 1 << 30), -EINVAL);
	ck_assert_int_eq(do_link(in("first"), in("x"), 1 << 30), -EINVAL);
	ck_assert_int_eq(do_statx(AT_FDCWD, in("first"), 1 << 30, &found), -EINVAL);
	ck_assert(is_there(in("first")));
}
END_TEST

START_TEST(a_descriptor_that_is_no_directory_is_no_base)
{
	struct statx found;
	duet_handle file;
	struct trial trial;

	begin();
	file = file_open(in("first"), O_RDONLY);
	ck_assert_int_eq(do_statx(duet_handle_fd(stage.loop, file), "x", 0, &found), -ENOTDIR);
	ck_assert_int_eq(do_statx(-1, "x", 0, &found), -EBADF);
	trial_init(&trial);
	duet_op_mkdir(&trial.op, -1, "x", 0700);
	ck_assert_int_eq(run(&trial), -EBADF);
	handle_close(file);
}
END_TEST

/* ---- Misuse. ---- */

START_TEST(a_start_without_its_paths_is_refused)
{
	struct statx found;
	struct trial trial;

	trial_init(&trial);
	duet_op_mkdir(&trial.op, AT_FDCWD, NULL, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_unlink(&trial.op, AT_FDCWD, NULL, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_rename(&trial.op, AT_FDCWD, NULL, AT_FDCWD, "x", 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_link(&trial.op, AT_FDCWD, "x", AT_FDCWD, NULL, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_symlink(&trial.op, NULL, AT_FDCWD, "x");
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_statx(&trial.op, AT_FDCWD, NULL, 0, STATX_SIZE, &found);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_statx(&trial.op, AT_FDCWD, "/", 0, STATX_SIZE, NULL);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
}
END_TEST

/* ---- Requests. ---- */

enum way { WAY_CANCEL, WAY_CANCEL_LATER, WAY_DEADLINE, WAY_COUNT };

static void request(struct trial *trial, enum way way)
{
	if (way == WAY_DEADLINE)
		duet_op_deadline(&trial->op, duet_loop_now_ns(stage.loop) + 1);
	trial_start(trial);
	if (way == WAY_CANCEL_LATER)
		stage_settle(1);
	if (way != WAY_DEADLINE)
		trial_cancel(trial);
	await(trial);
}

/* True: it has had its effect. Else it has had none, and the request is its cause. */
static bool had_effect(const struct trial *trial, enum way way)
{
	if (trial->op.result == 0) {
		expect(trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		return true;
	}
	if (way == WAY_DEADLINE)
		expect(trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	else
		expect(trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	return false;
}

START_TEST(what_was_asked_to_end_is_done_or_was_never_begun)
{
	struct trial trial;

	begin();
	for (unsigned round = 0; round < 8 * WAY_COUNT; round++) {
		enum way way = round % WAY_COUNT;

		trial_init(&trial);
		duet_op_mkdir(&trial.op, AT_FDCWD, in("d"), 0700);
		request(&trial, way);
		ck_assert_int_eq(is_there(in("d")), had_effect(&trial, way));
		do_mkdir(in("d"));
		trial_init(&trial);
		duet_op_rename(&trial.op, AT_FDCWD, in("d"), AT_FDCWD, in("e"), 0);
		request(&trial, way);
		ck_assert_int_eq(is_there(in("e")), had_effect(&trial, way));
		ck_assert_int_eq(is_there(in("d")), !is_there(in("e")));
		if (is_there(in("d")))
			ck_assert_int_eq(do_rename(in("d"), in("e"), 0), 0);
		trial_init(&trial);
		duet_op_unlink(&trial.op, AT_FDCWD, in("e"), AT_REMOVEDIR);
		request(&trial, way);
		ck_assert_int_eq(is_there(in("e")), !had_effect(&trial, way));
		if (is_there(in("e")))
			ck_assert_int_eq(do_unlink(in("e"), AT_REMOVEDIR), 0);
	}
}
END_TEST

START_TEST(a_link_or_a_statx_that_was_asked_to_end_likewise)
{
	struct trial trial;

	begin();
	for (unsigned round = 0; round < 8 * WAY_COUNT; round++) {
		enum way way = round % WAY_COUNT;
		struct statx found = { 0 };

		trial_init(&trial);
		duet_op_symlink(&trial.op, "first", AT_FDCWD, in("s"));
		request(&trial, way);
		ck_assert_int_eq(is_there(in("s")), had_effect(&trial, way));
		trial_init(&trial);
		duet_op_link(&trial.op, AT_FDCWD, in("first"), AT_FDCWD, in("l"), 0);
		request(&trial, way);
		ck_assert_int_eq(is_there(in("l")), had_effect(&trial, way));
		trial_init(&trial);
		duet_op_statx(&trial.op, AT_FDCWD, in("first"), 0, STATX_BASIC_STATS, &found);
		request(&trial, way);
		ck_assert_uint_eq(found.stx_size, had_effect(&trial, way));
		do_unlink(in("s"), 0);
		do_unlink(in("l"), 0);
	}
}
END_TEST

START_TEST(many_run_at_once_and_a_shutdown_ends_them)
{
	static char paths[24][200];
	struct trial trials[24];
	unsigned made = 0;

	begin();
	for (unsigned i = 0; i < 24; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/d%u", here, i);
		trial_init(&trials[i]);
		duet_op_mkdir(&trials[i].op, AT_FDCWD, paths[i], 0700);
		trial_start(&trials[i]);
	}
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) + 60000000000u),
		0);
	for (unsigned i = 0; i < 24; i++) {
		ck_assert_uint_eq(trials[i].ends, 1);
		if (trials[i].op.result == 0)
			made++;
		else
			expect(&trials[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
	}
	ck_assert_uint_le(made, 24);
}
END_TEST

START_TEST(an_end_may_come_in_the_start_where_it_was_asked_for)
{
	struct trial trial;

	begin();
	for (unsigned round = 0; round < 10; round++) {
		int answer;

		trial_init(&trial);
		duet_op_mkdir(&trial.op, AT_FDCWD, in("d"), 0700);
		duet_op_inline(&trial.op);
		answer = trial_try(&trial);
		if (answer == 0)
			await(&trial);
		ck_assert_uint_eq(trial.ends, answer == 0);
		ck_assert_int_eq(trial.op.result, 0);
		ck_assert_int_eq(do_unlink(in("d"), AT_REMOVEDIR), 0);
	}
}
END_TEST

int main(void)
{
	return contract_run("file_path",
		CASES(directories_are_made_filled_and_removed,
			a_file_may_be_unlinked_while_it_is_open,
			a_link_is_another_name_of_the_same_file,
			a_symbolic_link_leads_elsewhere_or_nowhere,
			a_rename_replaces_refuses_or_exchanges,
			a_directory_handle_is_where_paths_begin, what_is_missing_is_ENOENT,
			what_is_there_is_EEXIST, a_file_is_no_directory_and_a_directory_no_file,
			a_directory_that_is_not_empty_stays,
			links_in_a_circle_are_ELOOP_and_long_names_ENAMETOOLONG,
			flags_that_nobody_knows_are_EINVAL,
			a_descriptor_that_is_no_directory_is_no_base,
			a_start_without_its_paths_is_refused,
			what_was_asked_to_end_is_done_or_was_never_begun,
			a_link_or_a_statx_that_was_asked_to_end_likewise,
			many_run_at_once_and_a_shutdown_ends_them,
			an_end_may_come_in_the_start_where_it_was_asked_for),
		NULL);
}
