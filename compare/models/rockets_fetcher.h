/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A client of the rockets' API: fetches the list, and then each rocket of it, on so many lanes side
 * by side, each request on a connection of its own; within a deadline, and when one fails the rest
 * are asked to end. One whole fetch after the other. One source for all backends and models: how a
 * request waits, and goes on, is all that a model says. */
#ifndef COMPARE_MODELS_ROCKETS_FETCHER_H
#define COMPARE_MODELS_ROCKETS_FETCHER_H

#include <duet/handle.h>
#include <duet/operation.h>
#include <duet/scheduler.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compare/measure/histogram.h"
#include "compare/rockets/answer.h"
#include "compare/rockets/catalogue.h"

struct fetcher;
struct model_counts;

struct fetcher_model {
	const char *name;
	size_t bytes, lane_bytes; /* its own, of a whole fetch and of a lane of it; zeroed at first */
	int (*begin)(struct fetcher *fetcher); /* 0, or a negative errno: then nothing has begun */
	void (*cancel)(struct fetcher *fetcher); /* the fetch that is under way */
};

extern const struct fetcher_model FETCHER_CALLBACK, FETCHER_COROUTINE, FETCHER_FUTURE;

#define FETCHER_MODEL_NAMES "callback, coroutine and future"

const struct fetcher_model *fetcher_model_find(const char *name); /* NULL: none of this name */

struct fetcher_options {
	const struct fetcher_model *model;
	struct duet_loop *loop;
	struct sockaddr_in address;
	const struct catalogue *catalogue; /* what the answers have to be */
	uint32_t lanes;
	uint64_t deadline_ns;              /* of a whole fetch, from its start */
};

struct fetcher_result {
	uint64_t answered, fetched;     /* requests, and whole fetches */
	uint64_t lost;                  /* requests of a fetch that failed, without a right answer */
	uint64_t wrong_bytes;           /* of bodies that were not what they have to be */
	int error;                      /* the first one, which ended it all; see fetcher_words() */
	unsigned int status;            /* of HTTP, with -EREMOTEIO */
	char path[64];                  /* what it was that failed */
	struct histogram latency; /* of a request, from before its socket is made to its whole answer */
	struct histogram fetch;   /* of a whole fetch */
};

/* Makes it; nothing is fetched yet. NULL if there is no memory. */
struct fetcher *fetcher_create(const struct fetcher_options *options, struct fetcher_result *result);

/* Between turns: begins the next fetch if the last one is over, and well. False: one has failed, and
 * nothing of it is under way any more. */
bool fetcher_go_on(struct fetcher *fetcher);

/* From here on nothing new is begun, and the fetch that is under way is asked to end: what it
 * hasn't fetched by then is nobody's loss. Turns are taken until it isn't busy any more. */
void fetcher_stop(struct fetcher *fetcher);
bool fetcher_busy(const struct fetcher *fetcher);

void fetcher_count(const struct fetcher *fetcher, struct model_counts *counts);

/* What failed, in words. */
void fetcher_words(const struct fetcher_result *result, char *text, size_t size);

/* When it isn't busy any more, or its loop is gone. */
void fetcher_destroy(struct fetcher *fetcher);

/* ---- For models. ---- */

/* One request and its answer: a part of the model's own struct. */
struct exchange {
	struct fetcher *fetcher;
	uint32_t index; /* of the rocket in the list; or EXCHANGE_LIST */
	uint64_t begun_ns;
	bool answered;  /* the connection is still to end */
	char request[160];
	uint32_t request_bytes;
	char piece[4096]; /* received into */
	struct answer answer;
};

#define EXCHANGE_LIST UINT32_MAX

void *fetcher_state(const struct fetcher *fetcher);
void *fetcher_lane(const struct fetcher *fetcher, uint32_t index);
uint32_t fetcher_lanes(const struct fetcher *fetcher); /* of this fetch, once the list is there */
struct duet_scheduler *fetcher_scheduler(struct fetcher *fetcher);
uint64_t fetcher_deadline_ns(const struct fetcher *fetcher); /* of this fetch: absolute */

/* Where the exchange is. Once, before it is used: all of its memory belongs to the fetcher. */
void exchange_init(struct exchange *exchange, struct fetcher *fetcher);

/* What it is to fetch: the list; or the next rocket. False: there is none any more. */
void exchange_list(struct exchange *exchange);
bool exchange_next(struct exchange *exchange);

/* Says what op is to do: the steps of an exchange, in this order, the receive as often as is
 * needed. */
void exchange_socket(struct exchange *exchange, struct duet_op *op);
void exchange_connect(struct exchange *exchange, struct duet_op *op, duet_handle socket);
void exchange_send(struct exchange *exchange, struct duet_op *op, duet_handle socket);
void exchange_recv(struct exchange *exchange, struct duet_op *op, duet_handle socket);

/* What became of a receive: 0: there is more to come; 1: the answer was whole, and right, and the
 * connection has ended behind it; or an error. The server ends it first: it is the one who ends
 * first whose port can't be used for a while, and of the client's each is soon needed again. */
int exchange_take(struct exchange *exchange, int32_t result);

/* It has failed, at whatever step. -ECANCELED is no failure, but what another one has caused. */
void exchange_fail(struct exchange *exchange, int error);

/* The fetch is over: nothing of it is under way any more. */
void fetcher_fetched(struct fetcher *fetcher);

void fetcher_polled(struct fetcher *fetcher); /* a leaf future was */

#endif
