/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/harness.h"
#include "tests/support/job.h"

/* "Why is my loop still alive?": one of each kind that is stuck is named, with what there is to say of it. */

enum { MS = 1000000 };

struct lines {
	unsigned count;
	char text[4000];
};

static void keep_line(void *context, const char *text)
{
	struct lines *lines = context;

	lines->count++;
	strncat(lines->text, text, sizeof(lines->text) - strlen(lines->text) - 2);
	strcat(lines->text, "\n");
}

static struct lines dump(void)
{
	struct lines lines = { .count = 0 };

	duet_loop_dump(stage.loop, keep_line, &lines);
	return lines;
}

/* ---- One of each kind. ---- */

static struct duet_semaphore semaphore;
static struct duet_mutex mutex;
static struct duet_channel channel;
static struct duet_oneshot oneshot;
static struct duet_notify notify;
static struct duet_barrier barrier;
static struct duet_wait_group group;
static struct duet_mailbox mailbox;
static struct duet_letter letters[2], *taken;
static struct duet_scope scope;
static struct duet_scheduler scheduler;
static struct job job;
static struct trial member;
static duet_handle pair[2];
static unsigned char data[16];
static int element;
static void *value;

static void make_nop(struct duet_op *op)
{
	duet_op_nop(op);
}

static void make_timeout(struct duet_op *op)
{
	duet_op_timeout(op, DUET_NO_DEADLINE - 1);
}

static void make_poll(struct duet_op *op)
{
	pair_open(pair);
	duet_op_poll_multishot(op, pair[0], POLLIN);
}

static void make_accept(struct duet_op *op)
{
	struct sockaddr_in address;

	listener_open(&pair[0], &address);
	duet_op_accept(op, pair[0], DUET_MULTISHOT);
}

