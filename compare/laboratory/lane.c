/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/lane.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compare/laboratory/account.h"

/* PATTERN_PERIOD is that of scene_pattern(); what stands behind it is for pieces that begin near its
 * end. */
enum { GUARD = 0xa7, PATTERN_PERIOD = 1 << 16, LANE_STEP = 4099, OCTAVES = 10, NEIGHBOURS = 8,
       PATIENCE_TURNS = 1000, TURN_NS = 1000000 };
#define PATIENCE_NS 10000000000u

uint64_t stress_random(uint64_t *state)
{
	uint64_t mixed = *state += 0x9e3779b97f4a7c15u;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
	return mixed ^ mixed >> 31;
}

uint32_t stress_below(uint64_t *state, uint32_t below)
{
	return (uint32_t)(stress_random(state) >> 32) % below;
}

const unsigned char *stress_pattern(const struct lane *lane, uint64_t place)
{
	static unsigned char bytes[PATTERN_PERIOD + LANE_BYTES_MAX];

	if (!bytes[0])
		scene_pattern(bytes, sizeof(bytes), 0);
	return bytes + (place + (uint64_t)lane->index * LANE_STEP) % PATTERN_PERIOD;
}

bool stress_holds(const struct lane *lane, const unsigned char *data, size_t bytes, uint64_t place)
{
	return !memcmp(data, stress_pattern(lane, place), bytes);
}

void lane_violation(struct lane *lane, enum violation violation, const char *format, ...)
{
	struct breach *breach = &lane->stress->breaches[violation];
	va_list values;

	lane->stress->broken = true;
	if (breach->count++)
		return;
	breach->lane = lane->index;
	breach->serial = lane->serial;
	breach->batch = lane->stress->batch;
	va_start(values, format);
	vsnprintf(breach->what, sizeof(breach->what), format, values);
	va_end(values);
}

int lane_adopt(struct lane *lane, int fd)
{
	int error;

	if (fd < 0)
		return -errno;
	error = duet_handle_adopt(lane->stress->loop, fd, 0, &lane->handle);
	if (error) {
		close(fd);
		return error;
	}
	lane->witness = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return lane->witness < 0 ? -errno : 0;
}

/* ---- Buffers. ---- */

static bool is_untouched(const unsigned char *data, size_t bytes)
{
	return data[0] == GUARD && !memcmp(data, data + 1, bytes - 1);
}

static void check_guard(struct lane *lane, const unsigned char *data)
{
	if (!is_untouched(data, lane->stress->kind->bytes))
		lane_violation(lane, VIOLATION_LATE_WRITE, "one of its buffers was written to after "
			       "the end of the operation that had it");
}

static void next_buffer(struct lane *lane)
{
	size_t bytes = lane->stress->kind->bytes;

	if (!bytes)
		return;
	lane->data = lane->buffers + lane->serial % LANE_BUFFERS * bytes;
	check_guard(lane, lane->data);
}

/* ---- The request. ---- */

static void begin_close(struct lane *lane)
{
	if (lane->shutting || !lane->handle.generation)
		return;
	duet_op_close(&lane->closing, lane->handle);
	lane->shutting = !duet_op_start(lane->stress->loop, &lane->closing);
}

static void ask(struct lane *lane)
{
	if (!lane->flying) {
		lane->stress->late++;
		return;
	}
	lane->asked = true;
	if (lane->way == LANE_CLOSE)
		begin_close(lane);
	else
		duet_op_cancel(&lane->op);
}

/* Called in the callback of another: what this one waits for may have been fetched in the same turn. */
static void ask_neighbours(struct lane *lane)
{
	struct stress *stress = lane->stress;
	uint64_t now_ns = account_clock_ns();

	for (uint32_t i = 1; i <= NEIGHBOURS; i++) {
		struct lane *other = &stress->lanes[(lane->index + i) % stress->kind->lanes];

		if (other->way == LANE_CALLBACK && other->flying && !other->asked &&
		    other->ask_ns <= now_ns)
			ask(other);
	}
}

/* ---- The end. ---- */

static void note_life(struct lane *lane)
{
	struct stress *stress = lane->stress;

	if (lane->heard)
		return;
	lane->heard = true;
	if (!stress->life_ns && stress->lives_count < sizeof(stress->lives) / sizeof(*stress->lives))
		stress->lives[stress->lives_count++] = account_clock_ns() - lane->start_ns;
}

