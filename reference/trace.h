/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_TRACE_H
#define REFERENCE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "reference/script.h"

/*
 * A trace: what was seen when a script was played, in the order in which it was seen.
 * docs/trace-format.md describes the text.
 */

enum event_what {
	EVENT_START,   /* id at_ns due_ns: it was lent; due_ns of a timeout or deadline, or 0 */
	EVENT_REFUSE,  /* id result */
	EVENT_CANCEL,  /* id at_ns: a cancel was requested while it was pending */
	EVENT_ABANDON, /* id at_ns result: it was given up while it was pending, or that was refused */
	EVENT_ITEM,    /* id result moved hash pool index: an interim completion */
	EVENT_RESULT,  /* id result moved disposition cause at_ns: of a send whose memory is not back */
	EVENT_END,     /* id result moved disposition cause at_ns hash pool index at_once */
	EVENT_CLEANUP, /* id: the cleanup of its scope has come to it, and starts it */
	EVENT_FIRST,   /* object at_ns: the first of the scope's members has completed */
	EVENT_JOINED,  /* object result cause at_ns: the scope is over */
	EVENT_MESSAGE, /* id: the how-many-th message that was posted has run, from 0 on */
	EVENT_TURN,    /* at_ns: the turns of a step are over */
	EVENT_RETURN,  /* pool index: a buffer went back; result of the call */
	EVENT_DEFER,   /* id result: it was registered with its scope, for its cleanup */
	EVENT_SCOPE,   /* object result at_ns due_ns: it was opened, or that was refused */
	EVENT_ASK,     /* object at_ns: it was asked to end */
	EVENT_DUE,     /* object result at_ns due_ns: it was given a deadline */
	EVENT_JOIN,    /* object result: nothing more comes into it */
	EVENT_DRAINED, /* object moved hash: bytes that no operation of the script received */
	EVENT_WAITING, /* object moved: connections that no operation of the script accepted */
	EVENT_LENT,    /* moved bytes, result count: the ledger at the end */
	EVENT_HELD,    /* result buffers held at the end, by the ledger */
	EVENT_DISCARDED, /* moved: bytes that came for what had been abandoned */
	EVENT_FREE,    /* pool moved: free buffers of a pool at the end */
	EVENT_OPEN,    /* result descriptors more at the end than at the beginning */
	EVENT_PENDING, /* result operations pending at the end */
	EVENT_DESTROY, /* result of giving the runtime up */
	EVENT_BUSY,    /* result of giving it up with moved operations pending */
	EVENT_STUCK,   /* id: waited for in vain; with a result: something of the player's own was */
	EVENT_COUNT
};

#define TRACE_NO_BUFFER UINT16_MAX

struct event {
	uint8_t what; /* enum event_what */
	uint8_t disposition;
	uint8_t cause;
	bool made;    /* a handle came with it */
	bool at_once; /* it ended inside its start, and nothing was called */
	uint16_t id;
	uint16_t pool;
	uint16_t index; /* of the pool's buffer, TRACE_NO_BUFFER */
	struct object object;
	int32_t result;
	uint32_t moved;
	uint64_t hash; /* of the bytes received */
	uint64_t at_ns;
	uint64_t due_ns;
};

#define TRACE_EVENTS 8192

struct trace {
	char player[48];
	uint32_t count;
	bool truncated; /* more than TRACE_EVENTS happened */
	struct event events[TRACE_EVENTS];
};

/* A new event at the end, zeroed but for what and index; never NULL. */
struct event *trace_add(struct trace *trace, enum event_what what);

void trace_write(const struct trace *trace, FILE *out);
int trace_read(struct trace *trace, FILE *in, char *complaint, size_t size);

/* The word that begins its line. */
const char *event_word(unsigned what);
/* The event in words, as in the text. */
void event_write(const struct event *event, FILE *out);

#endif
