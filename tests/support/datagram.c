/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/datagram.h"

#include <sys/socket.h>

static void anywhere(int family, struct sockaddr_storage *address, socklen_t *length)
{
	struct sockaddr_in6 *six = (void *)address;
	struct sockaddr_in *four = (void *)address;

	memset(address, 0, sizeof(*address));
	address->ss_family = (sa_family_t)family;
	*length = sizeof(sa_family_t);
	if (family == AF_INET) {
		four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		*length = sizeof(*four);
	} else if (family == AF_INET6) {
		six->sin6_addr = in6addr_loopback;
		*length = sizeof(*six);
	}
}

static duet_handle make(int family, int type)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_socket(&trial.op, family, type, 0);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	return trial.op.made;
}

/* Bound to anywhere: where that is. */
static int settle_down(struct station *station, int family)
{
	struct trial trial;
	const struct sockaddr *bound;

	anywhere(family, &station->address, &station->address_bytes);
	trial_init(&trial);
	duet_op_bind(&trial.op, station->handle, (struct sockaddr *)&station->address,
		station->address_bytes);
	if (trial_run(&trial))
		return trial.op.result;
	bound = duet_op_address(&trial.op, &station->address_bytes);
	memcpy(&station->address, bound, station->address_bytes);
	return 0;
}

bool station_open(int family, struct station *station)
{
	int error;

	station->handle = make(family, SOCK_DGRAM);
	error = settle_down(station, family);
	if (error == -EADDRNOTAVAIL && family == AF_INET6) {
		handle_close(station->handle);
		return false;
	}
	ck_assert_msg(!error, "on %s: %s", stage.arm->name, duet_error_name(error));
	return true;
}

static void connect_to(duet_handle handle, const struct station *other)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_connect(&trial.op, handle, (const struct sockaddr *)&other->address,
		other->address_bytes);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}

void station_connect(const struct station *station, const struct station *other)
{
	connect_to(station->handle, other);
}

void station_address(const struct station *station, struct duet_msghdr *header)
{
	header->address = station->address;
	header->address_bytes = station->address_bytes;
}

bool station_is(const struct station *station, const struct duet_msghdr *header)
{
	return header->address_bytes == station->address_bytes &&
	       !memcmp(&header->address, &station->address, station->address_bytes);
}

void seqpacket_open(duet_handle pair[2])
{
	struct station listener;
	struct trial accepting;
	struct trial listening;

	listener.handle = make(AF_UNIX, SOCK_SEQPACKET);
	ck_assert_int_eq(settle_down(&listener, AF_UNIX), 0);
	trial_init(&listening);
	duet_op_listen(&listening.op, listener.handle, 4);
	trial_run(&listening);
	expect(&listening, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	trial_init(&accepting);
	duet_op_accept(&accepting.op, listener.handle, 0);
	trial_start(&accepting);
	pair[0] = make(AF_UNIX, SOCK_SEQPACKET);
	connect_to(pair[0], &listener);
	await(&accepting);
	expect(&accepting, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	pair[1] = accepting.op.made;
	handle_close(listener.handle);
}
