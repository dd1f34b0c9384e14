/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/load/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_port(const char *text, struct address *address)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long port;

	if (!digits || text[digits])
		return -EINVAL;
	port = strtoul(text, NULL, 10); /* one that is far too large stays too large */
	if (!port || port > 65535)
		return -EINVAL;
	snprintf(address->port, sizeof(address->port), "%u", (unsigned int)port & 0xffff);
	return 0;
}

/* A colon inside a host is an IPv6 address: only brackets tell where it ends. */
static int read_host(const char *text, size_t length, struct address *address)
{
	size_t bracketed = length > 2 && *text == '[' && text[length - 1] == ']';

	text += bracketed;
	length -= 2 * bracketed;
	if (!length || length >= sizeof(address->host) ||
	    (!bracketed && memchr(text, ':', length)) || memchr(text, '[', length))
		return -EINVAL;
	memcpy(address->host, text, length);
	address->host[length] = 0;
	return 0;
}

int address_read(const char *text, struct address *address)
{
	const char *colon = strrchr(text, ':');
	int status = read_port(colon ? colon + 1 : text, address);

	if (!status)
		status = colon ? read_host(text, (size_t)(colon - text), address)
			       : read_host("127.0.0.1", strlen("127.0.0.1"), address);
	if (!status)
		snprintf(address->shown, sizeof(address->shown),
			 strchr(address->host, ':') ? "[%s]:%s" : "%s:%s", address->host,
			 address->port);
	return status;
}