static void make_connect(struct duet_op *op)
{
	struct sockaddr_in address;
	struct trial making;

	listener_open(&pair[0], &address);
	trial_init(&making);
	duet_op_socket(&making.op, AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(trial_run(&making), 0);
	duet_op_connect(op, making.op.made, (struct sockaddr *)&address, sizeof(address));
}

static void make_recv(struct duet_op *op)
{
	pair_open(pair);
	duet_op_recv(op, pair[0], data, sizeof(data), 0);
}

static void make_send(struct duet_op *op)
{
	pair_open(pair);
	duet_op_send(op, pair[0], data, sizeof(data), 0);
}

static void make_recvmsg(struct duet_op *op)
{
	static struct duet_msghdr header;

	pair_open(pair);
	duet_op_recvfrom(op, pair[0], data, sizeof(data), &header);
}

static void make_sendmsg(struct duet_op *op)
{
	static struct duet_msghdr header;
	const struct iovec piece = { data, sizeof(data) };

	pair_open(pair);
	duet_op_sendmsg(op, pair[0], &piece, 1, &header, 0);
}

static void make_send_zero_copy(struct duet_op *op)
{
	pair_open(pair);
	duet_op_send_zero_copy(op, pair[0], data, sizeof(data), 0);
}

static void make_read(struct duet_op *op)
{
	duet_op_read(op, file_open(file_path("read"), O_RDWR | O_CREAT), data, sizeof(data), 0);
}

static void make_write(struct duet_op *op)
{
	duet_op_write(op, file_open(file_path("write"), O_RDWR | O_CREAT), data, sizeof(data), 0);
}

static void make_open(struct duet_op *op)
{
	static char path[400];

	snprintf(path, sizeof(path), "%s", file_path("open"));
	duet_op_open(op, AT_FDCWD, path, O_RDWR | O_CREAT, 0600);
}

static void make_fsync(struct duet_op *op)
{
	duet_op_fsync(op, file_open(file_path("fsync"), O_RDWR | O_CREAT), 0);
}

static void make_shutdown(struct duet_op *op)
{
	pair_open(pair);
	duet_op_shutdown(op, pair[0], SHUT_WR);
}

static void make_close(struct duet_op *op)
{
	pair_open(pair);
	duet_op_close(op, pair[0]);
}

static void make_socket(struct duet_op *op)
{
	duet_op_socket(op, AF_INET, SOCK_STREAM, 0);
}

static void make_bind(struct duet_op *op)
{
	static const struct sockaddr_in address = { .sin_family = AF_INET };

	pair_open(pair);
	duet_op_bind(op, pair[0], (const struct sockaddr *)&address, sizeof(address));
}

static void make_listen(struct duet_op *op)
{
	pair_open(pair);
	duet_op_listen(op, pair[0], 1);
}

static void make_acquire(struct duet_op *op)
{
	duet_semaphore_init(&semaphore, stage.loop, 0);
	duet_op_acquire(op, &semaphore, 1);
}

static void make_release(struct duet_op *op)
{
	duet_semaphore_init(&semaphore, stage.loop, 0);
	duet_op_release(op, &semaphore, 1);
}

static void make_lock(struct duet_op *op)
{
	duet_mutex_init(&mutex, stage.loop);
	ck_assert_int_eq(duet_mutex_try_lock(&mutex, &letters[0]), 0);
	duet_op_lock(op, &mutex, &letters[1]);
}

static void make_channel_send(struct duet_op *op)
{
	ck_assert_int_eq(duet_channel_init(&channel, stage.loop, NULL, 0, sizeof(int)), 0);
	duet_op_channel_send(op, &channel, &element);
}

static void make_channel_recv(struct duet_op *op)
{
	ck_assert_int_eq(duet_channel_init(&channel, stage.loop, NULL, 0, sizeof(int)), 0);
	duet_op_channel_recv(op, &channel, &element);
}

static void make_channel_close(struct duet_op *op)
{
	ck_assert_int_eq(duet_channel_init(&channel, stage.loop, NULL, 0, sizeof(int)), 0);
	duet_op_channel_close(op, &channel);
}

static void make_oneshot_send(struct duet_op *op)
{
	duet_oneshot_init(&oneshot, stage.loop);
	duet_op_oneshot_send(op, &oneshot, &element);
}

static void make_oneshot_recv(struct duet_op *op)
{
	duet_oneshot_init(&oneshot, stage.loop);
	duet_op_oneshot_recv(op, &oneshot, &value);
}

static void make_notify(struct duet_op *op)
{
	duet_notify_init(&notify, stage.loop);
	duet_op_notify_one(op, &notify);
}

static void make_notified(struct duet_op *op)
{
	duet_notify_init(&notify, stage.loop);
	duet_op_notified(op, &notify);
}

static void make_barrier(struct duet_op *op)
{
	ck_assert_int_eq(duet_barrier_init(&barrier, stage.loop, 2), 0);
	duet_op_barrier(op, &barrier);
}

static void make_wait_group(struct duet_op *op)
{
	duet_wait_group_init(&group, stage.loop);
	duet_wait_group_add(&group, 1);
	duet_op_wait_group(op, &group);
}

static void make_join(struct duet_op *op)
{
	duet_scheduler_init(&scheduler, stage.loop, NULL);
	job_make(&job, wait_often);
	job.prepare = job_never;
	job.task.task.name = "sleeper";
	ck_assert_int_eq(duet_task_spawn(&scheduler, NULL, &job.task.task), 0);
	stage_settle(2);
	duet_op_join(op, &job.task.task);
}

static void make_join_scope(struct duet_op *op)
{
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
	duet_op_join_scope(op, &scope);
}

static void make_tell(struct duet_op *op)
{
	ck_assert_int_eq(duet_mailbox_init(&mailbox, stage.loop, 1), 0);
	ck_assert_int_eq(duet_mailbox_try_tell(&mailbox, &letters[0]), 0);
	duet_op_tell(op, &mailbox, &letters[1]);
}

static void make_ask(struct duet_op *op)
{
	ck_assert_int_eq(duet_mailbox_init(&mailbox, stage.loop, 1), 0);
	duet_op_ask(op, &mailbox, &letters[0]);
}

static void make_take_letter(struct duet_op *op)
{
	ck_assert_int_eq(duet_mailbox_init(&mailbox, stage.loop, 1), 0);
	duet_op_take_letter(op, &mailbox, &taken);
}

/* Of a name in a folder that isn't there: nothing comes of it. */
static const char *nowhere(const char *name)
{
	static char paths[2][400];
	static unsigned next;
	char *path = paths[next++ % 2];

	snprintf(path, sizeof(paths[0]), "%s/%s", file_path("nowhere"), name);
	return path;
}

static void make_statx(struct duet_op *op)
{
	static struct statx into;

	duet_op_statx(op, AT_FDCWD, nowhere("one"), 0, STATX_BASIC_STATS, &into);
}

static void make_mkdir(struct duet_op *op)
{
	duet_op_mkdir(op, AT_FDCWD, nowhere("one"), 0700);
}

static void make_unlink(struct duet_op *op)
{
	duet_op_unlink(op, AT_FDCWD, nowhere("one"), 0);
}

static void make_rename(struct duet_op *op)
{
	duet_op_rename(op, AT_FDCWD, nowhere("one"), AT_FDCWD, nowhere("other"), 0);
}

static void make_link(struct duet_op *op)
{
	duet_op_link(op, AT_FDCWD, nowhere("one"), AT_FDCWD, nowhere("other"), 0);
}

static void make_symlink(struct duet_op *op)
{
	duet_op_symlink(op, "one", AT_FDCWD, nowhere("other"));
}

static void make_truncate(struct duet_op *op)
{
	duet_op_truncate(op, file_open(file_path("truncate"), O_RDWR | O_CREAT), 1);
}

static void make_allocate(struct duet_op *op)
{
	duet_op_allocate(op, file_open(file_path("allocate"), O_RDWR | O_CREAT), 0, 0, 1);
}

static void make_signal(struct duet_op *op)
{
	static struct signalfd_siginfo into;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	ck_assert_int_eq(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	ck_assert_int_eq(duet_handle_signals(stage.loop, &set, &pair[0]), 0);
	duet_op_signal(op, pair[0], &into);
}

/* For itself nobody waits: it is refused in its turn. */
static void make_wait_process(struct duet_op *op)
{
	static siginfo_t into;

	ck_assert_int_eq(duet_handle_process(stage.loop, getpid(), &pair[0]), 0);
	duet_op_wait_process(op, pair[0], &into, 0);
}

static void make_resolve(struct duet_op *op)
{
	static const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST };

	duet_op_resolve(op, "127.0.0.1", NULL, &hints);
}

static int work(void *context)
{
	(void)context;
	return 0;
}

static void make_work(struct duet_op *op)
{
	duet_op_work(op, work, NULL);
}

/* How one is made that hasn't ended, or has and wasn't told; and a word on what is particular to it. */
static const struct maker {
	void (*make)(struct duet_op *op);
	const char *word;
} makers[DUET_KIND_COUNT] = {
	[DUET_NOP] = { make_nop, "" },
	[DUET_TIMEOUT] = { make_timeout, ", due in " },
	[DUET_POLL] = { make_poll, ", multishot, " },
	[DUET_ACCEPT] = { make_accept, ", multishot, " },
	[DUET_CONNECT] = { make_connect, " fd " },
	[DUET_RECV] = { make_recv, ", 16 bytes lent, " },
	[DUET_SEND] = { make_send, ", 16 bytes lent, " },
	[DUET_READ] = { make_read, ", 16 bytes lent, " },
	[DUET_WRITE] = { make_write, ", 16 bytes lent, " },
	[DUET_RECVMSG] = { make_recvmsg, ", 16 bytes lent, " },
	[DUET_SENDMSG] = { make_sendmsg, ", 16 bytes lent, " },
	[DUET_SEND_ZERO_COPY] = { make_send_zero_copy, ", 16 bytes lent, " },
	[DUET_OPEN] = { make_open, "" },
	[DUET_FSYNC] = { make_fsync, " fd " },
	[DUET_SHUTDOWN] = { make_shutdown, " fd " },
	[DUET_CLOSE] = { make_close, " handle " },
	[DUET_SOCKET] = { make_socket, "" },
	[DUET_BIND] = { make_bind, " fd " },
	[DUET_LISTEN] = { make_listen, " fd " },
	[DUET_STATX] = { make_statx, "" },
	[DUET_MKDIR] = { make_mkdir, "" },
	[DUET_UNLINK] = { make_unlink, "" },
	[DUET_RENAME] = { make_rename, "" },
	[DUET_LINK] = { make_link, "" },
	[DUET_SYMLINK] = { make_symlink, "" },
	[DUET_TRUNCATE] = { make_truncate, " fd " },
	[DUET_ALLOCATE] = { make_allocate, " fd " },
	[DUET_SIGNAL] = { make_signal, ", 128 bytes lent, " },
	[DUET_WAIT_PROCESS] = { make_wait_process, " bytes lent, " },
	[DUET_ACQUIRE] = { make_acquire, " of semaphore " },
	[DUET_RELEASE] = { make_release, ", to be told" },
	[DUET_LOCK] = { make_lock, ", in line there" },
	[DUET_CHANNEL_SEND] = { make_channel_send, ", in line there" },
	[DUET_CHANNEL_RECV] = { make_channel_recv, ", in line there" },
	[DUET_CHANNEL_CLOSE] = { make_channel_close, ", to be told" },
	[DUET_ONESHOT_SEND] = { make_oneshot_send, ", to be told" },
	[DUET_ONESHOT_RECV] = { make_oneshot_recv, ", in line there" },
	[DUET_NOTIFY] = { make_notify, ", to be told" },
	[DUET_NOTIFIED] = { make_notified, ", in line there" },
	[DUET_BARRIER] = { make_barrier, ", in line there" },
	[DUET_WAIT_GROUP] = { make_wait_group, ", in line there" },
	[DUET_JOIN] = { make_join, " of task " },
	[DUET_JOIN_SCOPE] = { make_join_scope, " of scope " },
	[DUET_TELL] = { make_tell, " of mailbox " },
	[DUET_ASK] = { make_ask, " of mailbox " },
	[DUET_TAKE_LETTER] = { make_take_letter, " of mailbox " },
	[DUET_WORK] = { make_work, " worker" },
	[DUET_RESOLVE] = { make_resolve, " worker" },
};

static void reopen(void)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.work_threads = 1;
	stage_reopen(&options, NULL);
}

