/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * What is asked of a service that is no echo, again and again, and what it has to answer: byte for byte,
 * but for the time of day. The request is always the same on a connection, and so is its answer.
 *
 * kv: a value is stored under the connection's own key, and fetched; two commands of the Redis protocol.
 * http: a file is fetched on a connection that stays.
 */
#ifndef COMPARE_LOAD_DIALOGUE_H
#define COMPARE_LOAD_DIALOGUE_H

#include <stddef.h>
#include <stdint.h>

#include "compare/load/address.h"

enum { DIALOGUE_PATH_MAX = 1024 };

struct dialogue {
	unsigned char *requests; /* one behind the other, so that many go out in one piece */
	uint32_t request_bytes, requests_bytes;
	unsigned char *answer;
	uint32_t answer_bytes;
	uint32_t head_bytes;            /* http: in front of the file */
	uint32_t time_from, time_until; /* in the answer: what isn't looked at */
};

/* depth: requests that may be unanswered. 0 or -ENOMEM. */
int dialogue_make_kv(struct dialogue *dialogue, uint32_t stream, uint32_t value_bytes,
		     uint32_t depth);
int dialogue_make_http(struct dialogue *dialogue, const struct address *address, const char *path,
		       uint32_t depth);

/* Of http the answer is learnt: the first one, asked of a connected socket that doesn't block. With
 * file_bytes the file has to be the pattern of stream 0 (pattern.h). 0, or a negative errno: -ETIMEDOUT,
 * -EPROTO (no answer of HTTP/1.1 that says its length), -ENOENT (another status than 200), -EMSGSIZE (more
 * than can be kept), -EBADMSG (not the file). */
int dialogue_learn(struct dialogue *dialogue, int fd, uint32_t file_bytes);

/* Frees what was made; of one that is all zero nothing. */
void dialogue_end(struct dialogue *dialogue);

/* The bytes to send from a position on, and how many follow in one piece. */
const unsigned char *dialogue_at(const struct dialogue *dialogue, uint64_t position,
				 size_t *available);

/* How many of the bytes that came are not what they should be. */
size_t dialogue_wrong(const struct dialogue *dialogue, uint64_t position,
		      const unsigned char *data, size_t length);

#endif
