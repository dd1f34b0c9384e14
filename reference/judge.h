/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_JUDGE_H
#define REFERENCE_JUDGE_H

#include <stdarg.h>

#include "reference/acceptor.h"

/* What the parts of the acceptor share: the trace by operation. */

#define JUDGE_BUFFERS 1024

/* Numbers of events count from 1; 0: it never happened. */
struct record {
	const struct step *step;
	const struct event *end;
	uint32_t started;
	uint32_t refused;
	uint32_t cancelled; /* the first request */
	uint32_t ended;
	uint32_t moved;    /* by all its events */
	uint32_t accepted; /* handles that came with it */
	uint64_t due_ns;
	bool broke; /* on the line of writes: those behind it must not go on */
};

struct judge {
	const struct script *script;
	const struct trace *trace;
	char *complaint;
	size_t size;
	bool failed;
	struct record records[SCRIPT_IDS];
	uint16_t order[SCRIPT_IDS]; /* ids in the order in which they were started */
	uint32_t order_count;
	uint8_t held[SCRIPT_POOLS][JUDGE_BUFFERS];
};

/* The first complaint counts. */
__attribute__((format(printf, 2, 3))) void judge_complain(struct judge *judge, const char *format,
							  ...);

/* When a close of this object was started: 0 for never. */
uint32_t judge_closed(const struct judge *judge, struct object object);
/* When this end stopped sending, by close or shutdown. */
uint32_t judge_silenced(const struct judge *judge, struct object object);

/* One rule-book each. */
void judge_end(struct judge *judge, const struct record *record);
void judge_streams(struct judge *judge);
void judge_lines(struct judge *judge);

#endif
