/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* One HTTP answer as it comes in, in pieces of any size, and its body when it is whole. The parser
 * is Debian's http-parser, as of a request. */
#ifndef COMPARE_ROCKETS_ANSWER_H
#define COMPARE_ROCKETS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ANSWER_PARSER_BYTES = 64 };

struct answer {
	/* Read when it is whole. */
	unsigned int status;
	char *body; /* it doesn't end with a zero; good until the next answer begins */
	size_t body_bytes;
	size_t behind_bytes; /* that came with its last piece, and are no part of it */

	/* Its own. */
	size_t room_bytes; /* of body, which is kept for the next answer */
	bool whole;
	int error;
	_Alignas(uint64_t) unsigned char parser[ANSWER_PARSER_BYTES];
};

/* Zeroed memory, or one that was used before. */
void answer_begin(struct answer *answer);

/* Feeds what has come; 0 bytes: the connection has ended. 1: the answer is whole, and says 200; 0:
 * there is more to come; -EREMOTEIO: it says another status, -ENODATA: it is cut short, -EPROTO: it
 * is no HTTP, or -ENOMEM. */
int answer_feed(struct answer *answer, const char *data, size_t bytes);

void answer_free(struct answer *answer);

#endif
