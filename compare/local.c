/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/local.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* An address of one link has the link's name behind a %, which inet_pton(3) doesn't know. */
static int read_six(const char *host, size_t length, struct local *local)
{
	static const struct addrinfo HINTS = { .ai_family = AF_INET6, .ai_socktype = SOCK_STREAM,
					       .ai_flags = AI_NUMERICHOST };
	struct addrinfo *found;
	char text[INET6_ADDRSTRLEN + 32];

	snprintf(text, sizeof(text), "%.*s", (int)length, host);
	if (length >= sizeof(text) || getaddrinfo(text, NULL, &HINTS, &found))
		return -EINVAL;
	memcpy(&local->storage, found->ai_addr, found->ai_addrlen);
	local->length = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

int local_read(const char *host, uint32_t port, struct local *local)
{
	struct sockaddr_in *four = (struct sockaddr_in *)&local->storage;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&local->storage;
	size_t length = strlen(host), bracketed = length > 2 && *host == '[' &&
		host[length - 1] == ']';
	int status;

	*local = (struct local){ .length = sizeof(*four) };
	if (!strchr(host, ':')) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)port);
		return inet_pton(AF_INET, host, &four->sin_addr) == 1 ? 0 : -EINVAL;
	}
	status = read_six(host + bracketed, length - 2 * bracketed, local);
	if (!status)
		six->sin6_port = htons((uint16_t)port);
	return status;
}

bool local_is_any(const struct local *local)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)&local->storage;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&local->storage;

	if (local->storage.ss_family == AF_INET)
		return four->sin_addr.s_addr == htonl(INADDR_ANY);
	return local->storage.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);
}

const char *local_show(const struct local *local, char text[LOCAL_SHOWN_MAX])
{
	char host[LOCAL_SHOWN_MAX - 10], port[6];

	if (getnameinfo((const struct sockaddr *)&local->storage, local->length, host, sizeof(host),
			port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV | NI_DGRAM))
		return strcpy(text, "?");
	snprintf(text, LOCAL_SHOWN_MAX, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
	return text;
}