static void check_disposition(struct lane *lane)
{
	const struct duet_op *op = &lane->op;

	if ((op->disposition == DUET_UNTOUCHED && op->transferred) ||
	    (op->disposition == DUET_PARTIAL && !op->transferred) ||
	    (op->disposition == DUET_COMPLETED && op->result < 0))
		lane_violation(lane, VIOLATION_EFFECT, "%s with result %d and %u bytes",
			       duet_disposition_name((enum duet_disposition)op->disposition),
			       op->result, op->transferred);
}

static void note_outcome(struct lane *lane)
{
	struct stress *stress = lane->stress;
	const struct duet_op *op = &lane->op;
	bool asked = lane->asked || op->cause == DUET_CAUSE_DEADLINE;

	stress->operations++;
	stress->asked += asked;
	stress->late += !asked && lane->way != LANE_NOBODY && lane->way != LANE_MESSAGE;
	if (asked)
		mix_add(&stress->outcomes, op->disposition, op->cause, op->result);
}

static void closed(struct duet_op *op)
{
	struct lane *lane = op->context;

	lane->shutting = false;
	lane->handle = DUET_HANDLE_NONE;
}

static void lane_done(struct duet_op *op)
{
	struct lane *lane = op->context;
	const struct stress_kind *kind = lane->stress->kind;

	if (!lane->flying)
		lane_violation(lane, VIOLATION_ENDS, "called back after its end");
	note_life(lane);
	if (kind->take)
		kind->take(lane);
	if (op->more)
		return;
	lane->flying = false;
	atomic_store_explicit(&lane->over, true, memory_order_release);
	check_disposition(lane);
	note_outcome(lane);
	if (kind->bytes)
		memset(lane->data, GUARD, kind->bytes);
	if (kind->traits & STRESS_ONCE)
		begin_close(lane);
	ask_neighbours(lane);
}

/* ---- Requests that have come due. ---- */

/* The lane's message: the other side has done its part. */
static void carried_out(struct duet_message *message)
{
	struct lane *lane = (struct lane *)(void *)((char *)message - offsetof(struct lane, message));

	lane->ordered = false;
	if (lane->way == LANE_MESSAGE)
		ask(lane);
}

/* Where no callback came by in time it is asked here, too. */
static bool asks_here(const struct lane *lane)
{
	return lane->flying && !lane->asked &&
	       (lane->way == LANE_HERE || lane->way == LANE_CLOSE || lane->way == LANE_CALLBACK);
}

static uint64_t due_here(const struct lane *lane)
{
	return lane->ask_ns + (lane->way == LANE_CALLBACK ? lane->stress->life_ns : 0);
}

/* The requests that are due; when the next one is. */
static uint64_t ask_due(struct stress *stress, uint64_t now_ns)
{
	uint64_t next_ns = now_ns + TURN_NS;

	for (uint32_t i = 0; i < stress->kind->lanes; i++) {
		struct lane *lane = &stress->lanes[i];

		if (!asks_here(lane))
			continue;
		if (due_here(lane) <= now_ns)
			ask(lane);
		else if (due_here(lane) < next_ns)
			next_ns = due_here(lane);
	}
	return next_ns;
}

/* ---- The start. ---- */

/* Over the operation's own life, by powers of two from a moment to four times as long, as rare moments
 * lie at its ends; sometimes at once, before a turn. */
static uint64_t draw_delay(struct stress *stress)
{
	uint64_t least_ns = stress->life_ns / 256 + 1;
	uint32_t octave = stress_below(&stress->random, OCTAVES + 2);

	if (octave >= OCTAVES)
		return 0;
	least_ns <<= octave;
	return least_ns + stress_random(&stress->random) % least_ns;
}

static enum lane_way draw_way(struct stress *stress)
{
	static const enum lane_way WAYS[] = {
		LANE_HERE,     LANE_HERE,     LANE_HERE,    LANE_CALLBACK, LANE_CALLBACK,
		LANE_CALLBACK, LANE_MESSAGE,  LANE_MESSAGE, LANE_MESSAGE,  LANE_MESSAGE,
		LANE_CLOSE,    LANE_DEADLINE, LANE_DEADLINE, LANE_DEADLINE, LANE_NOBODY,
		LANE_NOBODY,
	};
	bool endless = stress->kind->traits & STRESS_ENDLESS;
	enum lane_way way;

