/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/claim/stateless_scene.h"

#include <duet/buffer.h>
#include <duet/handle.h>
#include <duet/loop.h>
#include <duet/operation.h>
#include <duet/polling.h>
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/loop.h"
#include "compare/measure/rounds.h"
#include "compare/measure/window.h"
#include "compare/claim/sample.h"
#include "compare/claim/slab.h"

/* A pool is shared by all: what idle connections need of it doesn't grow with their number. */
enum { SPARE = 16, POOL_BUFFERS = 64, SINGLES_MAX = 512, CYCLES_MAX = 512, TURN_NS = 1000000000 };

static const char SLABINFO[] = "/proc/slabinfo";

struct crowd;

struct idle {
	struct crowd *crowd;
	struct duet_op op;
	struct duet_wait wait;
	duet_handle handle;
};

struct crowd {
	const struct stateless_options *options;
	struct duet_loop *loop;
	struct duet_pool *pool;
	struct idle *idles;
	uint32_t *order;
	unsigned char *memory; /* of all that receive into their own */
	uint32_t ended;
	bool wrong;
};

/* ---- What a loop sets aside. ---- */

static bool needs_operation(enum stateless_way way)
{
	return way != STATELESS_FORGOTTEN;
}

static int create_loop(const struct stateless_options *options, uint32_t connections,
		       struct duet_loop **loop)
{
	struct duet_loop_options wanted;

	duet_loop_options_init(&wanted);
	wanted.handles_max = connections + SPARE;
	wanted.operations_max = (needs_operation(options->way) ? connections : 0) + SPARE;
	wanted.worker_threads = 0;
	wanted.tuning = options->mechanism.tuning;
	return duet_loop_create(loop, options->mechanism.backend, &wanted);
}

/* Pages that a ring shares with the kernel. */
static double ring_bytes(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[512];
	double sum = 0;

	while (file && fgets(line, sizeof(line), file)) {
		uint64_t from, to;

		if (strstr(line, "[io_uring]") &&
		    sscanf(line, "%" SCNx64 "-%" SCNx64, &from, &to) == 2)
			sum += (double)(to - from);
	}
	if (file)
		fclose(file);
	return sum;
}

static double heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return (double)(info.uordblks + info.hblkhd);
}

/* Of a loop for so many, on the heap and in its rings. */
static int loop_bytes(const struct stateless_options *options, uint32_t connections, double *heap,
		      double *ring)
{
	struct duet_loop *loop;
	double heap_before = heap_bytes(), ring_before = ring_bytes();
	int error = create_loop(options, connections, &loop);

	if (error)
		return error;
	*heap = heap_bytes() - heap_before;
	*ring = ring_bytes() - ring_before;
	return duet_loop_destroy(loop);
}

static int measure_loop(const struct stateless_options *options, double *heap, double *ring)
{
	double none[2], all[2];
	int error = loop_bytes(options, 0, &none[0], &none[1]);

	if (!error)
		error = loop_bytes(options, options->connections, &all[0], &all[1]);
	if (error)
		return error;
	*heap = (all[0] - none[0]) / options->connections;
	*ring = (all[1] - none[1]) / options->connections;
	return 0;
}

/* ---- The ways to wait. ---- */

static void on_end(struct duet_op *op)
{
	struct idle *idle = op->context;

	if (op->more)
		return;
	idle->crowd->ended++;
	idle->crowd->wrong |= op->result != -ECANCELED || op->disposition != DUET_UNTOUCHED;
}

static void on_ready(struct duet_wait *wait)
{
	struct idle *idle = wait->context;

	idle->crowd->wrong = true; /* nobody sends anything */
}

