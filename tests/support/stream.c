/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/harness.h"

static duet_handle socket_make(void)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_socket(&trial.op, AF_INET, SOCK_STREAM, 0);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	return trial.op.made;
}

void listener_open(duet_handle *listener, struct sockaddr_in *address)
{
	struct trial trial;
	socklen_t length;

	memset(address, 0, sizeof(*address));
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*listener = socket_make();

	trial_init(&trial);
	duet_op_bind(&trial.op, *listener, (struct sockaddr *)address, sizeof(*address));
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	memcpy(address, duet_op_address(&trial.op, &length), sizeof(*address));
	ck_assert_uint_eq(length, sizeof(*address));
	ck_assert_uint_ne(address->sin_port, 0);

	duet_op_listen(&trial.op, *listener, 128);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}

static void stage_listen(void)
{
	if (!stage.listener.generation)
		listener_open(&stage.listener, &stage.address);
}

void pair_open(duet_handle pair[2])
{
	struct trial accepting;
	struct trial connecting;

	stage_listen();
	trial_init(&accepting);
	duet_op_accept(&accepting.op, stage.listener, 0);
	trial_start(&accepting);
	pair[0] = socket_make();
	trial_init(&connecting);
	duet_op_connect(&connecting.op, pair[0], (struct sockaddr *)&stage.address,
		sizeof(stage.address));
	trial_start(&connecting);
	turn_until(accepting.ends && connecting.ends);
	expect(&connecting, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&accepting, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	pair[1] = accepting.op.made;
}

void handle_close(duet_handle handle)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_close(&trial.op, handle);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}

void pair_close(duet_handle pair[2])
{
	handle_close(pair[0]);
	handle_close(pair[1]);
}

void stream_send(duet_handle handle, const void *data, size_t bytes)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_send(&trial.op, handle, data, bytes, DUET_WHOLE);
	trial_run(&trial);
	expect(&trial, (int)bytes, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}

void stream_recv(duet_handle handle, void *data, size_t bytes)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_recv(&trial.op, handle, data, bytes, DUET_WHOLE);
	trial_run(&trial);
	expect(&trial, (int)bytes, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}

size_t stream_drain(duet_handle handle, unsigned char *data, size_t max_bytes)
{
	struct trial trial;
	size_t total = 0;

	trial_init(&trial);
	while (total < max_bytes) {
		duet_op_recv(&trial.op, handle, data + total, max_bytes - total, 0);
		duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 50000000);
		if (trial_run(&trial) <= 0)
			break;
		total += trial.op.transferred;
	}
	return total;
}

unsigned char pattern_byte(size_t place)
{
	return (unsigned char)(place * 167 + (place >> 8) * 13 + (place >> 16));
}

void pattern_fill(unsigned char *data, size_t bytes, size_t place)
{
	for (size_t i = 0; i < bytes; i++)
		data[i] = pattern_byte(place + i);
}

bool pattern_holds(const unsigned char *data, size_t bytes, size_t place)
{
	for (size_t i = 0; i < bytes; i++) {
		if (data[i] != pattern_byte(place + i))
			return false;
	}
	return true;
}

void trial_stick(struct trial *trial, duet_handle handle, const unsigned char *data)
{
	trial_init(trial);
	duet_op_send(&trial->op, handle, data, STUCK_BYTES, DUET_WHOLE);
	trial_start(trial);
	stage_settle(50);
	ck_assert_msg(trial->ends == 0, "on %s: a send without a reader: %s", stage.arm->name,
		trial_text(trial));
}

/* ---- Raw ends. ---- */

int raw_connect(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	stage_listen();
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&stage.address, sizeof(stage.address)), 0);
	return fd;
}

void raw_pair(duet_handle *handle, int *raw)
{
	struct trial accepting;

	*raw = raw_connect();
	trial_init(&accepting);
	duet_op_accept(&accepting.op, stage.listener, 0);
	trial_run(&accepting);
	expect(&accepting, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	*handle = accepting.op.made;
}

void raw_unix(int type, duet_handle *handle, int *raw)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, ends[0], 0, handle), 0);
	*raw = ends[1];
}

void raw_shrink(int fd)
{
	int bytes = 8192;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
}

void raw_send(int fd, const void *data, size_t bytes)
{
	ck_assert_int_eq(send(fd, data, bytes, MSG_NOSIGNAL), (ssize_t)bytes);
}

void raw_recv(int fd, void *data, size_t bytes)
{
	ck_assert_int_eq(recv(fd, data, bytes, MSG_WAITALL), (ssize_t)bytes);
}

void raw_reset(int fd)
{
	struct linger linger = { 1, 0 };

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	close(fd);
}
