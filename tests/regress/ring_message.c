/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * A message that met a full receiver's queue and was repeated by the kernel (6.18, SEND and SENDMSG on
 * a ring) arrived empty: its end said 0 bytes, and nothing was ever said again of the text.
 */

static duet_handle handle;
static int receiver;

/* As many as the receiver's queue takes. Not a pair: its ends know no bound but the sender's buffer. */
static unsigned fill(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(address);
	int sender = socket(AF_UNIX, SOCK_DGRAM, 0);
	unsigned count = 0;

	receiver = socket(AF_UNIX, SOCK_DGRAM, 0);
	ck_assert_int_eq(bind(receiver, (void *)&address, sizeof(sa_family_t)), 0);
	ck_assert_int_eq(getsockname(receiver, (void *)&address, &length), 0);
	ck_assert_int_eq(connect(sender, (void *)&address, length), 0);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, sender, 0, &handle), 0);
	while (send(sender, "filler", 6, MSG_DONTWAIT) == 6)
		count++;
	return count;
}

START_TEST(a_message_to_a_full_queue_arrives_whole_when_there_is_room)
{
	char text[16];
	unsigned fillers = fill();
	struct trial trial;

	trial_init(&trial);
	duet_op_send(&trial.op, handle, "message", 7, 0);
	trial_start(&trial);
	stage_settle(4);
	ck_assert_uint_eq(trial.ends, 0);
	while (fillers--)
		ck_assert_int_eq(recv(receiver, text, sizeof(text), 0), 6);
	await(&trial);
	expect(&trial, 7, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(recv(receiver, text, sizeof(text), 0), 7);
	ck_assert_mem_eq(text, "message", 7);
	close(receiver);
}
END_TEST

int main(void)
{
	return contract_run("ring message", NULL,
			    CASES(a_message_to_a_full_queue_arrives_whole_when_there_is_room));
}
