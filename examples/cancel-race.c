/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/*
 * A careless program: it cancels a receive and takes "cancelled" for "nothing came". The bytes that
 * beat the cancel are lost: on the ring, where the kernel had already received them, never on the
 * reactor, which doesn't receive before it can deliver. HEED_BYTES = 1 makes it right on both.
 */
#include <duet/completion.h>
#include <duet/duet.h>
#include <duet/polling.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef HEED_BYTES
#define HEED_BYTES 0 /* this line */
#endif

enum { ROUNDS = 1000 };

static char data[16];
static int cancelled;
static long received;

static void done(struct duet_op *op)
{
	if (op->result > 0 && (HEED_BYTES || !cancelled))
		received += op->result;
}

static void receive(struct duet_loop *loop, struct duet_op *op, duet_handle handle)
{
	cancelled = 0;
	duet_op_recv(op, handle, data, sizeof(data), 0);
	duet_op_start(loop, op);
	duet_loop_prepare(loop); /* handed over: from here the kernel may receive */
}

static long run(const struct duet_backend *backend, const char *tuning)
{
	struct duet_loop_options options;
	struct duet_loop *loop;
	struct duet_op op;
	duet_handle handle;
	int ends[2];
	ssize_t left;

	duet_loop_options_init(&options);
	options.tuning = tuning;
	received = 0;
	if (duet_loop_create(&loop, backend, &options))
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || duet_handle_adopt(loop, ends[0], 0, &handle))
		return -1;
	duet_op_init(&op, done, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		receive(loop, &op, handle);
		if (write(ends[1], "12345", 5) != 5) /* the peer is quicker than our change of mind */
			return -1;
		cancelled = 1;
		duet_op_cancel(&op);
		duet_loop_run(loop);
	}
	/* What is still in the socket is not lost. */
	while ((left = recv(ends[0], data, sizeof(data), MSG_DONTWAIT)) > 0)
		received += left;
	close(ends[1]);
	duet_loop_destroy(loop);
	return 5L * ROUNDS - received;
}

int main(void)
{
	printf("bytes lost of %d:\n", 5 * ROUNDS);
	printf("  polling              %ld\n", run(duet_polling(), NULL));
	printf("  completion           %ld\n", run(duet_completion(), "mode=plain"));
	printf("  completion, deferred %ld\n", run(duet_completion(), "mode=deferred"));
	return 0;
}
