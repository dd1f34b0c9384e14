/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/harness.h"

#define CLOSES 40

/*
 * Closes may be pending beyond operations_max, and the identity that one leaves is the next send's:
 * the header for its pieces has a place all the same. One out of bounds is for the address
 * sanitizer to see.
 */
START_TEST(a_send_of_pieces_after_many_closes)
{
	struct iovec pieces[2] = { { (char[]){ "one" }, 3 }, { (char[]){ "two" }, 3 } };
	static struct trial closes[CLOSES];
	struct duet_loop_options options;
	struct trial trial;
	duet_handle handle;
	duet_handle closing;
	int raws[CLOSES];
	char data[6];
	int raw;

	duet_loop_options_init(&options);
	options.operations_max = 1;
	options.handles_max = CLOSES + 1;
	stage_reopen(&options, "direct=no");
	raw_unix(SOCK_STREAM, &handle, &raw);
	for (unsigned i = 0; i < CLOSES; i++) {
		trial_init(&closes[i]);
		raw_unix(SOCK_STREAM, &closing, &raws[i]);
		duet_op_close(&closes[i].op, closing);
		trial_start(&closes[i]);
	}
	for (unsigned i = 0; i < CLOSES; i++) {
		await(&closes[i]);
		close(raws[i]);
	}
	trial_init(&trial);
	duet_op_send_vector(&trial.op, handle, pieces, 2, DUET_WHOLE);
	trial_run(&trial);
	expect(&trial, 6, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	raw_recv(raw, data, 6);
	ck_assert_mem_eq(data, "onetwo", 6);
	close(raw);
}
END_TEST

int main(void)
{
	return contract_run("ring_headers", CASES(NULL),
		CASES(a_send_of_pieces_after_many_closes));
}
