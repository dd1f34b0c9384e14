/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* One HTTP request as it comes in, in pieces of any size; what it asks for, when it is whole. A body is
 * read and thrown away. The parser is Debian's http-parser, which only request.c and answer.c know. */
#ifndef COMPARE_ROCKETS_REQUEST_H
#define COMPARE_ROCKETS_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REQUEST_TARGET_MAX = 256, REQUEST_BODY_MAX = 1 << 16, REQUEST_PARSER_BYTES = 64 };

enum request_method { REQUEST_GET, REQUEST_HEAD, REQUEST_OTHER };

struct request {
	/* Read when it is whole. */
	enum request_method method;
	const char *path; /* inside target, without a query; it doesn't end with a zero */
	size_t path_bytes;
	bool stays; /* the connection, for another request */

	/* Its own. */
	char target[REQUEST_TARGET_MAX];
	size_t target_bytes, body_bytes;
	bool whole;
	int refusal;
	_Alignas(uint64_t) unsigned char parser[REQUEST_PARSER_BYTES];
};

void request_begin(struct request *request);

/* Feeds what has come; *used is how much of it was this request's. 0: there is more to come; 1: it is
 * whole; else the status of HTTP to refuse it with, and nothing that follows makes sense. */
int request_feed(struct request *request, const char *data, size_t bytes, size_t *used);

#endif
