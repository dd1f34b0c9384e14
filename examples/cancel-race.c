/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/*
 * A careless program: it cancels a receive and takes "cancelled" for "nothing came". The bytes that
 * beat the cancel are lost: all of them on a plain ring, where the kernel has received them before it
 * hears of the cancel; none on a ring with deferred task work, where it hears of the cancel before it
 * receives, and which so hides the mistake; none on the reactor, which doesn't receive before it can
 * deliver. HEED_BYTES 1 makes it right on all.
 */
#include <duet/completion.h>
#include <duet/duet.h>
#include <duet/polling.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEED_BYTES 0 /* this line */

static char data[16];
static int cancelled;
static long received;

static void done(struct duet_op *op)
{
	if (op->result > 0 && (HEED_BYTES || !cancelled))
		received += op->result;
}

static long bytes_lost(const struct duet_backend *backend, const char *tuning)
{
	struct duet_loop_options options;
	struct duet_loop *loop;
	struct duet_op op;
	duet_handle handle;
	int ends[2];
	long sent = 0, n;

	duet_loop_options_init(&options);
	options.tuning = tuning;
	if (duet_loop_create(&loop, backend, &options) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, ends) ||
	    duet_handle_adopt(loop, ends[0], 0, &handle))
		return -1;
	duet_op_init(&op, done, NULL);
	for (received = 0; sent < 5000; sent += 5) {
		cancelled = 0;
		duet_op_recv(&op, handle, data, sizeof(data), 0);
		duet_op_start(loop, &op);
		duet_loop_prepare(loop); /* handed over: the kernel may receive from here */
		if (write(ends[1], "12345", 5) != 5)
			break;
		cancelled = 1; /* too late, it has come */
		duet_op_cancel(&op);
		duet_loop_run(loop);
		n = recv(ends[0], data, sizeof(data), MSG_DONTWAIT);
		received += n > 0 ? n : 0; /* what is still in the socket is not lost */
	}
	close(ends[1]);
	duet_loop_destroy(loop);
	return sent - received;
}

int main(void)
{
	printf("bytes lost of 5000:\n");
	printf("  polling              %ld\n", bytes_lost(duet_polling(), NULL));
	printf("  completion, plain    %ld\n", bytes_lost(duet_completion(), "mode=plain"));
	printf("  completion, deferred %ld\n", bytes_lost(duet_completion(), "mode=deferred"));
	return 0;
}