/* Its line says all that a line says. */
static void judge(const struct trial *trial, enum duet_kind kind)
{
	struct lines lines = dump();
	const char *name = duet_kind_name(kind), *line;
	char head[80];

	snprintf(head, sizeof(head), "%s %p ", name, (const void *)&trial->op);
	line = strstr(lines.text, head);
	ck_assert_msg(line != NULL, "on %s: no \"%s\" in: %s", stage.arm->name, head, lines.text);
	*strchr(line, '\n') = 0;
	ck_assert_msg(strstr(line, " ms old, since turn ") != NULL, "on %s: %s", stage.arm->name, line);
	ck_assert_msg(strstr(line, makers[kind].word) != NULL, "on %s: no \"%s\" in: %s",
		stage.arm->name, makers[kind].word, line);
#ifdef DUET_DEBUG
	ck_assert_msg(strstr(line, ", started at tests/support/trial.c:") != NULL, "on %s: %s",
		stage.arm->name, line);
#endif
}

START_TEST(a_stuck_one_of_each_kind_is_named)
{
	for (unsigned kind = 0; kind < DUET_KIND_COUNT; kind++) {
		struct trial trial;

		reopen();
		if (duet_loop_capability(stage.loop, kind) == DUET_ABSENT)
			continue;
		ck_assert_msg(makers[kind].make != NULL, "nobody makes a stuck %s: add it here",
			duet_kind_name(kind));
		trial_init(&trial);
		makers[kind].make(&trial.op);
		trial_start(&trial);
		judge(&trial, kind);
		trial_cancel(&trial);
		await(&trial);
		ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	}
}
END_TEST

