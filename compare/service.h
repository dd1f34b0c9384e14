/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A service: what all of `duet serve` has in common. A backend, its loop, a listener, and the signals
 * that end it. Each function says on its own what went wrong, and gives an exit code. */
#ifndef COMPARE_SERVICE_H
#define COMPARE_SERVICE_H

#include <duet/handle.h>
#include <duet/loop.h>
#include <duet/operation.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "compare/arm.h"

struct service {
	/* Set by the caller: as given on the command line; json may be NULL. */
	const char *backend, *host, *json;
	uint32_t port;
	const char *word; /* that the line of counts begins with; NULL: "served" */

	/* Read by the caller. */
	struct arm arm;
	struct duet_loop *loop;
	bool stopped; /* by a signal */

	struct duet_op op;       /* of what is done before it serves */
	struct duet_probe probe; /* of a backend that was refused */
	uint64_t begun_ns;
};

/* Of what an arm can be, a service takes a backend with its keys. A floor passes, too, if floors is set:
 * then it is the caller's to carry out. */
int service_find_backend(struct service *service, bool floors);

/* Before anything is done: whether what is to be written can be. */
int service_check_output(const struct service *service);

/* options: with the caller's bounds; `woken` and what the arm says are put in here. */
int service_create(struct service *service, struct duet_loop_options *options);

/* From here on a signal sets `stopped` and wakes the loop. */
void service_obey(struct service *service);

/* Listens, says so on the standard output, and obeys signals from here on. */
int service_listen(struct service *service, int backlog, duet_handle *listener);

/* The same of a socket for datagrams. */
int service_bind(struct service *service, duet_handle *socket);

/* Turns until a signal comes. */
int service_run(struct service *service);

/* The counters, with what the caller adds: an object that is given away, or NULL. It stands under key, or
 * where that is NULL among them. Nothing where no file was asked for. */
int service_write(const struct service *service, const char *key, json_t *more);

/* "WORD: NAME=NUMBER ..." on the standard output, unless the JSON goes there. */
void service_print(const struct service *service, json_t *counts);

/* A service of its own, in this frame: what it is given as context is its own. */
struct service_body {
	const char *key; /* under which its counts stand in the JSON */
	/* Listens, if it does, and begins. An exit code, and why has been said. */
	int (*start)(struct service *service, void *context);
	/* An object that is given away. */
	json_t *(*counts)(const void *context);
	/* After nothing is pending any more; also where start failed. */
	void (*finish)(void *context);
};

/* From the backend's name to the loop's end, a signal in between. An exit code. */
int service_serve(struct service *service, struct duet_loop_options *options,
		  const struct service_body *body, void *context);

/* Why a body couldn't begin to accept. */
int service_refuse_start(int status);

/* Ends what is pending, and the loop. code is what is given if that is well. False: the loop is still
 * there, and what belongs to it. */
bool service_end(struct service *service, int *code);

#endif