	if (!stress->life_ns)
		return endless ? LANE_HERE : LANE_NOBODY;
	way = WAYS[stress_below(&stress->random, sizeof(WAYS) / sizeof(*WAYS))];
	if (way == LANE_CLOSE && !stress->kind->open)
		return LANE_HERE;
	return way == LANE_NOBODY && endless ? LANE_MESSAGE : way;
}

static void give_order(struct lane *lane)
{
	const struct stress_kind *kind = lane->stress->kind;

	atomic_store_explicit(&lane->over, false, memory_order_relaxed);
	if (!kind->act && lane->way != LANE_MESSAGE)
		return;
	lane->act_ns = lane->start_ns;
	if (lane->stress->life_ns && stress_below(&lane->stress->random, 2))
		lane->act_ns += draw_delay(lane->stress) / 4;
	lane->order_ns = lane->ask_ns;
	lane->random = stress_random(&lane->stress->random);
	lane->acts = 0;
	lane->ordered = true;
	lane->message.fn = carried_out;
	atomic_store_explicit(&lane->order, true, memory_order_release);
}

static void draw(struct lane *lane)
{
	struct stress *stress = lane->stress;
	uint64_t delay_ns;

	lane->way = draw_way(stress);
	delay_ns = stress->life_ns ? draw_delay(stress) : TURN_NS / 4;
	stress->ways[lane->way]++;
	lane->asked = lane->heard = false;
	lane->start_ns = account_clock_ns();
	lane->ask_ns = lane->start_ns + delay_ns;
	if (lane->way == LANE_DEADLINE)
		duet_op_deadline(&lane->op, lane->ask_ns);
}

static void shut(struct lane *lane);

/* Its handle may have been closed: then it works on another one from here. */
static int open_lane(struct lane *lane)
{
	const struct stress_kind *kind = lane->stress->kind;

	if (!kind->open || lane->handle.generation)
		return 0;
	/* Of an end of its own nothing is left to look at, once its handle is closed. */
	if (lane->witness >= 0 && kind->settle)
		kind->settle(lane);
	shut(lane);
	return kind->open(lane);
}

static void begin(struct lane *lane)
{
	int error;

	lane->serial++;
	next_buffer(lane);
	error = open_lane(lane);
	if (!error) {
		lane->stress->kind->describe(lane);
		draw(lane);
		lane->flying = true;
		error = duet_op_start(lane->stress->loop, &lane->op);
	}
	if (error < 0) {
		lane->flying = false;
		lane_violation(lane, VIOLATION_NO_END, "it can't be started: %s",
			       duet_error_name(error));
		return;
	}
	give_order(lane);
	if (asks_here(lane) && due_here(lane) == lane->start_ns)
		ask(lane);
}

/* ---- A batch. ---- */

static bool is_busy(const struct lane *lane)
{
	return lane->flying || lane->ordered || lane->shutting;
}

/* How many lanes are at work after it. */
static uint32_t begin_some(struct stress *stress, uint32_t *left)
{
	uint32_t busy = 0;

	for (uint32_t i = 0; i < stress->kind->lanes; i++) {
		struct lane *lane = &stress->lanes[i];

		if (!is_busy(lane) && *left && !stress->broken) {
			(*left)--;
			begin(lane);
		}
		busy += is_busy(lane);
	}
	return busy;
}

static void note_stuck(struct stress *stress)
{
	stress->stuck = true;
	for (uint32_t i = 0; i < stress->kind->lanes; i++) {
		struct lane *lane = &stress->lanes[i];

		if (lane->flying || lane->shutting)
			lane_violation(lane, VIOLATION_NO_END, "%s within 10 s",
				       lane->flying ? "no end" : "its handle is not closed");
	}
}

static void check_pool(struct lane *lane, const struct duet_pool *pool, uint32_t count)
{
	if (duet_pool_free_count(pool) != count)
		lane_violation(lane, VIOLATION_POOL, "%u of %u buffers are back in the pool",
			       duet_pool_free_count(pool), count);
}

