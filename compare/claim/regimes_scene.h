/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Connections on which messages are received, and sent back or not, into memory of one regime. One thread
 * is both ends. */
#ifndef COMPARE_CLAIM_REGIMES_SCENE_H
#define COMPARE_CLAIM_REGIMES_SCENE_H

#include <duet/buffer.h>
#include <stdbool.h>
#include <stdint.h>

#include "compare/claim/claim.h"
#include "compare/laboratory/mechanism.h"

/* The five regimes, by their own numbers, and what is none: polling's dialect, in which a call borrows the
 * memory and nothing has it in between. */
enum { REGIMES_TRY = DUET_REGIME_COUNT, REGIMES_WAYS };

enum { REGIMES_BATCHES_MAX = 512, REGIMES_SINGLES_MAX = 1000 };

struct regimes_options {
	struct mechanism mechanism;
	unsigned int way;
	uint32_t connections; /* without echoes an even number: both ends of a pair are connections */
	uint32_t message_bytes, buffer_bytes;
	bool echoes;
	uint64_t seed; /* of whose turn it is */
};

/* In this order, each once; what a stage takes stays until the end. */
enum regimes_stage {
	REGIMES_SOCKETS,
	REGIMES_LOOP,
	REGIMES_RECORDS,  /* of the program's: an operation and what else it keeps of a connection */
	REGIMES_BUFFERS,
	REGIMES_RECEIVES, /* are pending, and each connection has had a message */
	REGIMES_STAGES
};

struct regimes_connection;

struct regimes_scene {
	const struct regimes_options *options;
	struct duet_loop *loop;
	struct duet_pool *pool;
	struct regimes_connection *connections;
	struct duet_op *ops;        /* one a connection; NULL: of the dialect */
	struct duet_op *replies;    /* of a pooled echo, whose receive stays */
	struct duet_wait *waits;    /* of the dialect, as ops */
	unsigned char *memory;      /* a buffer for each, or of the dialect one for all; NULL: a pool's */
	unsigned char *sent, *back; /* a message, and room for its echo */
	int *ends, *peers;          /* ends are the loop's once they were adopted, and then -1 */
	uint32_t *order;
	uint32_t next;              /* of order */
	uint32_t ended;
	bool wrong, ending;
};

const char *regimes_way_name(unsigned int way);

/* Of an arm, by what is behind its last '/'; REGIMES_WAYS: there is none such. */
unsigned int regimes_way_find(const char *arm);

/* The ways that there are on this mechanism, each set against lent there, and lent against the first arm of
 * the group. Registered is left out where no kernel knows of it, or its memory is refused. */
void regimes_add_arms(struct claim_group *group, const struct mechanism *mechanism,
		      uint32_t connections, uint32_t buffer_bytes);

/* Says so, where a ring was played in this group without it. */
void regimes_conclude_registered(json_t *result, const json_t *group);

/* 0, a negative errno, or -EBADMSG: what came was not what was sent; regimes_scene_end() in all cases. */
int regimes_scene_stage(struct regimes_scene *scene, enum regimes_stage stage);
int regimes_scene_begin(struct regimes_scene *scene, const struct regimes_options *options);
void regimes_scene_end(struct regimes_scene *scene);

/* A message to each of the next so many connections is sent; is received, and sent back; is what it was.
 * False: it isn't, or never came. */
bool regimes_scene_send(struct regimes_scene *scene, uint32_t count);
bool regimes_scene_play(struct regimes_scene *scene, uint32_t count);
bool regimes_scene_check(struct regimes_scene *scene, uint32_t count);

/* What is measured of `batches` times `count` messages, each message alone for the times. Of counters that
 * the machine lacks NAN. */
struct regimes_cost {
	double cpu_ns, instructions; /* a message, in the middle batch */
};

int regimes_scene_cost(struct regimes_scene *scene, uint32_t batches, uint32_t count,
		       struct regimes_cost *cost);

/* From the send of one message to when its end is told. */
struct regimes_latency {
	double p50_ns, p99_ns;
};

int regimes_scene_latency(struct regimes_scene *scene, uint32_t singles,
			  struct regimes_latency *latency);

#endif
