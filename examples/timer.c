/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/* Three timers, and one that is cancelled: timer [completion]. */
#include <duet/completion.h>
#include <duet/duet.h>
#include <duet/polling.h>
#include <stdio.h>
#include <string.h>

static void fired(struct duet_op *op)
{
	printf("%s: %s, cause %s\n", (const char *)op->context,
	       duet_disposition_name((enum duet_disposition)op->disposition),
	       duet_cause_name((enum duet_cause)op->cause));
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"30 ms", "10 ms", "20 ms", "an hour"};
	static const uint64_t delays_ns[] = {30000000, 10000000, 20000000, 3600000000000};
	const struct duet_backend *backend =
		argc > 1 && strcmp(argv[1], "completion") == 0 ? duet_completion() : duet_polling();
	struct duet_op timers[4];
	struct duet_loop *loop;
	int error = duet_loop_create(&loop, backend, NULL);

	if (error) {
		fprintf(stderr, "timer: %s: %s\n", duet_backend_name(backend), strerror(-error));
		return 1;
	}
	for (int i = 0; i < 4; i++) {
		duet_op_init(&timers[i], fired, (void *)(uintptr_t)names[i]);
		duet_op_timeout(&timers[i], duet_loop_now_ns(loop) + delays_ns[i]);
		duet_op_start(loop, &timers[i]);
	}
	duet_op_cancel(&timers[3]);
	duet_loop_run(loop);
	return duet_loop_destroy(loop) ? 1 : 0;
}