static void begin_wait(struct idle *idle)
{
	struct crowd *crowd = idle->crowd;
	unsigned char *memory =
		crowd->memory ? crowd->memory + (size_t)(idle - crowd->idles) * STATELESS_BUFFER : NULL;

	switch (crowd->options->way) {
	case STATELESS_RECV:
		duet_op_recv(&idle->op, idle->handle, memory, STATELESS_BUFFER, 0);
		break;
	case STATELESS_POOLED:
		duet_op_recv_pooled(&idle->op, idle->handle, crowd->pool, DUET_MULTISHOT);
		break;
	case STATELESS_POLL:
		duet_op_poll(&idle->op, idle->handle, POLLIN);
		break;
	default:
		crowd->wrong |= duet_polling_wait(crowd->loop, &idle->wait) != 0;
		return;
	}
	crowd->wrong |= duet_op_start(crowd->loop, &idle->op) != 0;
}

static void end_wait(struct idle *idle)
{
	if (needs_operation(idle->crowd->options->way)) {
		duet_op_cancel(&idle->op);
		return;
	}
	duet_polling_forget(idle->crowd->loop, &idle->wait);
	idle->crowd->ended++;
}

static double own_bytes(enum stateless_way way)
{
	if (way == STATELESS_FORGOTTEN)
		return sizeof(struct duet_wait);
	return (double)sizeof(struct duet_op) + (way == STATELESS_RECV ? STATELESS_BUFFER : 0);
}

/* ---- The crowd. ---- */

/* Both ends of a pair are connections. */
static int add_pair(struct crowd *crowd, uint32_t at)
{
	int pair[2], error = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	for (int i = 0; i < 2; i++) {
		struct idle *idle = &crowd->idles[at + (uint32_t)i];

		*idle = (struct idle){ .crowd = crowd };
		if (!error)
			error = duet_handle_adopt(crowd->loop, pair[i], 0, &idle->handle);
		if (error)
			close(pair[i]);
		duet_op_init(&idle->op, on_end, idle);
		idle->wait = (struct duet_wait){ .ready = on_ready,
						 .context = idle,
						 .handle = idle->handle,
						 .direction = DUET_READABLE };
	}
	return error;
}

static void shuffle(struct crowd *crowd)
{
	uint64_t random = crowd->options->seed;

	for (uint32_t i = 0; i < crowd->options->connections; i++)
		crowd->order[i] = i;
	for (uint32_t i = crowd->options->connections - 1; i > 0; i--) {
		uint32_t other = (uint32_t)(rounds_random(&random) % (i + 1));
		uint32_t kept = crowd->order[i];

		crowd->order[i] = crowd->order[other];
		crowd->order[other] = kept;
	}
}

static int begin_crowd(struct crowd *crowd, const struct stateless_options *options)
{
	const uint32_t count = options->connections;
	int error = create_loop(options, count, &crowd->loop);

	if (error)
		return error;
	crowd->options = options;
	crowd->idles = calloc(count, sizeof(*crowd->idles));
	crowd->order = calloc(count, sizeof(*crowd->order));
	if (options->way == STATELESS_RECV)
		crowd->memory = malloc((size_t)count * STATELESS_BUFFER);
	if (!crowd->idles || !crowd->order || (options->way == STATELESS_RECV && !crowd->memory))
		return -ENOMEM;
	shuffle(crowd);
	if (options->way == STATELESS_POOLED)
		error = duet_pool_create(crowd->loop, POOL_BUFFERS, STATELESS_BUFFER, &crowd->pool);
	for (uint32_t i = 0; i < count && !error; i += 2)
		error = add_pair(crowd, i);
	return error;
}

/* What can't be destroyed goes with the process. */
static void end_crowd(struct crowd *crowd)
{
	if (loop_end(crowd->loop))
		return;
	free(crowd->memory);
	free(crowd->order);
	free(crowd->idles);
}

/* ---- Cancelling. ---- */

static bool turn_until_ended(struct crowd *crowd, uint32_t count)
{
	while (crowd->ended < count && !crowd->wrong) {
		if (duet_loop_turn(crowd->loop, TURN_NS) < 0)
			return false;
	}
	return !crowd->wrong;
}

/* Twice: what is started in a turn may be handed over at the end of the next. */
static bool settle(struct crowd *crowd)
{
	return duet_loop_turn(crowd->loop, 0) >= 0 && duet_loop_turn(crowd->loop, 0) >= 0;
}

