/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* One HTTP request as it comes in, in pieces of any size; what it asks for, when it is whole. A body is
 * read and thrown away. The parser is Debian's http-parser, which only request.c and rockets/answer.c
 * know. */
#ifndef COMPARE_HTTP_REQUEST_H
#define COMPARE_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* REQUEST_HEAD_MAX: of its first line and all header fields. */
enum {
	REQUEST_TARGET_MAX = 4096,
	REQUEST_HEAD_MAX = 16 << 10,
	REQUEST_BODY_MAX = 1 << 16,
	REQUEST_FIELD_MAX = 256,
	REQUEST_NAME_MAX = 20,
	REQUEST_PARSER_BYTES = 64,
};

enum request_method { REQUEST_GET, REQUEST_HEAD, REQUEST_OTHER };

/* The header fields that are kept, as far as they aren't longer than REQUEST_FIELD_MAX. */
enum request_field {
	REQUEST_RANGE,
	REQUEST_IF_RANGE,
	REQUEST_IF_NONE_MATCH,
	REQUEST_IF_MODIFIED_SINCE,
	REQUEST_HOST,
	REQUEST_EXPECT,
	REQUEST_FIELDS, /* any other */
};

struct request {
	/* Read when it is whole. */
	enum request_method method;
	const char *path; /* inside target, without a query; it doesn't end with a zero */
	size_t path_bytes;
	unsigned int minor; /* of HTTP/1 */
	unsigned int hosts; /* how often it names one */
	bool stays;         /* the connection, for another request */
	/* Ends with a zero; "" if there is none, or it is too long to be kept. */
	char fields[REQUEST_FIELDS][REQUEST_FIELD_MAX];
	char target[REQUEST_TARGET_MAX]; /* doesn't end with a zero; also of one that is refused */
	size_t target_bytes;

	/* Its own. */
	size_t bytes, body_bytes;
	bool headed, whole, in_name;
	int refusal;
	enum request_field field;
	bool too_long;
	size_t name_bytes, field_bytes;
	char name[REQUEST_NAME_MAX];
	_Alignas(uint64_t) unsigned char parser[REQUEST_PARSER_BYTES];
};

void request_begin(struct request *request);

/* Feeds what has come; *used is how much of it was this request's. 0: there is more to come; 1: it is
 * whole; else the status of HTTP to refuse it with, and nothing that follows makes sense. */
int request_feed(struct request *request, const char *data, size_t bytes, size_t *used);

#endif
