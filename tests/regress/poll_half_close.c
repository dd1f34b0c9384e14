/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/* The ring reports a half-close of the peer that no poll asked for, and goes on reporting it: a
 * poll for room to write ended at once, with nothing, or kept the loop busy. */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/harness.h"

static duet_handle handle;
static unsigned char block[4096];

/* Half-closed by the peer, and without room to write; raw is the peer. */
static int stuffed_pair(void)
{
	int raw;

	raw_unix(SOCK_STREAM, &handle, &raw);
	while (send(duet_handle_fd(stage.loop, handle), block, sizeof(block), MSG_DONTWAIT) > 0)
		;
	ck_assert_int_eq(shutdown(raw, SHUT_WR), 0);
	return raw;
}

static void unstuff(int raw)
{
	while (recv(raw, block, sizeof(block), MSG_DONTWAIT) > 0)
		;
}

static void poll_start(struct trial *trial, unsigned events)
{
	trial_init(trial);
	duet_op_poll(&trial->op, handle, events);
	trial_start(trial);
}

START_TEST(a_poll_for_room_waits_through_a_half_close)
{
	int raw = stuffed_pair();
	struct trial trial;
	uint64_t calls;
	struct duet_stats stats;

	poll_start(&trial, POLLOUT);
	stage_settle(5);
	duet_loop_stats(stage.loop, &stats);
	calls = stats.system_calls;
	stage_settle(20);
	duet_loop_stats(stage.loop, &stats);
	ck_assert_uint_eq(trial.ends, 0);
	ck_assert_uint_le(stats.system_calls - calls, 20);
	unstuff(raw);
	await(&trial);
	expect(&trial, POLLOUT, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	poll_start(&trial, POLLOUT | POLLRDHUP);
	await(&trial);
	expect(&trial, POLLOUT | POLLRDHUP, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	close(raw);
}
END_TEST

/* What the kernel watches costs it something at each change, and would come as a late event. */
START_TEST(after_its_end_the_kernel_watches_no_longer)
{
	int raw = stuffed_pair();
	struct trial trial;
	struct duet_stats before;
	struct duet_stats after;

	poll_start(&trial, POLLOUT);
	stage_settle(5);
	unstuff(raw);
	await(&trial);
	stage_settle(3);
	duet_loop_stats(stage.loop, &before);
	for (unsigned i = 0; i < 5; i++) {
		while (send(duet_handle_fd(stage.loop, handle), block, sizeof(block),
			    MSG_DONTWAIT) > 0)
			;
		unstuff(raw);
		stage_settle(3);
	}
	duet_loop_stats(stage.loop, &after);
	ck_assert_uint_eq(after.stale, before.stale);
	ck_assert_uint_eq(trial.ends, 1);
	close(raw);
}
END_TEST

START_TEST(such_a_poll_can_be_cancelled)
{
	int raw = stuffed_pair();
	struct trial trial;

	poll_start(&trial, POLLOUT);
	stage_settle(5);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	unstuff(raw);
	stage_settle(5);
	close(raw);
}
END_TEST

START_TEST(a_poll_of_a_file_for_what_never_comes_waits_and_can_be_cancelled)
{
	struct trial trial;
	FILE *file = tmpfile();

	ck_assert_int_eq(duet_handle_adopt(stage.loop, dup(fileno(file)), 0, &handle), 0);
	fclose(file);
	poll_start(&trial, POLLPRI);
	stage_settle(5);
	ck_assert_uint_eq(trial.ends, 0);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}
END_TEST

START_TEST(a_read_at_an_offset_takes_nothing_out_of_a_stream)
{
	struct trial trial;
	int raw;

	raw_unix(SOCK_STREAM, &handle, &raw);
	raw_send(raw, "abc", 3);
	trial_init(&trial);
	duet_op_read(&trial.op, handle, block, 3, 0);
	ck_assert_int_eq(trial_run(&trial), -ESPIPE);
	stream_recv(handle, block, 3);
	ck_assert_mem_eq(block, "abc", 3);
	close(raw);
}
END_TEST

int main(void)
{
	return contract_run("poll_half_close", NULL,
		CASES(a_poll_for_room_waits_through_a_half_close,
			after_its_end_the_kernel_watches_no_longer, such_a_poll_can_be_cancelled,
			a_poll_of_a_file_for_what_never_comes_waits_and_can_be_cancelled,
			a_read_at_an_offset_takes_nothing_out_of_a_stream));
}
