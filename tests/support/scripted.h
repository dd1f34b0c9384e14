/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_SCRIPTED_H
#define TESTS_SUPPORT_SCRIPTED_H

#include "core/backend.h"

/*
 * A backend that does what the case says, to show core what no kernel shows on demand: no room,
 * an answer that is no ending, a result after its cancel, a buffer inside a failure.
 *
 * What it was given stands in script.with, in order. It reports only what was planned with
 * script_*(), in the next turn, in the order of planning. Time is script.now_ns.
 */
#define SCRIPT_MAX 256

enum script_what { SCRIPT_END, SCRIPT_END_BUFFER, SCRIPT_ACCEPTED, SCRIPT_BUFFER, SCRIPT_STARVE,
	SCRIPT_AGAIN };

struct script_report {
	struct duet_op *op;
	enum script_what what;
	int result;
	uint16_t index;
};

struct script {
	uint64_t now_ns;
	uint64_t clock_step_ns; /* what each reading of the clock adds */
	unsigned room;       /* starts and cancels that still fit; UINT32_MAX: no bound */
	bool ends_at_once;   /* start ends with `result` */
	int result;
	int cancel_answer;   /* BACKEND_ISSUED or BACKEND_ENDED */
	int create_error;    /* what create and probe refuse with */
	int probe_error;
	struct duet_op *with[SCRIPT_MAX]; /* handed over by start, never taken out */
	unsigned count;
	struct duet_op *cancelled[SCRIPT_MAX];
	unsigned cancels;
	struct script_report planned[SCRIPT_MAX];
	unsigned plans;
	unsigned creates;
	unsigned waits;
	unsigned wakes;
	unsigned detached;
	unsigned clock_reads;
	int64_t timeout_ns; /* of the last wait */
};

extern struct script script;

/* A fresh script, and a loop on it. */
struct duet_loop *script_open(const struct duet_loop_options *options);
const struct duet_backend *scripted(void);
void script_plan(struct duet_op *op, enum script_what what, int result, uint16_t index);
/* A handle of a real descriptor, which the script never touches. */
duet_handle script_handle(struct duet_loop *loop);

#endif
