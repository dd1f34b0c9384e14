/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A workload: something that every arm can be made to do, in a fresh process each time. A cell is a
 * workload with its parameters and the arms that play it. */
#ifndef COMPARE_WORKLOADS_WORKLOAD_H
#define COMPARE_WORKLOADS_WORKLOAD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/floors/cancel_engine.h"
#include "compare/arm.h"
#include "compare/measure/rounds.h"
#include "compare/wire.h"

struct question;
struct view;
struct workload;

enum { WORKLOAD_ITEMS_MAX = 10000 }; /* of a list of rockets */

struct cell {
	const struct workload *workload;
	uint32_t connections; /* of what is served; rockets: requests at once */
	uint32_t size_bytes;  /* of a message; http, copy: of the file; kv: of a value */
	uint32_t read_bytes_per_s; /* slow: of a connection */
	uint32_t items;       /* rockets: in the list */
	uint64_t latency_ns;  /* rockets: before each answer */
	uint64_t delay_ns;                /* echo: of each direction of a wire; 0: bare loopback */
	uint32_t rate_per_s;              /* echo: of an open loop, or 0; informed */
	uint32_t depth;                   /* at once, of a connection or a file */
	uint32_t block_bytes;             /* file */
	bool direct;                      /* file: past the page cache */
	const char *file;                 /* NULL: one is made */
	enum cancel_method method;        /* cancel */
	uint32_t operations, pending;     /* cancel: that one request ends, and of how many at once */
	bool storm;                       /* cancel: by deadline, but for one of a hundred */
	const char *idle_children;        /* informed: a list, "1,100"; each arm has one of them */
	const struct question *question;  /* NULL: every arm is set against the first */
	uint32_t within_percent;          /* of a question: what is next to nothing */
	uint32_t rounds, repeats_max;
	bool kernel_view;                 /* wanted, after the rounds */
	uint64_t warmup_ns, duration_ns;  /* of one slot */
	uint32_t arm_count;
	struct arm arms[ROUNDS_ARMS_MAX];
};

/* What playing needs beside the cell; belongs to the run of one cell. */
struct stage {
	int subject_cpu, load_cpu; /* or PROCESS_ANYWHERE */
	uint64_t seed;             /* of this slot's own randomness */
	int file, sums;            /* what the file workload prepared: descriptors, or -1 */
	struct wire wire;          /* what the echo workload prepared */
	char folder[256];          /* what http and copy prepared; "": nothing */
	uint64_t blocks, stride_bytes;
	struct view *view; /* counts what the arm's process does in this slot; NULL in a timed one */
};

/* What play says beside the program's exit codes: Ctrl-C came. */
enum { WORKLOAD_INTERRUPTED = -2 };

struct workload {
	const char *name;
	bool served; /* by a process of its own, which may also be a floor or another program */
	json_t *(*parameters)(const struct cell *cell);
	/* Whether what it needs is there, before anything is played. Exit codes; why has been said. */
	int (*check)(const struct cell *cell);
	/* Whether it knows a way to play this arm, as far as that is no matter of the backend itself.
	 * NULL: as served says. */
	int (*check_arm)(const struct cell *cell, const struct arm *arm);
	/* Exit codes; why has been said. NULL, as tidy: there is nothing to prepare. */
	int (*prepare)(struct stage *stage, const struct cell *cell);
	/* One slot: *slot is as slot_json() has it, with "counters". With SAY_WRONG_BYTE there is
	 * a slot too. */
	int (*play)(const struct stage *stage, const struct cell *cell, const struct arm *arm,
		    json_t **slot);
	void (*tidy)(struct stage *stage);
};

extern const struct workload WORKLOAD_ECHO, WORKLOAD_CHURN, WORKLOAD_SLOW, WORKLOAD_HTTP,
	WORKLOAD_KV, WORKLOAD_PROXY, WORKLOAD_UDP, WORKLOAD_COPY, WORKLOAD_ROCKETS, WORKLOAD_FILE, WORKLOAD_CANCEL, WORKLOAD_INFORMED;

const struct workload *workload_find(const char *name);

#endif
