/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What is said to a client of the store: a run of answers as they fit a room of fixed size, and at its
 * end at most one string that is too long for it, which is sent from where it stands. */
#ifndef COMPARE_KV_REPLY_H
#define COMPARE_KV_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compare/kv/store.h"

/* An answer takes no more of the room than REPLY_ONE_MAX, and at most one string of it is longer than
 * REPLY_SHORT_MAX. */
enum { REPLY_ROOM = 16 << 10, REPLY_ONE_MAX = 4 << 10, REPLY_SHORT_MAX = 512 };

struct reply {
	size_t bytes;
	struct text string;   /* behind them, then a line's end; NULL: none */
	struct value *holds;  /* whose string that is; NULL: the request's */
	bool ends;            /* the connection, when all is sent */
	uint64_t errors;      /* that were said */
	char room[REPLY_ROOM];
};

void reply_begin(struct reply *reply);

/* Whether there is room for any answer. */
bool reply_has_room(const struct reply *reply);

void reply_status(struct reply *reply, const char *word);
void reply_error(struct reply *reply, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void reply_number(struct reply *reply, int64_t number);
void reply_count(struct reply *reply, uint32_t count); /* so many answers follow as one */
void reply_none(struct reply *reply);
/* holds: the value that it is of, or NULL. */
void reply_string(struct reply *reply, struct text text, struct value *holds);
void reply_word(struct reply *reply, const char *word);

#endif
