/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 */
#include "contest.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "pairs.h"
#include "place.h"

enum { MESSAGE_BYTES = 64, BLOCKS = 31, BUFFERS_MIN = 64, BUFFER_BYTES = 16384 };
enum { DESCRIPTORS_MAX = CONTESTANTS_MAX * CONTEST_READY_MAX * 2 + 256 };

const struct contest_family contest_families[CONTEST_FAMILIES] = {
	{ "tcp", pair_tcp },
	{ "unix", pair_unix },
};

static const char *bench_name = "";

static _Noreturn void die(const char *what, int error)
{
	fprintf(stderr, "bench_%s: %s: %s\n", bench_name, what, strerror(error));
	exit(3);
}

static void stuck(int signal)
{
	static const char text[] = "bench: took longer than allowed: a turn does not end\n";

	(void)signal;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(4);
	_exit(3);
}

static void ask(const struct contestant *one, uint32_t ready, const char *message)
{
	for (uint32_t index = 0; index < ready; index++)
		if (send(one->clients[index], message, MESSAGE_BYTES, MSG_NOSIGNAL) !=
		    MESSAGE_BYTES)
			die("a client cannot send", errno);
}

static void hear(const struct contestant *one, uint32_t ready, const char *message)
{
	char reply[MESSAGE_BYTES];

	for (uint32_t index = 0; index < ready; index++) {
		if (recv(one->clients[index], reply, sizeof(reply), MSG_WAITALL) != MESSAGE_BYTES)
			die("a reply is missing", errno);
		if (memcmp(reply, message, sizeof(reply)) != 0) {
			fprintf(stderr, "bench_%s: %s sent back wrong bytes\n",
				bench_name, one->engine->name);
			exit(4);
		}
	}
}

/* The server's part of one turn, in ns. */
static uint64_t turn(struct contestant *one, const struct echo_tally *tally, uint32_t ready)
{
	uint64_t goal = tally->bytes + (uint64_t)ready * MESSAGE_BYTES;
	uint64_t begin = clock_ns();

	while (tally->bytes < goal) {
		int rc = one->engine->turn(one->self);

		if (rc < 0)
			die(one->engine->name, -rc);
	}
	return clock_ns() - begin;
}

/* ns a message, over enough turns that reading the clock does not show. */
static double block(struct contest *contest, struct contestant *one, uint32_t turns)
{
	const struct echo_tally *tally = one->engine->tally(one->self);
	char message[MESSAGE_BYTES];
	uint64_t spent_ns = 0;

	for (uint32_t count = 0; count < turns; count++) {
		memset(message, (int)(rounds_random(&contest->seed) & 0xff), sizeof(message));
		ask(one, contest->ready, message);
		spent_ns += turn(one, tally, contest->ready);
		hear(one, contest->ready, message);
	}
	return (double)spent_ns / turns / contest->ready;
}

static double median(double values[], size_t count)
{
	return rounds_estimate(values, count).middle;
}

/* A round is many short blocks of all contestants; the median block is what the round says, so a
 * block that the machine took away from us is not in it. */
static void play_round(struct contest *contest, uint64_t round, uint32_t turns)
{
	double blocks[CONTESTANTS_MAX][BLOCKS];
	unsigned int order[CONTESTANTS_MAX];

	for (unsigned int index = 0; index < contest->count; index++)
		order[index] = index;
	for (int pass = 0; pass < BLOCKS; pass++) {
		rounds_shuffle(order, contest->count, &contest->seed);
		for (unsigned int index = 0; index < contest->count; index++) {
			struct contestant *one = &contest->contestants[order[index]];

			if (one->engine)
				blocks[order[index]][pass] = block(contest, one, turns);
		}
	}
	for (unsigned int index = 0; index < contest->count; index++)
		contest->contestants[index].rounds[round] =
			contest->contestants[index].engine ? median(blocks[index], BLOCKS) : NAN;
}

static int open_contestant(const struct contest *contest, struct contestant *one,
			   const struct echo_engine *engine)
{
	struct echo_shape shape = {
		.connections_max = contest->ready,
		.descriptors_max = DESCRIPTORS_MAX,
		.buffer_count = contest->ready < BUFFERS_MIN / 2 ? BUFFERS_MIN : contest->ready * 2,
		.buffer_bytes = BUFFER_BYTES,
	};

	one->engine = NULL;
	one->self = engine->create(&shape);
	if (!one->self)
		return -errno;
	one->engine = engine;
	for (uint32_t index = 0; index < contest->ready; index++) {
		int ends[2];
		int rc = contest->family->pair(ends);

		if (rc == 0)
			rc = engine->adopt(one->self, ends[1]);
		if (rc < 0)
			die("cannot make a pair of sockets", -rc);
		one->clients[index] = ends[0];
	}
	return 0;
}

static void close_contestant(struct contestant *one, uint32_t ready)
{
	if (!one->engine)
		return;
	for (uint32_t index = 0; index < ready; index++)
		close(one->clients[index]);
	one->engine->destroy(one->self);
}

static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < DESCRIPTORS_MAX)
		die("the limit of open files (RLIMIT_NOFILE) is below 8448", EMFILE);
}

void contest_prepare(const char *bench, uint64_t seconds)
{
	bench_name = bench;
	signal(SIGALRM, stuck);
	alarm((unsigned int)seconds);
	allow_descriptors();
	if (place_process(0, PLACE_LAST) < 0)
		fprintf(stderr, "bench_%s: not pinned to a processor: figures will be noisier\n",
			bench);
}

/* Every buffer, table and page is touched before the first round. */
static void warm_up(struct contest *contest, struct contestant *one)
{
	if (one->engine)
		block(contest, one, 1 + BUFFERS_MIN * 2 / contest->ready);
}

/* How many turns a block has, found out on the first contestant that there is. */
static uint32_t size_block(struct contest *contest)
{
	for (unsigned int index = 0; index < contest->count; index++) {
		struct contestant *one = &contest->contestants[index];
		double ns;

		if (!one->engine)
			continue;
		ns = block(contest, one, 4) * contest->ready;
		return 1 + (uint32_t)((double)contest->block_us * 1000 / ns / 2);
	}
	return 1;
}

void contest_play(struct contest *contest, const struct echo_engine *const *engines,
		  unsigned int count)
{
	uint32_t turns;

	contest->count = count;
	for (unsigned int index = 0; index < count; index++) {
		int rc = open_contestant(contest, &contest->contestants[index], engines[index]);

		if (rc < 0)
			fprintf(stderr, "bench_%s: %s: cannot be set up: %s\n", bench_name,
				engines[index]->name, strerror(-rc));
	}
	for (unsigned int index = 0; index < count; index++)
		warm_up(contest, &contest->contestants[index]);
	turns = size_block(contest);
	for (uint64_t round = 0; round < contest->rounds; round++)
		play_round(contest, round, turns);
	for (unsigned int index = 0; index < count; index++)
		close_contestant(&contest->contestants[index], contest->ready);
}

struct estimate contest_ratio(const struct contest *contest, unsigned int over, unsigned int under)
{
	const struct contestant *left = &contest->contestants[over];
	const struct contestant *right = &contest->contestants[under];

	if (!left->engine || !right->engine)
		return (struct estimate){ NAN, NAN, NAN };
	return rounds_ratio(left->rounds, right->rounds, contest->rounds);
}

double contest_ns(const struct contest *contest, unsigned int contestant)
{
	double values[ROUNDS_MAX];

	if (!contest->contestants[contestant].engine)
		return NAN;
	memcpy(values, contest->contestants[contestant].rounds, sizeof(values));
	return median(values, contest->rounds);
}