static void check_loop(struct stress *stress)
{
	struct duet_ledger ledger;
	uint32_t descriptors = account_descriptors();
	struct lane *lane = &stress->lanes[0];

	duet_loop_ledger(stress->loop, &ledger);
	if (ledger.lent_count || ledger.held_count || duet_loop_pending(stress->loop))
		lane_violation(lane, VIOLATION_LOAN, "%u buffers lent, %u held, %u operations pending",
			       ledger.lent_count, ledger.held_count,
			       duet_loop_pending(stress->loop));
	check_pool(lane, stress->pool, SCENE_POOL);
	check_pool(lane, stress->staging, LANES_MAX);
	if (descriptors != stress->descriptors)
		lane_violation(lane, VIOLATION_DESCRIPTORS, "%d descriptors more than before",
			       (int)descriptors - (int)stress->descriptors);
}

/* What nobody has taken must be what the loop says that it took back. */
static void check_connections(struct stress *stress)
{
	struct duet_stats stats;

	duet_loop_stats(stress->loop, &stats);
	if (stress->skipped > stats.reclaimed - stress->reclaimed)
		lane_violation(&stress->lanes[0], VIOLATION_CONNECTIONS, "%u connections came to "
			       "nobody, %u were closed by the loop", (unsigned)stress->skipped,
			       (unsigned)(stats.reclaimed - stress->reclaimed));
	stress->reclaimed = stats.reclaimed;
	stress->skipped = 0;
}

static void settle(struct stress *stress)
{
	duet_loop_turn(stress->loop, 0);
	for (uint32_t i = 0; i < stress->kind->lanes; i++) {
		struct lane *lane = &stress->lanes[i];

		if (stress->kind->settle)
			stress->kind->settle(lane);
		for (uint32_t k = 0; stress->kind->bytes && k < LANE_BUFFERS; k++)
			check_guard(lane, lane->buffers + k * stress->kind->bytes);
		if (!open_lane(lane))
			continue;
		lane_violation(lane, VIOLATION_NO_END, "nothing to work on any more");
	}
	check_loop(stress);
	check_connections(stress);
}

void stress_batch(struct stress *stress, uint32_t count)
{
	uint64_t heard_ns = account_clock_ns(), before = stress->operations;
	uint32_t left = count, turns = 0;

	while (begin_some(stress, &left)) {
		uint64_t now_ns = account_clock_ns(), next_ns = ask_due(stress, now_ns);

		if (stress->operations != before) {
			heard_ns = now_ns;
			turns = 0;
		}
		before = stress->operations;
		/* Both, as a process may have been stopped for a while. */
		if (now_ns - heard_ns > PATIENCE_NS && turns++ > PATIENCE_TURNS) {
			note_stuck(stress);
			return;
		}
		now_ns = account_clock_ns();
		duet_loop_turn(stress->loop, next_ns > now_ns ? (int64_t)(next_ns - now_ns) : 0);
	}
	settle(stress);
}

/* ---- All of them. ---- */

static void close_raw(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void shut_handle(struct lane *lane, duet_handle *handle)
{
	int fd = handle->generation ? duet_handle_release(lane->stress->loop, *handle) : -1;

	*handle = DUET_HANDLE_NONE;
	close_raw(&fd);
}

static void shut(struct lane *lane)
{
	shut_handle(lane, &lane->handle);
	shut_handle(lane, &lane->output);
	close_raw(&lane->outlet);
	close_raw(&lane->witness);
	close_raw(&lane->peer);
	lane->delivered = lane->moved = 0;
	lane->accepted = lane->made = 0;
}

int stress_open_lanes(struct stress *stress)
{
	size_t bytes = stress->kind->bytes * LANE_BUFFERS;
	int error = 0;

	/* Made with the first call, which is not to be both threads'. */
	stress_pattern(stress->lanes, 0);

	for (uint32_t i = 0; i < stress->kind->lanes; i++) {
		struct lane *lane = &stress->lanes[i];

		lane->stress = stress;
		lane->index = i;
		lane->witness = lane->peer = lane->outlet = -1;
		lane->buffers = stress->memory + i * bytes;
		memset(lane->buffers, GUARD, bytes);
		duet_op_init(&lane->op, lane_done, lane);
		duet_op_init(&lane->closing, closed, lane);
		if (!error)
			error = open_lane(lane);
	}
	return error;
}

void stress_close_lanes(struct stress *stress)
{
	for (uint32_t i = 0; i < stress->kind->lanes; i++)
		shut(&stress->lanes[i]);
}