/* ---- How long, until when, by whom. ---- */

START_TEST(deadline_request_and_scopes_are_named)
{
	struct duet_scope_options options;
	struct duet_member place;
	struct duet_scope inner;
	char expected[120];
	struct lines lines;

	duet_scope_options_init(&options);
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
	ck_assert_int_eq(duet_scope_open(&inner, stage.loop, &scope, &options), 0);
	trial_init(&member);
	pair_open(pair);
	duet_op_poll(&member.op, pair[0], POLLIN);
	duet_op_deadline(&member.op, duet_loop_now_ns(stage.loop) + UINT64_C(3600000) * MS);
	ck_assert_int_eq(duet_scope_start(&inner, &place, &member.op), 0);
	stage_settle(1);
	lines = dump();
	snprintf(expected, sizeof(expected), ", in scope %p of %p\n", (void *)&inner, (void *)&scope);
	ck_assert_msg(strstr(lines.text, expected) != NULL, "on %s: %s", stage.arm->name, lines.text);
	ck_assert_msg(strstr(lines.text, ", deadline in 35") != NULL, "on %s: %s", stage.arm->name,
		lines.text);
	duet_scope_cancel(&scope);
	lines = dump();
	ck_assert_msg(strstr(lines.text, ", asked to end by scope") != NULL, "on %s: %s",
		stage.arm->name, lines.text);
	ck_assert_int_eq(duet_scope_join(&inner, NULL), 0);
	ck_assert_int_eq(duet_scope_join(&scope, NULL), 0);
	turn_until(duet_loop_pending(stage.loop) == 0);
	stage_settle(2);
}
END_TEST

