/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * One turn of the echo loop with both ends in one thread: a message is written into each of B
 * client ends, the server runs until all are echoed, the replies are read. Only the server's part
 * is timed. Nobody sleeps and nothing migrates, which makes this the steadiest comparison of time
 * on a shared machine. All contestants take part in every block of a round, in shuffled order.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/clock.h"
#include "support/echo_server.h"
#include "floors/floor_epoll.h"
#include "floors/floor_uring.h"
#include "support/options.h"
#include "support/pairs.h"
#include "support/place.h"
#include "support/report.h"

enum { MESSAGE_BYTES = 64, READY_MAX = 512, BLOCKS = 31, BUFFERS_MIN = 64, BUFFER_BYTES = 16384 };

static const double turn_bound = 1.04;

enum contestant { FLOOR_EPOLL, FLOOR_EPOLL_AGAIN, POLLING, FLOOR_URING, COMPLETION, CONTESTANTS };

static const struct echo_engine *const engines[CONTESTANTS] = {
	[FLOOR_EPOLL] = &floor_epoll_engine,
	[FLOOR_EPOLL_AGAIN] = &floor_epoll_engine,
	[POLLING] = &twin_polling_engine,
	[FLOOR_URING] = &floor_uring_engine,
	[COMPLETION] = &twin_completion_engine,
};

struct family {
	const char *name;
	int (*pair)(int ends[2]);
};

static const struct family families[] = { { "tcp", pair_tcp }, { "unix", pair_unix } };

/* One engine with its own connections, for one case. */
struct contest {
	const struct echo_engine *engine;	/* NULL: could not be created */
	void *self;
	int clients[READY_MAX];
	double rounds[ROUNDS_MAX];		/* ns a message */
};

struct bench {
	struct report report;
	struct contest contests[CONTESTANTS];
	const struct family *family;
	uint32_t ready;
	uint64_t rounds;
	uint64_t block_us;	/* how long a block may take one contestant, roughly */
	uint64_t seed;
};

static void die(const char *what, int error)
{
	fprintf(stderr, "bench_turn: %s: %s\n", what, strerror(error));
	exit(3);
}

static void stuck(int signal)
{
	static const char text[] = "bench_turn: took longer than allowed: a turn does not end\n";

	(void)signal;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(4);
	_exit(3);
}

static void ask(const struct contest *contest, uint32_t ready, const char *message)
{
	for (uint32_t index = 0; index < ready; index++)
		if (send(contest->clients[index], message, MESSAGE_BYTES, MSG_NOSIGNAL) !=
		    MESSAGE_BYTES)
			die("a client cannot send", errno);
}

static void hear(const struct contest *contest, uint32_t ready, const char *message)
{
	char reply[MESSAGE_BYTES];

	for (uint32_t index = 0; index < ready; index++) {
		if (recv(contest->clients[index], reply, sizeof(reply), MSG_WAITALL) !=
		    MESSAGE_BYTES)
			die("a reply is missing", errno);
		if (memcmp(reply, message, sizeof(reply)) != 0) {
			fprintf(stderr, "bench_turn: %s sent back wrong bytes\n",
				contest->engine->name);
			exit(4);
		}
	}
}

/* The server's part of one turn, in ns. */
static uint64_t turn(struct contest *contest, const struct echo_tally *tally, uint32_t ready)
{
	uint64_t goal = tally->bytes + (uint64_t)ready * MESSAGE_BYTES;
	uint64_t begin = clock_ns();

	while (tally->bytes < goal) {
		int rc = contest->engine->turn(contest->self);

		if (rc < 0)
			die(contest->engine->name, -rc);
	}
	return clock_ns() - begin;
}

/* ns a message, over enough turns that reading the clock does not show. */
static double block(struct bench *bench, struct contest *contest, uint32_t turns)
{
	const struct echo_tally *tally = contest->engine->tally(contest->self);
	char message[MESSAGE_BYTES];
	uint64_t spent_ns = 0;

	for (uint32_t count = 0; count < turns; count++) {
		memset(message, (int)(rounds_random(&bench->seed) & 0xff), sizeof(message));
		ask(contest, bench->ready, message);
		spent_ns += turn(contest, tally, bench->ready);
		hear(contest, bench->ready, message);
	}
	return (double)spent_ns / turns / bench->ready;
}

static double median(double values[], size_t count)
{
	return rounds_estimate(values, count).middle;
}

/* A round is many short blocks of all contestants; the median block is what the round says, so a
 * block that the machine took away from us is not in it. */
static void play_round(struct bench *bench, uint64_t round, uint32_t turns)
{
	double blocks[CONTESTANTS][BLOCKS];
	unsigned int order[CONTESTANTS];

	for (unsigned int index = 0; index < CONTESTANTS; index++)
		order[index] = index;
	for (int pass = 0; pass < BLOCKS; pass++) {
		rounds_shuffle(order, CONTESTANTS, &bench->seed);
		for (unsigned int index = 0; index < CONTESTANTS; index++) {
			struct contest *contest = &bench->contests[order[index]];

			if (contest->engine)
				blocks[order[index]][pass] = block(bench, contest, turns);
		}
	}
	for (unsigned int index = 0; index < CONTESTANTS; index++)
		bench->contests[index].rounds[round] =
			bench->contests[index].engine ? median(blocks[index], BLOCKS) : NAN;
}

