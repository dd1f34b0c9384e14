/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/* What the clients fetch, and what became of it: the list, then each rocket of it. Knows no model: it is
 * told what was fetched or failed, by one thread at a time. */
#ifndef EXAMPLES_ROCKETS_TABLE_H
#define EXAMPLES_ROCKETS_TABLE_H

#include "examples/rockets/http.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rocket;

struct table {
	int count; /* rockets in the list, once that was taken */
	int there; /* of these, taken */

	/* Its own. */
	const char *host;
	struct rocket *rockets;
	unsigned deadline_ms;
	int error; /* the first failure */
	char complaint[256];
};

/* Beside the indices of rockets, 0 to count - 1. */
enum { TABLE_LIST = -1 };

/* The request for one of them, or for the list. */
void table_ask(const struct table *table, int index, struct http_exchange *exchange);

/* The answer to it is whole: 0, or a negative error. */
int table_take(struct table *table, int index, const struct http_exchange *exchange);

/* It failed: the first that is told counts. -ECANCELED is none, but what another has caused, and
 * -ETIMEDOUT is the deadline of all. */
void table_fail(struct table *table, int index, int error, const struct http_exchange *exchange);

/* Prints all, or what went wrong, and frees it. The exit code: 0, 1 (something failed), 3 (the
 * deadline came). */
int table_end(struct table *table);

#ifdef __cplusplus
}
#endif

#endif
