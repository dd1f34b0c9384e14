/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/*
 * One process opens a file, another reads it: pass-descriptor FILE [completion].
 *
 * Of the two only the child knows the file's name. It passes the descriptor over a unix socket; the
 * parent, which could not have opened it, adopts what came and reads.
 */
#include <duet/completion.h>
#include <duet/duet.h>
#include <duet/polling.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct duet_loop *loop;
static duet_handle end;
/* The header and the room beside it are lent with the operation: not on a stack that is left. */
static _Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int))];
static struct duet_msghdr header = {.control = control, .control_room_bytes = sizeof(control)};

static void fail(const char *what, int error)
{
	fprintf(stderr, "pass-descriptor: %s: %s\n", what, strerror(-error));
	exit(1);
}

static void begin(const struct duet_backend *backend, int fd)
{
	int error = duet_loop_create(&loop, backend, NULL);

	if (error)
		fail(duet_backend_name(backend), error);
	error = duet_handle_adopt(loop, fd, 0, &end);
	if (error)
		fail("the socket", error);
}

/* Without anybody to tell, what came would be closed. */
static void ended(struct duet_op *op)
{
	(void)op;
}

static int wait_for(struct duet_op *op)
{
	int error = duet_op_start(loop, op);

	return error < 0 ? error : (duet_loop_run(loop), op->result);
}

static void give(struct duet_op *op, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail(path, -errno);
	duet_msghdr_put_descriptors(&header, &fd, 1);
	/* With a byte at least: a stream has no place for a descriptor alone. */
	duet_op_sendto(op, end, "", 1, &header);
	if (wait_for(op) != 1)
		fail("the send", op->result);
}

static void take(struct duet_op *op)
{
	static char text[4096];
	const int *descriptors;
	duet_handle file;
	uint64_t offset = 0;
	unsigned count;

	duet_op_recvfrom(op, end, text, 1, &header);
	if (wait_for(op) < 0)
		fail("the receive", op->result);
	descriptors = duet_msghdr_descriptors(&header, &count);
	if (!descriptors)
		exit(1); /* the child has said why */
	if (duet_handle_adopt(loop, descriptors[0], 0, &file))
		exit(1);
	for (;; offset += op->transferred) {
		duet_op_read(op, file, text, sizeof(text), offset);
		if (wait_for(op) <= 0)
			break;
		fwrite(text, 1, op->transferred, stdout);
	}
}

int main(int argc, char **argv)
{
	const struct duet_backend *backend =
		argc > 2 && strcmp(argv[2], "completion") == 0 ? duet_completion() : duet_polling();
	struct duet_op op;
	int ends[2];
	pid_t child;

	if (argc < 2 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
		fprintf(stderr, "usage: pass-descriptor FILE [completion]\n");
		return 2;
	}
	child = fork();
	close(ends[child ? 1 : 0]);
	begin(backend, ends[child ? 0 : 1]);
	duet_op_init(&op, ended, NULL);
	if (child)
		take(&op);
	else
		give(&op, argv[1]);
	duet_loop_destroy(loop);
	return child && waitpid(child, NULL, 0) != child;
}