START_TEST(who_waits_in_line_says_for_what)
{
	struct trial first, second;
	struct lines lines;

	pair_open(pair);
	trial_init(&first);
	trial_init(&second);
	duet_op_recv(&first.op, pair[0], data, 1, 0);
	duet_op_recv(&second.op, pair[0], data + 8, 1, 0);
	trial_start(&first);
	trial_start(&second);
	lines = dump();
	ck_assert_uint_eq(lines.count, 2);
	ck_assert_ptr_nonnull(strstr(lines.text, "waiting"));
	ck_assert_ptr_nonnull(strstr(lines.text, ", behind another on its handle"));
	trial_cancel(&second);
	trial_cancel(&first);
	turn_until(first.ends && second.ends);
}
END_TEST

/* In every build: where it waits stands in its task. */
START_TEST(a_coroutine_that_waits_is_named_with_its_line)
{
	struct lines lines;
	struct trial joining;

	trial_init(&joining);
	make_join(&joining.op);
	lines = dump();
	ck_assert_msg(strstr(lines.text, ", for coroutine sleeper at tests/support/job.c:") != NULL,
		"on %s: %s", stage.arm->name, lines.text);
	duet_task_cancel(&job.task.task);
	turn_until(scheduler.live == 0);
}
END_TEST

static unsigned age_ms(void)
{
	struct lines lines = dump();
	const char *at = strstr(lines.text, " ms old");

	ck_assert_ptr_nonnull(at);
	while (at[-1] >= '0' && at[-1] <= '9')
		at--;
	return (unsigned)strtoul(at, NULL, 10);
}

/* Of the time when it began, also where the loop has slept before that and nobody has asked what time it
 * is; in units of a millisecond and a bit. */
START_TEST(its_age_is_that_since_its_turn)
{
	struct trial trial;
	uint64_t before_ns;

	pair_open(pair);
	ck_assert_int_ge(duet_loop_turn(stage.loop, 30 * MS), 0);
	before_ns = clock_ns();
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[0], data, 1, 0);
	trial_start(&trial);
	ck_assert_uint_le(age_ms(), (clock_ns() - before_ns) / MS + 2);
	clock_pass(clock_ns() + 20 * MS);
	ck_assert_uint_ge(age_ms(), 18);
	trial_cancel(&trial);
	await(&trial);
}
END_TEST

/* ---- Asked for by a signal. ---- */

static int ends[2];

static void ask(int number)
{
	(void)number;
	duet_loop_ask_dump(stage.loop, ends[1]);
}

static size_t read_end(char *text, size_t size)
{
	ssize_t length = read(ends[0], text, size - 1);

	text[length > 0 ? length : 0] = 0;
	return strlen(text);
}

START_TEST(a_signal_may_ask_for_it_and_the_next_turn_writes_it)
{
	struct sigaction action = { .sa_handler = ask }, before;
	char text[2000] = "";
	struct trial trial;

	ck_assert_int_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	sigaction(SIGUSR1, &action, &before);
	pair_open(pair);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[0], data, 1, 0);
	trial_start(&trial);
	raise(SIGUSR1);
	ck_assert_uint_eq(read_end(text, sizeof(text)), 0);
	raise(SIGUSR1);
	read_end(text, sizeof(text));
	ck_assert_msg(strstr(text, "has not heard") != NULL, "%s", text);
	stage_turn();
	read_end(text, sizeof(text));
	ck_assert_msg(strstr(text, ": 1 pending\n") && strstr(text, "duet: recv "), "%s", text);
	trial_cancel(&trial);
	await(&trial);
	raise(SIGUSR1);
	stage_turn();
	read_end(text, sizeof(text));
	ck_assert_msg(strstr(text, "duet: nothing is pending\n") != NULL, "%s", text);
	sigaction(SIGUSR1, &before, NULL);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

int main(void)
{
	return contract_run("dump",
		CASES(a_stuck_one_of_each_kind_is_named, deadline_request_and_scopes_are_named,
			who_waits_in_line_says_for_what, a_coroutine_that_waits_is_named_with_its_line,
			a_signal_may_ask_for_it_and_the_next_turn_writes_it),
		CASES(its_age_is_that_since_its_turn));
}
