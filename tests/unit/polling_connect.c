/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <sys/syscall.h>

#include "tests/unit/polling_loop.h"

/* A connect that can't be watched, and the receive that waits behind it. */

static int refused; /* so many registrations are answered with -ENOSPC */

/* In place of libc's: the user's bound of watches is reached. */
int epoll_ctl(int epoll, int action, int fd, struct epoll_event *event)
{
	if (refused && action == EPOLL_CTL_ADD) {
		refused--;
		errno = ENOSPC;
		return -1;
	}
	return (int)syscall(SYS_epoll_ctl, epoll, action, fd, event);
}

/* A listener whose backlog is full: to connect takes its time. */
static void listener_full(struct sockaddr_in *address, int *listener, int fill[8])
{
	socklen_t length = sizeof(*address);

	*address = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	*listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(*listener, (struct sockaddr *)address, length), 0);
	ck_assert_int_eq(listen(*listener, 0), 0);
	ck_assert_int_eq(getsockname(*listener, (struct sockaddr *)address, &length), 0);
	for (unsigned i = 0; i < 8; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fill[i], (struct sockaddr *)address, length);
	}
}

START_TEST(a_receive_goes_on_when_the_connect_before_it_cannot_be_watched)
{
	struct duet_loop *loop = polling_loop(NULL, DUET_TRY_PREDICT, 16);
	struct duet_op connecting, receiving;
	struct sockaddr_in address;
	int fill[8], listener;
	duet_handle handle;
	char byte;

	listener_full(&address, &listener, fill);
	ck_assert_int_eq(duet_handle_adopt(loop, socket(AF_INET, SOCK_STREAM, 0), 0, &handle), 0);
	duet_op_init(&connecting, NULL, NULL);
	duet_op_connect(&connecting, handle, (struct sockaddr *)&address, sizeof(address));
	duet_op_init(&receiving, NULL, NULL);
	duet_op_recv(&receiving, handle, &byte, 1, 0);
	refused = 1;
	ck_assert_int_eq(duet_op_start(loop, &connecting), 0);
	ck_assert_int_eq(duet_op_start(loop, &receiving), 0);
	turns(loop, 2);
	ck_assert_int_eq(refused, 0);
	ck_assert_int_eq(connecting.result, -ENOSPC);
	ck_assert(slot_of(loop, handle)->ready & REGISTERED);
	ck_assert_int_eq(duet_op_pending(&receiving), 1);
	loop_end(loop);
	for (unsigned i = 0; i < 8; i++)
		close(fill[i]);
	close(listener);
}
END_TEST

int main(void)
{
	return plain_run("polling_connect",
		CASES(a_receive_goes_on_when_the_connect_before_it_cannot_be_watched));
}
