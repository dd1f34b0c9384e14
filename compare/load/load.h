/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The load generator: a plain epoll program, the same whatever serves. It knows nothing of Duet's
 * libraries, so that what is measured never measures itself. */
#ifndef COMPARE_LOAD_LOAD_H
#define COMPARE_LOAD_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "compare/load/address.h"
#include "compare/load/connection.h"
#include "compare/measure/window.h"

/* How many messages of a connection may be unanswered in an open loop: as many as are due in a
 * second, and LOAD_STAMPS_MIN at least. What is due beyond that is held back until an answer comes.
 * LOAD_FILES: descriptors that it has beside its connections, at most. */
enum { LOAD_SILENCE_S = 5, LOAD_STAMPS_MIN = 16, LOAD_FILES = 8 };

/* What is played. */
enum load_manner {
	LOAD_ECHO,
	LOAD_CHURN, /* a connection for each message: see churn.h */
	LOAD_SLOW,  /* echo, with a reader that is slower than its writer */
	LOAD_HTTP,  /* a file is fetched: see dialogue.h */
	LOAD_KV,    /* a value is stored and fetched */
	LOAD_UDP,   /* echo, in datagrams: one waits for its answer, which comes unless one is lost */
	LOAD_COPY,  /* a connection for each file, which comes without being asked for: see churn.h */
	LOAD_MANNERS
};

/* Slow, where nothing is said: so much is unanswered that no socket holds it, and so many bytes a second
 * are read of a connection. */
enum { SLOW_DEPTH = 512, SLOW_SIZE = 16384, SLOW_READS = 1 << 20, COPY_SIZE = 65536 };

/* Datagrams that wait in the server's socket, one a connection, have room there as it usually is. */
enum { UDP_SIZE_MAX = 65507, UDP_WAITING_MAX = 160000, UDP_WAITING_EACH = 1024 };

extern const char *const LOAD_NAMES[LOAD_MANNERS];

struct load_options {
	struct address address;
	enum load_manner manner;
	uint32_t connections; /* at least 1 */
	uint32_t size_bytes;  /* at least 1; http: of the file, which is the pattern; or 0: any */
	const char *path;     /* http: asked for */
	uint32_t depth;       /* closed loop: unanswered messages a connection, at least 1 */
	uint32_t rate_per_s;  /* open loop: messages, of all connections together; 0: closed loop */
	uint64_t read_bytes_per_s; /* slow: of one connection */
	uint64_t warmup_ns;   /* played before the window opens */
	uint64_t duration_ns; /* of the window */
	pid_t subject;        /* the serving process, if it is on this machine, or 0 */
	pid_t carrier;        /* a process that carries the packets, or 0 */
};

struct load_result {
	struct connection_run run;
	struct window window;
	uint64_t due;              /* open loop: messages that were due in the window */
	uint64_t lost_bytes;       /* sent, and the server said goodbye without them */
	bool ended_early;          /* by Ctrl-C or another such signal, see process.h */
	char problem[480];         /* what stopped it, if something did */
};

/* Whether so many datagrams may wait to be received, one a connection, without one that is lost. */
bool load_datagrams_fit(uint32_t connections, uint32_t size_bytes);
#define LOAD_DATAGRAMS_REFUSED                                                                     \
	"%s: --size %u and --connections %u: so many datagrams at once have no room in the "      \
	"server's socket; give 65507 bytes at most, and 160 KB in all, with 1 KB for each"

/* Open loop: whether the server took what was due. Nothing was held back, and what was answered in
 * the window is less than what was due in it by 2 % at most: of what is due in a second if the
 * window is shorter, so that a hiccup of 20 ms at its end is none of the rate's, but never by more
 * than a tenth, for then a server at half the rate would pass for one with a hiccup. One message may
 * be missing in any case. */
bool load_rate_kept(const struct load_result *result);

/* Whether the generator itself was the bottleneck, so that the figures are more its own than the
 * server's. Closed loop: it was at work for 95 % of the window. Open loop: it came round to one
 * message in a hundred so late that this is more than a quarter of the p99 latency (and more than
 * LOAD_LATE_NS): neither a full socket nor taken stamps count as that. */
enum { LOAD_LATE_NS = 100000 };
bool load_limited(const struct load_result *result);

/* 0, or a negative errno; then problem says which connection and what happened. Wrong bytes, and
 * bytes that are missing where a server ended a connection in good order, whenever it did so, are
 * results; a reset is an error, and so is a server that is silent for LOAD_SILENCE_S, -ETIMEDOUT:
 * nobody knows what it would have answered. -EINTR: a signal came before anything was measured. */
int load_play(const struct load_options *options, struct load_result *result);

#endif
