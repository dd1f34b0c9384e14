/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/splice.h"

duet_handle pair[2], one[2], other[2];
struct duet_splice splices[4];

static unsigned char in[65536];

void pipe_open(duet_handle ends[2])
{
	ck_assert_int_eq(duet_handle_pipe(stage.loop, ends, 0), 0);
}

void all_open(void)
{
	pair_open(pair);
	pipe_open(one);
	pipe_open(other);
}

void splice_describe(struct trial *trial, unsigned place, duet_handle from, duet_handle to,
		     size_t bytes, unsigned flags)
{
	trial_init(trial);
	duet_splice_init(&splices[place], from, to);
	duet_op_splice(&trial->op, &splices[place], bytes, flags);
}

void splice_start(struct trial *trial, unsigned place, duet_handle from, duet_handle to,
			 size_t bytes, unsigned flags)
{
	splice_describe(trial, place, from, to, bytes, flags);
	trial_start(trial);
}

void splice_run(struct trial *trial, duet_handle from, duet_handle to, size_t bytes,
		       unsigned flags)
{
	splice_describe(trial, 0, from, to, bytes, flags);
	trial_run(trial);
}

void expect_came(duet_handle handle, const char *text, size_t bytes)
{
	if (bytes)
		stream_recv(handle, in, bytes);
	ck_assert_mem_eq(in, text, bytes);
}

void splice_stick(struct trial *trial)
{
	static unsigned char data[4096];
	struct trial filling;

	all_open();
	splice_start(trial, 0, one[0], other[1], STUCK_BYTES, DUET_WHOLE);
	for (unsigned quiet = 0; quiet < 100;) {
		trial_init(&filling);
		duet_op_send(&filling.op, one[1], data, sizeof(data), DUET_WHOLE);
		trial_start(&filling);
		stage_settle(20);
		quiet = filling.ends ? 0 : 100;
		if (filling.ends)
			continue;
		trial_cancel(&filling);
		await(&filling);
	}
	ck_assert_uint_eq(trial->ends, 0);
}
