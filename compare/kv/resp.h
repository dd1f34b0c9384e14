/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* One request of the Redis protocol (RESP2) as it comes in, in pieces of any size: an array of bulk
 * strings, or a line of words. It knows nothing of what is asked, and reads and allocates nothing. */
#ifndef COMPARE_KV_RESP_H
#define COMPARE_KV_RESP_H

#include <stddef.h>
#include <stdint.h>

/* The bounds of one request; Redis has a million of arguments and 512 MiB. */
enum {
	RESP_ARGUMENTS_MAX = 1024,
	RESP_BULK_MAX = 16 << 20,
	RESP_INLINE_MAX = 64 << 10,
	RESP_REQUEST_MAX = RESP_BULK_MAX + (1 << 16), /* all of its bytes */
};

enum resp_phase {
	RESP_BEGIN,  /* nothing is known: the first byte decides */
	RESP_INLINE, /* a line of words */
	RESP_COUNT,  /* "*N": how many arguments there are */
	RESP_LENGTH, /* "$N": how long the next one is */
	RESP_BULK,   /* the argument */
	RESP_WHOLE,  /* all of it is there */
	RESP_WRONG,  /* it makes no sense, and neither does what follows it */
};

/* Where an argument stands, from the first byte of the request on. */
struct resp_argument {
	uint32_t offset, bytes;
};

struct resp {
	/* Read when it is whole. */
	uint32_t count;      /* 0: a line without a word, an empty array */
	size_t looked_bytes; /* that were the request's */
	/* Read when it is wrong: what to say of it. */
	char error[80];

	/* Its own. */
	enum resp_phase phase;
	uint32_t expected, bulk_bytes;
	struct resp_argument arguments[RESP_ARGUMENTS_MAX];
};

void resp_begin(struct resp *resp);

/* data: the request from its first byte on, and bytes of it; it was the same before, if shorter. 1: it is
 * whole; 0: there is more to come; -1: it is wrong. The quotes of a line are taken out in place. */
int resp_feed(struct resp *resp, char *data, size_t bytes);

/* How many bytes it will have at least, as far as is known. */
size_t resp_wants_bytes(const struct resp *resp);

/* Strictly as Redis has it: no sign but '-', no leading zero, no blank. 0, or -1 if it is none. */
int resp_number(const char *text, size_t bytes, int64_t *number);

#endif
