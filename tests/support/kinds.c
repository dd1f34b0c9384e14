/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/kinds.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/harness.h"

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
static duet_handle pair[2];
static unsigned char data[16];
static int element;
static void *value;

struct kind_sleeper kind_sleeper;

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

void kind_sleeper_spawn(void)
{
	struct duet_task *task = &kind_sleeper.job.task.task;

	duet_scheduler_init(&kind_sleeper.scheduler, stage.loop, NULL);
	job_make(&kind_sleeper.job, wait_often);
	kind_sleeper.job.prepare = job_never;
	task->name = "sleeper";
	ck_assert_int_eq(duet_task_spawn(&kind_sleeper.scheduler, NULL, task), 0);
	stage_settle(2);
}

static void make_join(struct duet_op *op)
{
	kind_sleeper_spawn();
	duet_op_join(op, &kind_sleeper.job.task.task);
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

static void make_splice(struct duet_op *op)
{
	static struct duet_splice splice;
	duet_handle ends[2];

	pair_open(pair);
	ck_assert_int_eq(duet_handle_pipe(stage.loop, ends, 0), 0);
	duet_splice_init(&splice, ends[0], pair[0]);
	duet_op_splice(op, &splice, 1, 0);
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
	[DUET_SPLICE] = { make_splice, " from handle " },
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

/* Valgrind knows nothing of pidfd_open(2). */
static bool may_be_made(enum duet_kind kind)
{
	duet_handle handle;

	if (duet_loop_capability(stage.loop, kind) == DUET_ABSENT)
		return false;
	if (kind != DUET_WAIT_PROCESS || duet_handle_process(stage.loop, getpid(), &handle) != -ENOSYS)
		return true;
	printf("skipped: nothing here tells of the end of a process\n");
	return false;
}

bool kind_make(enum duet_kind kind, struct duet_op *op)
{
	if (!may_be_made(kind))
		return false;
	ck_assert_msg(makers[kind].make != NULL, "nobody makes a stuck %s: add it here",
		duet_kind_name(kind));
	/* Those of a mailbox that went with its loop. */
	memset(letters, 0, sizeof(letters));
	makers[kind].make(op);
	return true;
}

const char *kind_word(enum duet_kind kind)
{
	return makers[kind].word;
}
