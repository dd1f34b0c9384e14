/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Random reads of 4 KiB from a file of our own, out of the page cache and past it (O_DIRECT), one
 * and 32 at once. Each twin is set against a reader of the same mechanism that is written by hand:
 * the ring against a ring, polling against a loop of preads where the data is there, and where it is
 * not against a pool of as many threads as polling has workers.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "floors/floor_pool.h"
#include "floors/floor_pread.h"
#include "floors/floor_ring.h"
#include "support/child.h"
#include "support/clock.h"
#include "support/file_reader.h"
#include "support/options.h"
#include "support/place.h"
#include "support/report.h"
#include "support/tracer.h"

enum { BLOCK_BYTES = 4096, FILE_BLOCKS = 16384, PIECE_BLOCKS = 64, THREADS = 8, BURSTS_MAX = 31 };

static const double rate_bound = 0.95, cpu_bound = 1.05;

enum contestant {
	FLOOR_POLLING, FLOOR_NOWAIT, POLLING, POLLING_CALLED, FLOOR_COMPLETION, COMPLETION,
	CONTESTANTS
};

/* Past the page cache a burst is long enough for the device's own unrest, and there is one a round;
 * out of it many short ones, of which the round says the median. */
struct family {
	const char *name;
	int flags;
	unsigned int bursts;
	uint64_t burst_us;
	const struct file_engine *engines[CONTESTANTS];	/* NULL: does not take part */
};

static const struct family families[] = {
	{ "direct", O_DIRECT, 1, 100000,
	  { &floor_pool_engine, NULL, &twin_polling_reader, NULL, &floor_ring_engine,
	    &twin_completion_reader } },
	{ "cached", 0, BURSTS_MAX, 1000,
	  { &floor_pread_engine, &floor_nowait_engine, &twin_polling_reader,
	    &twin_polling_called_reader, &floor_ring_engine, &twin_completion_reader } },
};

enum { DIRECT, CACHED };

static const uint32_t depths[] = { 1, 32 };

struct cost {
	double wall_ns;		/* each of these is a read's share */
	double cpu_ns;		/* of all threads */
};

struct contest {
	const struct file_engine *engine;	/* NULL: not here, or could not be created */
	void *self;
	uint64_t reads;			/* of one burst */
	double wall_ns[ROUNDS_MAX];
	double cpu_ns[ROUNDS_MAX];
};

struct bench {
	struct report report;
	struct contest contests[CONTESTANTS];
	const struct family *family;
	uint32_t depth;
	int fd;
	uint64_t rounds;
	uint64_t seed;
};

static void die(const char *what, int error)
{
	if (error == EBADMSG) {
		fprintf(stderr, "bench_file: %s: a block has another's content\n", what);
		exit(4);
	}
	fprintf(stderr, "bench_file: %s: %s\n", what, strerror(error));
	exit(3);
}

