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
	uint32_t scoped;    /* the first request through its scope that the script has made */
	uint32_t abandoned; /* it never ends, as far as anybody is told */
	uint32_t ended;    /* as far as anything but its memory goes */
	uint32_t released; /* that is back: with its end, of a zero-copy send later */
	uint32_t latest;   /* its start, or its last completion so far */
	uint32_t moved;    /* by all its events */
	uint32_t accepted; /* handles that came with it */
	uint16_t given;    /* the buffer of its pool that it was started with */
	uint64_t due_ns;
	bool started_inside;   /* a completion: of what else its turn did nothing is known */
	bool cancelled_inside;
	bool late;  /* started in a scope that may have been cleaning up: without a say there */
	bool broke; /* on the line of writes: those behind it must not go on */
};

/* What the ends of its members say about a scope. */
struct record_scope {
	const struct step *step;
	uint64_t due_ns;      /* 0: none */
	uint64_t cleaning_ns; /* since when it cleans up; 0: it doesn't */
	uint32_t opened;
	uint32_t asked; /* by the script, it or one around it, when it listened */
	uint32_t joining;
	uint32_t joined;
	uint32_t first; /* told of the first that completed */
	uint32_t members; /* operations and scopes in it that haven't ended */
	uint32_t ended;
	uint32_t completed;
	int32_t failure; /* that counts: of a race the last, else the first; 0: none */
	uint8_t stops;   /* errors with which somebody was stopped, see judge_scopes.c */
	uint8_t doubts;  /* with which somebody was stopped, or has failed */
	bool perhaps;    /* asked when it may have listened no longer */
	bool drained;    /* joining, and nobody was in it: it may clean up from here on */
	bool blurred;    /* somebody came in who may have had no say in its result */
	uint16_t cleanups[SCRIPT_IDS]; /* registered and not run, the last on top */
	uint32_t cleanup_count;
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
	struct record_scope scopes[SCRIPT_SCOPES];
	uint64_t now_ns; /* by the events so far */
	uint64_t missing; /* bytes that were sent, and for which only what was abandoned can have asked */
	bool struck[SCRIPT_FAULTS]; /* this fault of the script has been seen */
	uint8_t held[SCRIPT_POOLS][JUDGE_BUFFERS];
	uint32_t held_count[SCRIPT_POOLS];
	uint32_t all_free[SCRIPT_POOLS]; /* when the last of its held buffers came back */
};

/* The first complaint counts. */
__attribute__((format(printf, 2, 3))) void judge_complain(struct judge *judge, const char *format,
							  ...);

/* When a close of this object was started: 0 for never. */
uint32_t judge_closed(const struct judge *judge, struct object object);
/* Of the handle that it works on: an open names a file, and works on none. */
uint32_t judge_closing(const struct judge *judge, const struct record *record);
/* When this end stopped sending, by close or shutdown. */
uint32_t judge_silenced(const struct judge *judge, struct object object);

/* From when on an injected error may have reset its connection. */
uint32_t judge_reset(const struct judge *judge, struct object end);
/* When this end was closed, shut, or may have been reset: whichever was first. */
uint32_t judge_lost(const struct judge *judge, struct object end);
uint32_t judge_over(const struct judge *judge, struct object end);

static inline bool judge_pending(const struct record *record)
{
	return record->started && !record->ended && !record->abandoned;
}

/* Is its result told, and its memory not back? */
static inline bool judge_held(const struct record *record)
{
	return record->ended && !record->released;
}

/* Did that happen, and before the end? */
static inline bool judge_before_end(const struct record *record, uint32_t number)
{
	return number && number < record->ended;
}

/* ---- While the events are read. ---- */

void judge_end(struct judge *judge, const struct record *record);
/* What a completion brought of a pool; an interim -ENOBUFS. */
void judge_buffer(struct judge *judge, const struct record *record, const struct event *event);
/* An item of a multishot poll. */
void judge_events_told(struct judge *judge, const struct record *record, const struct event *event);
void judge_starved(struct judge *judge, const struct record *record, const struct event *event);
/* A start with a buffer of a pool, or its refusal: was one free? */
void judge_taken(struct judge *judge, struct record *record, const struct event *event);
void judge_return(struct judge *judge, const struct event *event, uint32_t number);
/* A start in a scope, or its refusal, an end there, and what concerns a scope. */
void judge_member(struct judge *judge, struct record *record, const struct event *event);
void judge_member_ended(struct judge *judge, struct record *record, const struct event *event);
void judge_scope(struct judge *judge, const struct event *event, uint32_t number);
/* Was its end requested through its scope, for that cause? */
bool judge_scope_stops(const struct judge *judge, const struct record *record, uint8_t cause);
/* The earliest of its own due time and that of the scopes around it; 0: none. */
uint64_t judge_due(const struct judge *judge, const struct record *record);
/* One line of the account. */
void judge_account_line(struct judge *judge, const struct event *event);

/* ---- One rule-book each, when all events have been read. ---- */

void judge_account(struct judge *judge);
void judge_follow(struct judge *judge);
void judge_times(struct judge *judge);
void judge_lines(struct judge *judge);
void judge_streams(struct judge *judge);

#endif
