/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_DATAGRAM_H
#define TESTS_SUPPORT_DATAGRAM_H

#include "tests/support/harness.h"

/* Sockets that keep messages apart, and where they are. */

struct station {
	duet_handle handle;
	struct sockaddr_storage address;
	socklen_t address_bytes;
};

/* A datagram socket on loopback, or of a name of the kernel's own choice. False: this machine has no
 * such family. */
bool station_open(int family, struct station *station);
/* To whom its plain sends go, and from whom alone it receives. */
void station_connect(const struct station *station, const struct station *other);
/* Addresses a message to it. */
void station_address(const struct station *station, struct duet_msghdr *header);
bool station_is(const struct station *station, const struct duet_msghdr *header);

/* Two connected sockets of the unix family that keep messages apart in order. */
void seqpacket_open(duet_handle pair[2]);

#endif