static bool begin_all(struct crowd *crowd)
{
	for (uint32_t i = 0; i < crowd->options->connections; i++)
		begin_wait(&crowd->idles[i]);
	return settle(crowd) && !crowd->wrong;
}

static bool cancel_all(struct crowd *crowd, double *cpu_ns)
{
	const uint32_t count = crowd->options->connections;
	uint64_t begun_ns = sample_cpu_ns();
	bool good;

	crowd->ended = 0;
	for (uint32_t i = 0; i < count; i++)
		end_wait(&crowd->idles[crowd->order[i]]);
	good = turn_until_ended(crowd, count);
	*cpu_ns = (double)(sample_cpu_ns() - begun_ns) / count;
	return good;
}

/* One of all that wait, which then waits again. */
static bool cancel_one(struct crowd *crowd, struct idle *idle, double *taken_ns)
{
	uint64_t begun_ns = window_now_ns();
	bool good;

	crowd->ended = 0;
	end_wait(idle);
	good = turn_until_ended(crowd, 1);
	*taken_ns = (double)(window_now_ns() - begun_ns);
	begin_wait(idle);
	return good && settle(crowd);
}

static bool cancel_singles(struct crowd *crowd, uint32_t singles, double *latency_ns)
{
	static double taken_ns[SINGLES_MAX];

	for (uint32_t i = 0; i < singles; i++) {
		const uint32_t which = crowd->order[i % crowd->options->connections];

		if (!cancel_one(crowd, &crowd->idles[which], &taken_ns[i]))
			return false;
	}
	*latency_ns = sample_median(taken_ns, singles);
	return true;
}

/* The first cycle warms up, and is left out. */
static bool cancel_cycles(struct crowd *crowd, uint32_t cycles, double *cpu_ns)
{
	double taken_ns[CYCLES_MAX + 1];

	for (uint32_t i = 0; i <= cycles; i++) {
		if ((i && !begin_all(crowd)) || !cancel_all(crowd, &taken_ns[i]))
			return false;
	}
	*cpu_ns = sample_median(taken_ns + 1, cycles);
	return true;
}

/* ---- A play. ---- */

static double growth(uint64_t from, uint64_t to)
{
	return to > from ? (double)(to - from) : 0;
}

/* While all wait. A ring has one request for each; an epoll one registration, which stays. */
static void measure_waits(struct crowd *crowd, const struct slab *before,
			  struct stateless_result *result)
{
	const double count = crowd->options->connections;
	struct duet_ledger ledger;
	struct duet_stats stats;
	struct slab now;

	slab_read(SLABINFO, &now);
	duet_loop_ledger(crowd->loop, &ledger);
	duet_loop_stats(crowd->loop, &stats);
	result->lent = (double)ledger.lent_bytes / count;
	result->registrations = (double)stats.registrations / count;
	result->kept = result->registrations * now.registration_bytes;
	result->kernel = result->kept + (stats.submitted ? now.request_bytes : 0);
	result->slab = !now.readable || !before->readable
			       ? NAN
			       : (growth(before->registrations, now.registrations) *
					  now.registration_bytes +
				  growth(before->requests, now.requests) * now.request_bytes) /
					 count;
}

int stateless_play(const struct stateless_options *options, struct stateless_result *result)
{
	struct crowd crowd = { .options = options };
	struct slab before;
	double ring;
	int error = measure_loop(options, &result->loop, &ring);

	if (!error)
		error = begin_crowd(&crowd, options);
	slab_read(SLABINFO, &before);
	if (!error && !begin_all(&crowd))
		error = -EBADMSG;
	if (!error) {
		result->own = own_bytes(options->way);
		measure_waits(&crowd, &before, result);
		/* The ring itself is there for as many, whether they wait or not. */
		result->kernel += ring;
		result->kept += ring;
		if (!cancel_singles(&crowd, options->singles, &result->latency_ns) ||
		    !cancel_cycles(&crowd, options->cycles, &result->cpu_ns))
			error = -EBADMSG;
	}
	end_crowd(&crowd);
	return error;
}
