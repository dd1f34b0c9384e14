/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* An address of this machine, to be found at. */
#ifndef COMPARE_LOCAL_H
#define COMPARE_LOCAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { LOCAL_SHOWN_MAX = 80 };

struct local {
	struct sockaddr_storage storage;
	socklen_t length;
};

/* A numeric address of IPv4, or of IPv6, in brackets or not. 0 or -EINVAL. */
int local_read(const char *host, uint32_t port, struct local *local);

/* All addresses of the machine at once. */
bool local_is_any(const struct local *local);

/* HOST:PORT, or [HOST]:PORT. Returns text. */
const char *local_show(const struct local *local, char text[LOCAL_SHOWN_MAX]);

#endif
