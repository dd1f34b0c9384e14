/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/* Sends that went out together with the one in front of them, when that call ended short: one of
 * them, cancelled before its end was told, was called untouched although its bytes were out. */
#include <unistd.h>

#include "tests/support/harness.h"

enum { SENDS = 6 };

static const size_t lengths[SENDS] = { 2000, 2000, 936, 560, 1627, 2647 };
static unsigned char pattern[16384];
static unsigned char arrived[16384];

/* What the sends say they moved, in their order, is what arrives. */
static void play(unsigned turns, unsigned cancelled)
{
	struct trial sends[SENDS];
	unsigned char told[16384];
	size_t said = 0;
	size_t place = 0;
	ssize_t got;
	size_t total = 0;
	duet_handle handle;
	int room = 2048;
	int raw;

	raw_unix(SOCK_STREAM, &handle, &raw);
	ck_assert_int_eq(setsockopt(duet_handle_fd(stage.loop, handle), SOL_SOCKET, SO_SNDBUF,
				 &room, sizeof(room)), 0);
	for (unsigned i = 0; i < SENDS; i++) {
		trial_init(&sends[i]);
		duet_op_send(&sends[i].op, handle, pattern + place, lengths[i],
			i == 2 ? DUET_WHOLE : 0);
		trial_start(&sends[i]);
		place += lengths[i];
	}
	for (unsigned i = 0; i < turns; i++) {
		got = recv(raw, arrived + total, 4096, MSG_DONTWAIT);
		total += got > 0 ? (size_t)got : 0;
		stage_settle(1);
	}
	trial_cancel(&sends[cancelled]);
	for (unsigned i = 0; i < 50; i++) {
		while ((got = recv(raw, arrived + total, sizeof(arrived) - total, MSG_DONTWAIT)) > 0)
			total += (size_t)got;
		stage_settle(1);
	}
	place = 0;
	for (unsigned i = 0; i < SENDS; i++) {
		ck_assert_uint_eq(sends[i].ends, 1);
		memcpy(told + said, pattern + place, sends[i].op.transferred);
		said += sends[i].op.transferred;
		place += lengths[i];
	}
	ck_assert_uint_eq(total, said);
	ck_assert_mem_eq(arrived, told, said);
	handle_close(handle);
	close(raw);
}

START_TEST(what_was_gathered_and_cancelled_is_counted)
{
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (unsigned char)(i * 11 + (i >> 8));
	for (unsigned turns = 0; turns < 8; turns++)
		for (unsigned cancelled = 1; cancelled < SENDS; cancelled++)
			play(turns, cancelled);
}
END_TEST

int main(void)
{
	return contract_run("gather_cancel", NULL,
		CASES(what_was_gathered_and_cancelled_is_counted));
}
