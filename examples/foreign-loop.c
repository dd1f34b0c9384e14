/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/*
 * A Duet loop carried by a foreign one: here poll(2), which also watches a pipe of its own. It
 * needs three things: a descriptor to watch, how long it may wait, and a turn without waiting.
 * foreign-loop [completion]
 */
#include <duet/completion.h>
#include <duet/duet.h>
#include <duet/polling.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int foreign[2];
static int ticks;

static void tick(struct duet_op *op)
{
	struct duet_loop *loop = op->loop;

	printf("tick %d, by duet\n", ++ticks);
	if (write(foreign[1], "x", 1) != 1)
		return;
	if (ticks < 3) {
		duet_op_timeout(op, duet_loop_now_ns(loop) + 5000000);
		duet_op_start(loop, op);
	}
}

/* Milliseconds for poll(2), rounded up: earlier would be a turn for nothing. */
static int milliseconds(int64_t ns)
{
	return ns < 0 ? -1 : (int)((ns + 999999) / 1000000);
}

int main(int argc, char **argv)
{
	struct duet_loop *loop;
	struct duet_op timer;
	int answers = 0;
	int error = duet_loop_create(&loop, argc > 1 ? duet_completion() : duet_polling(), NULL);

	(void)argv;
	if (error || pipe(foreign)) {
		fprintf(stderr, "foreign-loop: %s\n", strerror(error ? -error : EMFILE));
		return 1;
	}
	duet_op_init(&timer, tick, NULL);
	duet_op_timeout(&timer, duet_loop_now_ns(loop) + 5000000);
	duet_op_start(loop, &timer);
	while (answers < 3) {
		struct pollfd watched[2] = {{.fd = duet_loop_fd(loop), .events = POLLIN},
					    {.fd = foreign[0], .events = POLLIN}};
		char byte;

		poll(watched, 2, milliseconds(duet_loop_prepare(loop)));
		duet_loop_turn(loop, 0);
		if (watched[1].revents & POLLIN && read(foreign[0], &byte, 1) == 1)
			printf("answer %d, by the foreign loop\n", ++answers);
	}
	close(foreign[0]);
	close(foreign[1]);
	return duet_loop_destroy(loop) ? 1 : 0;
}