static bool fill(int fd, bool direct)
{
	static uint64_t piece[PIECE_BLOCKS][BLOCK_BYTES / sizeof(uint64_t)];

	for (uint32_t index = 0; index < FILE_BLOCKS; index++) {
		uint64_t *block = piece[index % PIECE_BLOCKS];

		for (size_t word = 0; word < BLOCK_BYTES / sizeof(uint64_t); word++)
			block[word] = file_block_word(index);
		if (index % PIECE_BLOCKS == PIECE_BLOCKS - 1 &&
		    write(fd, piece, sizeof(piece)) != sizeof(piece))
			return false;
	}
	/* Who reads past the page cache is held up by what is in it. */
	return fsync(fd) == 0 &&
	       (!direct || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
}

/* A file beside this program, which has no name any more when it is returned; or -errno. */
static int open_file(int flags)
{
	char path[CHILD_PATH_MAX];
	int fd, made;
	int error = 0;

	child_path(path, "bench_file.XXXXXX");
	made = mkostemp(path, O_CLOEXEC);
	if (made < 0)
		return -errno;
	if (!fill(made, flags & O_DIRECT))
		error = errno;
	fd = error ? -1 : open(path, O_RDONLY | O_CLOEXEC | flags);
	if (!error && fd < 0)
		error = errno;
	unlink(path);
	close(made);
	return error ? -error : fd;
}

static struct cost burst(struct contest *contest, uint64_t reads)
{
	uint64_t cpu_ns = clock_cpu_ns();
	uint64_t wall_ns = clock_ns();
	int rc = contest->engine->read(contest->self, reads);

	wall_ns = clock_ns() - wall_ns;
	cpu_ns = clock_cpu_ns() - cpu_ns;
	if (rc < 0)
		die(contest->engine->name, -rc);
	return (struct cost){ (double)wall_ns / (double)reads, (double)cpu_ns / (double)reads };
}

/* Warms up, and finds out how many reads a burst is to have. */
static void size_burst(const struct bench *bench, struct contest *contest)
{
	uint64_t reads = bench->depth * 16;
	double goal_ns = (double)bench->family->burst_us * 1000;
	struct cost cost = burst(contest, reads);

	for (int pass = 0; pass < 2; pass++) {
		reads = (uint64_t)(goal_ns / 4 / cost.wall_ns) + bench->depth * 4;
		cost = burst(contest, reads);
	}
	contest->reads = (uint64_t)(goal_ns / cost.wall_ns) + bench->depth * 4;
}

static double median(double values[], size_t count)
{
	return rounds_estimate(values, count).middle;
}

static void play_round(struct bench *bench, uint64_t round)
{
	double wall_ns[CONTESTANTS][BURSTS_MAX], cpu_ns[CONTESTANTS][BURSTS_MAX];
	const unsigned int bursts = bench->family->bursts;
	unsigned int order[CONTESTANTS];

	for (unsigned int index = 0; index < CONTESTANTS; index++)
		order[index] = index;
	for (unsigned int pass = 0; pass < bursts; pass++) {
		rounds_shuffle(order, CONTESTANTS, &bench->seed);
		for (unsigned int index = 0; index < CONTESTANTS; index++) {
			struct contest *contest = &bench->contests[order[index]];
			struct cost cost = { NAN, NAN };

			if (contest->engine)
				cost = burst(contest, contest->reads);
			wall_ns[order[index]][pass] = cost.wall_ns;
			cpu_ns[order[index]][pass] = cost.cpu_ns;
		}
	}
	for (unsigned int index = 0; index < CONTESTANTS; index++) {
		bench->contests[index].wall_ns[round] = median(wall_ns[index], bursts);
		bench->contests[index].cpu_ns[round] = median(cpu_ns[index], bursts);
	}
}

static void judge(struct bench *bench, enum contestant subject, enum contestant floor,
		  const char *name, bool bound)
{
	struct contest *over = &bench->contests[subject], *under = &bench->contests[floor];
	struct estimate rate = { NAN, NAN, NAN }, cpu = rate;
	double floor_rate = NAN, floor_cpu = NAN;
	const char *note = NULL;
	char text[48];

	if (over->engine && under->engine) {
		double values[ROUNDS_MAX];

		rate = rounds_ratio(under->wall_ns, over->wall_ns, bench->rounds);
		cpu = rounds_ratio(over->cpu_ns, under->cpu_ns, bench->rounds);
		memcpy(values, under->wall_ns, sizeof(values));
		floor_rate = 1e9 / median(values, bench->rounds);
		memcpy(values, under->cpu_ns, sizeof(values));
		floor_cpu = median(values, bench->rounds);
	} else {
		note = "this mechanism could not be set up";
	}
	snprintf(text, sizeof(text), "%s, depth %u, reads/s", bench->family->name, bench->depth);
	report_add_least(&bench->report, text, name, "of floor's rate", rate,
			 bound ? rate_bound : NAN, floor_rate, note);
	snprintf(text, sizeof(text), "%s, depth %u, CPU ns", bench->family->name, bench->depth);
	report_add(&bench->report, text, name, "of floor's CPU", cpu, bound ? cpu_bound : NAN,
		   floor_cpu, note);
}

static void open_contest(struct bench *bench, enum contestant who)
{
	struct contest *contest = &bench->contests[who];
	const struct file_engine *engine = bench->family->engines[who];
	struct file_shape shape = {
		.fd = bench->fd,
		.block_bytes = BLOCK_BYTES,
		.block_count = FILE_BLOCKS,
		.depth = bench->depth,
		.threads = THREADS,
	};

	contest->engine = NULL;
	if (!engine)
		return;
	contest->self = engine->create(&shape);
	if (!contest->self) {
		fprintf(stderr, "bench_file: %s: cannot be set up: %s\n", engine->name,
			strerror(errno));
		return;
	}
	contest->engine = engine;
	size_burst(bench, contest);
}

static void play_case(struct bench *bench)
{
	for (unsigned int index = 0; index < CONTESTANTS; index++)
		open_contest(bench, index);
	for (uint64_t round = 0; round < bench->rounds; round++)
		play_round(bench, round);
	judge(bench, POLLING, FLOOR_POLLING, "polling", true);
	judge(bench, COMPLETION, FLOOR_COMPLETION, "completion", true);
	if (bench->family == &families[CACHED]) {
		judge(bench, POLLING_CALLED, FLOOR_POLLING, "no inline", false);
		judge(bench, FLOOR_NOWAIT, FLOOR_POLLING, "nowait/pread", false);
		judge(bench, POLLING, FLOOR_NOWAIT, "poll./nowait", true);
	}
	judge(bench, FLOOR_COMPLETION, FLOOR_POLLING, "ring/other", false);
	for (unsigned int index = 0; index < CONTESTANTS; index++)
		if (bench->contests[index].engine)
			bench->contests[index].engine->destroy(bench->contests[index].self);
}

static void play_family(struct bench *bench)
{
	const struct family *family = bench->family;

	bench->fd = open_file(family->flags);
	if (bench->fd < 0) {
		fprintf(stderr, "bench_file: %s: no such file can be had where this program stands: %s\n",
			family->name, strerror(-bench->fd));
		return;
	}
	for (size_t index = 0; index < sizeof(depths) / sizeof(depths[0]); index++) {
		bench->depth = depths[index];
		play_case(bench);
	}
	close(bench->fd);
}

/* One reader alone, for a tracer to look at. */
static int read_only(const struct family *family, const char *name, uint32_t depth, uint64_t reads)
{
	struct file_shape shape = {
		.fd = open_file(family->flags), .block_bytes = BLOCK_BYTES,
		.block_count = FILE_BLOCKS, .depth = depth, .threads = THREADS,
	};

	if (shape.fd < 0 || depth == 0)
		return 3;
	for (unsigned int index = 0; index < CONTESTANTS; index++) {
		const struct file_engine *engine = family->engines[index];
		void *self;
		int rc;

		if (!engine || strcmp(engine->name, name) != 0)
			continue;
		self = engine->create(&shape);
		rc = self ? engine->read(self, reads) : -errno;
		if (self)
			engine->destroy(self);
		return rc < 0 ? 3 : 0;
	}
	fprintf(stderr, "bench_file: only %s: there is no such reader\n", name);
	return 2;
}

/* What one read costs beyond the file's making and the reader's set-up, which is the same in the
 * shorter and in the longer run. */
static struct trace_counts trace_read_each(enum tracer tracer, const char *name, uint32_t depth)
{
	static const char *const lengths[] = { "2000", "12000" };
	struct trace_counts counts[2];
	char path[CHILD_PATH_MAX], deep[12];

	child_path(path, "bench_file");
	snprintf(deep, sizeof(deep), "%u", depth);
	for (int run = 0; run < 2; run++) {
		const char *argv[] = { path, "--only", name, "--depth", deep, "--reads",
				       lengths[run], NULL };

		if (trace_command(tracer, argv, &counts[run]) < 0)
			return (struct trace_counts){ NAN, NAN, NAN, NAN };
	}
	return (struct trace_counts){
		.calls = (counts[1].calls - counts[0].calls) / 10000,
		.instructions = (counts[1].instructions - counts[0].instructions) / 10000,
	};
}

static void count_each(struct bench *bench, uint32_t depth, bool strace, bool callgrind)
{
	const struct family *family = &families[CACHED];
	char text[48];

	for (unsigned int index = 0; index < CONTESTANTS; index++) {
		const char *name = family->engines[index]->name;

		if (strace) {
			snprintf(text, sizeof(text), "cached, depth %u, calls", depth);
			report_count(&bench->report, text, name, "/read",
				     trace_read_each(TRACER_STRACE, name, depth).calls, NAN, NAN,
				     NULL);
		}
		if (callgrind) {
			snprintf(text, sizeof(text), "cached, depth %u, instructions", depth);
			report_count(&bench->report, text, name, "user/read",
				     trace_read_each(TRACER_CALLGRIND, name, depth).instructions,
				     NAN, NAN, NULL);
		}
	}
}

static void count_all(struct bench *bench)
{
	bool strace = tracer_there(TRACER_STRACE), callgrind = tracer_there(TRACER_CALLGRIND);

	if (!strace || !callgrind)
		printf("file: %s cannot be run here: what it counts is not measured\n",
		       tracer_name(strace ? TRACER_CALLGRIND : TRACER_STRACE));
	for (size_t index = 0; index < sizeof(depths) / sizeof(depths[0]); index++)
		count_each(bench, depths[index], strace, callgrind);
}

int main(int argc, char **argv)
{
	static struct bench bench = { .rounds = 15, .seed = 1 };
	const char *json = NULL, *only = NULL;
	uint64_t direct = 0, depth = 1, reads = 10000;
	const struct bench_option options[] = {
		{ "rounds", &bench.rounds, ROUNDS_MAX, NULL },
		{ "seed", &bench.seed, UINT32_MAX, NULL },
		{ "only", NULL, 0, &only },
		{ "direct", &direct, 1, NULL },
		{ "depth", &depth, 1024, NULL },
		{ "reads", &reads, UINT32_MAX, NULL },
		{ "json", NULL, 0, &json },
		{ 0 },
	};

	options_parse(options, argc, argv);
	if (only)
		return read_only(&families[direct ? DIRECT : CACHED], only, (uint32_t)depth, reads);
	report_begin(&bench.report, "file", json, (unsigned int)bench.rounds);
	/* A pool's threads may run on every processor; out of the page cache one thread does all. */
	bench.family = &families[DIRECT];
	play_family(&bench);
	count_all(&bench);
	if (place_process(0, PLACE_LAST) < 0)
		fprintf(stderr, "bench_file: not pinned to a processor: figures will be noisier\n");
	bench.family = &families[CACHED];
	play_family(&bench);
	return report_end(&bench.report);
}
