/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* When which message of an open loop is due. The messages of all connections together come at one
 * constant interval, and take turns through the connections: so each connection's own interval is
 * constant, too, and its messages lie evenly between those of the others. Every due time is
 * computed from the start and never from the one before, so that nothing drifts, however long it
 * goes on. */
#ifndef COMPARE_LOAD_SCHEDULE_H
#define COMPARE_LOAD_SCHEDULE_H

#include <stdint.h>

enum { SCHEDULE_RATE_MAX = 10000000 };

struct schedule {
	uint64_t start_ns;    /* message 0 is due */
	uint32_t rate_per_s;  /* of all connections, up to SCHEDULE_RATE_MAX; 0: closed loop */
	uint32_t connections; /* at least 1 */
};

/* When a message, counted from 0 over all connections, is due. */
uint64_t schedule_due_ns(const struct schedule *schedule, uint64_t message);

/* How many messages have been due, those of at_ns itself included. */
uint64_t schedule_count(const struct schedule *schedule, uint64_t at_ns);

/* The same of one connection alone. */
uint64_t schedule_count_of(const struct schedule *schedule, uint32_t connection, uint64_t at_ns);

/* A connection's own nth message, from 0, as it is counted over all connections. */
static inline uint64_t schedule_message(const struct schedule *schedule, uint32_t connection,
					uint64_t nth)
{
	return nth * schedule->connections + connection;
}

static inline uint32_t schedule_connection(const struct schedule *schedule, uint64_t message)
{
	return (uint32_t)(message % schedule->connections);
}

#endif
