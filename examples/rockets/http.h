/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/* One HTTP request and its answer, as bytes: how they travel is somebody else's. */
#ifndef EXAMPLES_ROCKETS_HTTP_H
#define EXAMPLES_ROCKETS_HTTP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct http_exchange {
	/* To be sent. */
	char request[256];
	size_t request_bytes;
	/* To be received into, piece by piece. */
	char piece[2048];
	/* The answer, when it is whole. The body ends with a zero. */
	char *body;
	size_t body_bytes;
	unsigned status;

	/* Its own. */
	int error;
	int whole;
	union {
		uint64_t aligned;
		unsigned char bytes[64];
	} parser;
};

/* A GET, over a connection that is closed behind it. */
void http_ask(struct http_exchange *exchange, const char *host, const char *path);

/* So many bytes were received into `piece`; 0: the connection has ended. 1: the answer is whole, and
 * well; 0: there is more to come; or a negative error, which http_words() puts into words. */
int http_feed(struct http_exchange *exchange, size_t bytes);

const char *http_words(const struct http_exchange *exchange, int error, char *text, size_t size);

/* The body is given back. Zeroed memory, or an exchange that has ended. */
void http_forget(struct http_exchange *exchange);

#ifdef __cplusplus
}
#endif

#endif
