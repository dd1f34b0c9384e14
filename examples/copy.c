/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/*
 * Copies a file: copy FROM TO [completion]. Straight through: open both, read, write, fsync. Each
 * step is resumed with the result of the one before, by the three steps of duet/continuation.h.
 */
#include <duet/completion.h>
#include <duet/duet.h>
#include <duet/polling.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct copy {
	struct duet_continuation continuation; /* first: resume() gets its address */
	struct duet_loop *loop;
	struct duet_op op;
	const char *from_path, *to_path;
	duet_handle from, to;
	uint64_t offset_bytes;
	enum { OPEN_FROM, OPEN_TO, READ, WRITE, SYNC, DONE } step;
	int error;
	int length;
	char data[65536];
};

/* Says what the next operation is. */
static void prepare(struct copy *copy)
{
	switch (copy->step) {
	case OPEN_FROM:
		duet_op_open(&copy->op, AT_FDCWD, copy->from_path, O_RDONLY, 0);
		break;
	case OPEN_TO:
		duet_op_open(&copy->op, AT_FDCWD, copy->to_path, O_WRONLY | O_CREAT | O_TRUNC,
			     0644);
		break;
	case READ:
		duet_op_read(&copy->op, copy->from, copy->data, sizeof(copy->data),
			     copy->offset_bytes);
		break;
	case WRITE:
		duet_op_write(&copy->op, copy->to, copy->data, (size_t)copy->length,
			      copy->offset_bytes);
		break;
	default:
		duet_op_fsync(&copy->op, copy->to, DUET_DATA_ONLY);
	}
}

/* Takes the result, and decides what comes next. */
static void advance(struct copy *copy)
{
	int result = duet_await_resume(&copy->op);

	if (result < 0 || (copy->step == WRITE && result < copy->length)) {
		copy->error = result < 0 ? result : -ENOSPC;
		copy->step = DONE;
		return;
	}
	if (copy->step == OPEN_FROM)
		copy->from = copy->op.made;
	if (copy->step == OPEN_TO)
		copy->to = copy->op.made;
	if (copy->step == READ)
		copy->length = result;
	if (copy->step == WRITE)
		copy->offset_bytes += (uint64_t)result;
	if (copy->step == READ && result == 0)
		copy->step = SYNC;
	else if (copy->step == WRITE)
		copy->step = READ;
	else
		copy->step++;
}

static void run(struct copy *copy)
{
	while (copy->step != DONE) {
		prepare(copy);
		if (!duet_await_ready(copy->loop, &copy->op)) {
			duet_await_suspend(&copy->op, &copy->continuation);
			return;
		}
		advance(copy);
	}
}

static void resume(struct duet_continuation *continuation, struct duet_op *op)
{
	struct copy *copy = (struct copy *)(void *)continuation;

	(void)op;
	advance(copy);
	run(copy);
}

int main(int argc, char **argv)
{
	static struct copy copy = {.continuation.resume = resume};
	int error;

	if (argc < 3) {
		fprintf(stderr, "usage: copy FROM TO [completion]\n");
		return 2;
	}
	error = duet_loop_create(&copy.loop, argc > 3 ? duet_completion() : duet_polling(), NULL);
	if (!error) {
		copy.from_path = argv[1];
		copy.to_path = argv[2];
		duet_op_init(&copy.op, NULL, NULL);
		run(&copy);
		duet_loop_run(copy.loop);
		error = copy.error;
		duet_loop_destroy(copy.loop); /* closes both files */
	}
	if (error)
		fprintf(stderr, "copy: %s to %s: %s\n", argv[1], argv[2], strerror(-error));
	return error ? 1 : 0;
}