static int open_contest(struct bench *bench, struct contest *contest,
			const struct echo_engine *engine)
{
	struct echo_shape shape = {
		.connections_max = bench->ready,
		.descriptors_max = CONTESTANTS * READY_MAX * 2 + 256,
		.buffer_count = bench->ready < BUFFERS_MIN / 2 ? BUFFERS_MIN : bench->ready * 2,
		.buffer_bytes = BUFFER_BYTES,
	};

	contest->engine = NULL;
	contest->self = engine->create(&shape);
	if (!contest->self)
		return -errno;
	contest->engine = engine;
	for (uint32_t index = 0; index < bench->ready; index++) {
		int ends[2];
		int rc = bench->family->pair(ends);

		if (rc == 0)
			rc = engine->adopt(contest->self, ends[1]);
		if (rc < 0)
			die("cannot make a pair of sockets", -rc);
		contest->clients[index] = ends[0];
	}
	return 0;
}

static void close_contest(struct contest *contest, uint32_t ready)
{
	if (!contest->engine)
		return;
	for (uint32_t index = 0; index < ready; index++)
		close(contest->clients[index]);
	contest->engine->destroy(contest->self);
}

static void judge(struct bench *bench, enum contestant subject, enum contestant floor,
		  const char *name, double bound)
{
	struct contest *over = &bench->contests[subject];
	struct contest *under = &bench->contests[floor];
	struct estimate ratio = { NAN, NAN, NAN };
	double floor_ns = NAN;
	char text[48];

	snprintf(text, sizeof(text), "%s, %u ready", bench->family->name, bench->ready);
	if (over->engine && under->engine) {
		double values[ROUNDS_MAX];

		ratio = rounds_ratio(over->rounds, under->rounds, bench->rounds);
		memcpy(values, under->rounds, sizeof(values));
		floor_ns = median(values, bench->rounds);
	}
	report_add(&bench->report, text, name, "of floor's ns", ratio, bound, floor_ns,
		   over->engine && under->engine ? NULL : "this mechanism could not be set up");
}

static void judge_all(struct bench *bench)
{
	judge(bench, POLLING, FLOOR_EPOLL, "polling", turn_bound);
	judge(bench, COMPLETION, FLOOR_URING, "completion", turn_bound);
	judge(bench, FLOOR_URING, FLOOR_EPOLL, "uring/epoll", NAN);
	judge(bench, FLOOR_EPOLL_AGAIN, FLOOR_EPOLL, "epoll again", NAN);
}

static void play_case(struct bench *bench)
{
	uint32_t turns;
	double ns;

	for (int index = 0; index < CONTESTANTS; index++) {
		int rc = open_contest(bench, &bench->contests[index], engines[index]);

		if (rc < 0)
			fprintf(stderr, "bench_turn: %s: cannot be set up: %s\n",
				engines[index]->name, strerror(-rc));
	}
	/* Also the warm-up: every buffer, table and page is touched before the first round. */
	for (int index = 0; index < CONTESTANTS; index++)
		if (bench->contests[index].engine)
			block(bench, &bench->contests[index], 1 + BUFFERS_MIN * 2 / bench->ready);
	ns = block(bench, &bench->contests[FLOOR_EPOLL], 4) * bench->ready;
	turns = 1 + (uint32_t)((double)bench->block_us * 1000 / ns / 2);
	for (uint64_t round = 0; round < bench->rounds; round++)
		play_round(bench, round, turns);
	judge_all(bench);
	for (int index = 0; index < CONTESTANTS; index++)
		close_contest(&bench->contests[index], bench->ready);
}

static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < CONTESTANTS * READY_MAX * 2 + 256)
		die("the limit of open files (RLIMIT_NOFILE) is below 5376", EMFILE);
}

int main(int argc, char **argv)
{
	static const uint32_t ready[] = { 1, 8, 64, READY_MAX };
	static struct bench bench = { .rounds = 15, .block_us = 1000, .seed = 1 };
	const char *json = NULL;
	uint64_t seconds = 300;
	const struct bench_option options[] = {
		{ "rounds", &bench.rounds, ROUNDS_MAX, NULL },
		{ "block-us", &bench.block_us, 1000000, NULL },
		{ "seed", &bench.seed, UINT32_MAX, NULL },
		{ "seconds", &seconds, 3600, NULL },
		{ "json", NULL, 0, &json },
		{ 0 },
	};

	options_parse(options, argc, argv);
	signal(SIGALRM, stuck);
	alarm((unsigned int)seconds);
	allow_descriptors();
	if (place_process(0, PLACE_LAST) < 0)
		fprintf(stderr, "bench_turn: not pinned to a processor: figures will be noisier\n");
	report_begin(&bench.report, "turn", json, (unsigned int)bench.rounds);
	for (size_t kind = 0; kind < sizeof(families) / sizeof(families[0]); kind++) {
		for (size_t index = 0; index < sizeof(ready) / sizeof(ready[0]); index++) {
			bench.family = &families[kind];
			bench.ready = ready[index];
			play_case(&bench);
		}
	}
	return report_end(&bench.report);
}
