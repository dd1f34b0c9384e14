/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Whom to connect to. */
#ifndef COMPARE_LOAD_ADDRESS_H
#define COMPARE_LOAD_ADDRESS_H

enum { ADDRESS_HOST_MAX = 256 };

struct address {
	char host[ADDRESS_HOST_MAX];       /* without brackets */
	char port[6];                      /* 1 to 65535, decimal */
	char shown[ADDRESS_HOST_MAX + 10]; /* HOST:PORT, or [HOST]:PORT */
};

/* HOST:PORT, [HOST]:PORT, or PORT alone for 127.0.0.1. 0 or -EINVAL. */
int address_read(const char *text, struct address *address);

#endif
