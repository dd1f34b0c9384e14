/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "laboratory/internal.h"

/*
 * All places, one run each. They are made in a child process, one after the other; what it finds it
 * writes into memory that it shares with us. If it dies the run that it was at is named, and another
 * child goes on with the next.
 */

enum { PATIENCE_MS_DEFAULT = 5000 };

struct board {
	uint32_t current; /* the cell that is being made: see place_of() */
	uint32_t beats;   /* one for each run */
	char order[DUET_LAB_ORDERS_DEPTH_MAX + 1]; /* of the run that is being made */
	uint32_t points;
	uint32_t points_seen; /* in the first run, with those that were not asked for */
	int32_t error; /* nothing can be swept, or no more of it: the backend is refused */
	uint64_t digest;
	uint32_t handles; /* left open by it */
	int64_t memory_bytes; /* and never freed by the next one */
	struct duet_lab_outcome outcomes[]; /* and behind them points_max + 1 of struct point */
};

struct sweeper {
	struct duet_lab_sweep *sweep;
	struct board *board;
	size_t board_bytes;
	uint32_t points_max;
	struct point *points; /* by number, on the board: what the run without a cancel has seen */
};

static const uint32_t PER_POINT = (uint32_t)DUET_LAB_PHASE_COUNT * (uint32_t)DUET_LAB_KIND_COUNT;

/* Cell 0 and 1 are those without a cancel. */
static struct place place_of(const struct sweeper *self, uint32_t run)
{
	uint32_t rest, point;

	if (run < 2)
		return (struct place){.phase = DUET_LAB_SAME_BATCH};
	rest = (run - 2) % PER_POINT;
	point = (run - 2) / PER_POINT + 1;
	return (struct place){point,
			      (enum duet_lab_phase)(rest / (uint32_t)DUET_LAB_KIND_COUNT),
			      (enum duet_lab_kind)(rest % (uint32_t)DUET_LAB_KIND_COUNT),
			      self->points[point].line};
}

static void say(struct duet_lab_outcome *outcome, enum duet_lab_invariant invariant,
		const char *text)
{
	outcome->verdict = DUET_LAB_VIOLATION;
	outcome->invariant = (uint8_t)invariant;
	snprintf(outcome->text, sizeof(outcome->text), "%s", text);
}

static void say_refusal(struct duet_lab_outcome *outcome, int error)
{
	char text[sizeof(outcome->text)];

	snprintf(text, sizeof(text), "its set-up refuses with %s, and did not the first time",
		 duet_error_name(error));
	say(outcome, DUET_LAB_REPEAT, text);
}

/* Where nothing was declared partial, all that the outside sees is as without a cancel. After a
 * shutdown it can't be, nor where the body waits in vain for what was abandoned. */
static void compare(const struct board *board, struct duet_lab_outcome *outcome,
		    const struct seen *seen)
{
	if (outcome->verdict == DUET_LAB_VIOLATION || outcome->kind == DUET_LAB_SHUTDOWN ||
	    outcome->disposition == DUET_ABANDONED)
		return;
	if (seen->handles > board->handles)
		say(outcome, DUET_LAB_DESCRIPTORS, "more handles are left open than without a cancel");
	else if (outcome->verdict == DUET_LAB_OK && seen->digest != board->digest)
		say(outcome, DUET_LAB_RESTART, "the outside saw another result than without a cancel");
}

/* A moment that the run without a cancel has shown not to be. */
static bool is_unreached(const struct sweeper *self, struct place place,
			 struct duet_lab_outcome *outcome)
{
	if (place.phase != DUET_LAB_BEFORE || place.line)
		return false;
	*outcome = (struct duet_lab_outcome){.point = place.point, .phase = (uint8_t)place.phase,
					     .kind = (uint8_t)place.kind,
					     .op_kind = self->points[place.point].op_kind,
					     .verdict = DUET_LAB_UNREACHED};
	return true;
}

/* After a shutdown the body has had no occasion to free what it had. */
static void compare_memory(const struct duet_lab_sweep *sweep, const struct board *board,
			   struct place place, const struct seen *seen,
			   struct duet_lab_outcome *outcome)
{
	char text[sizeof(outcome->text)];
	int64_t bytes;

	if (outcome->verdict == DUET_LAB_VIOLATION || place.kind == DUET_LAB_SHUTDOWN ||
	    seen->memory_bytes <= board->memory_bytes)
		return;
	bytes = lab_memory_left(sweep, place, seen) - board->memory_bytes;
	if (bytes <= 0)
		return;
	snprintf(text, sizeof(text), "%lld bytes of memory are lost", (long long)bytes);
	say(outcome, DUET_LAB_MEMORY, text);
}

/* Runs are alike until the cancel, so that the point has to come, and has to be the same. Which worker is the
 * first to be ready nobody knows. */
static void judge_point(const struct sweeper *self, struct place place, const struct seen *seen,
			struct duet_lab_outcome *outcome)
{
	uint8_t kind = self->points[place.point].op_kind;
	char text[sizeof(outcome->text)];

	/* Before hand-over the cancel comes before the point does. */
	if (outcome->verdict == DUET_LAB_VIOLATION || seen->takes_time || !place.point ||
	    place.phase == DUET_LAB_BEFORE)
		return;
	if (!seen->target_came)
		snprintf(text, sizeof(text), "without a cancel there was a %s, and now it didn't come",
			 lab_point_name(kind));
	else if (seen->target_kind != kind)
		snprintf(text, sizeof(text), "without a cancel it was a %s, and now a %s",
			 lab_point_name(kind), lab_point_name(seen->target_kind));
	else
		return;
	say(outcome, DUET_LAB_REPEAT, text);
}

/* The first run of all, in the first order: what the others are held against. */
static void keep_first(const struct sweeper *self, const struct seen *seen, int error)
{
	struct board *board = self->board;

	board->error = error;
	board->digest = seen->digest;
	board->handles = seen->handles;
	board->points_seen = seen->point_count;
	board->points = seen->point_count < self->points_max ? seen->point_count
							     : self->points_max;
	/* Who has not said how many are enough is not to take the first of them for all. */
	if (!error && seen->point_count > self->points_max && !self->sweep->points_max)
		board->error = -E2BIG;
}

static void make_run(const struct sweeper *self, uint32_t run, struct seen *seen,
		     struct duet_lab_outcome *outcome)
{
	struct board *board = self->board;
	struct place place = place_of(self, run);
	int error;

	lab_order_write(&seen->order, seen->order.given, board->order);
	__atomic_fetch_add(&board->beats, 1, __ATOMIC_RELEASE);
	error = lab_run_once(self->sweep, place, outcome, seen);
	lab_order_write(&seen->order, seen->order.asked, outcome->order);
	if (run == 0)
		keep_first(self, seen, error);
	else if (seen->no_loop)
		board->error = error;
	else if (error)
		say_refusal(outcome, error);
	else if (run == 1 && !*outcome->order &&
		 (seen->digest != board->digest || seen->point_count < board->points ||
		  (seen->point_count != board->points_seen && !seen->takes_time)))
		say(outcome, DUET_LAB_REPEAT, "two runs without a cancel differ");
	else
		compare(board, outcome, seen);
	judge_point(self, place, seen, outcome);
	if (run == 1 && !*outcome->order)
		board->memory_bytes = lab_memory_left(self->sweep, place, seen);
	else if (run && !error)
		compare_memory(self->sweep, board, place, seen, outcome);
}

/* What is told of a place is the worst that was seen there, by its shortest coordinates. */
static bool tells_more(const struct duet_lab_outcome *next, const struct duet_lab_outcome *kept)
{
	static const uint8_t rank[] = {[DUET_LAB_UNREACHED] = 0, [DUET_LAB_OK] = 1,
				       [DUET_LAB_PARTIAL] = 2, [DUET_LAB_VIOLATION] = 3};

	if (!kept->orders || rank[next->verdict] > rank[kept->verdict])
		return true;
	return next->verdict == DUET_LAB_VIOLATION && kept->verdict == DUET_LAB_VIOLATION &&
	       strlen(next->order) < strlen(kept->order);
}

static void keep(struct duet_lab_outcome *kept, const struct duet_lab_outcome *next)
{
	const struct duet_lab_outcome before = *kept;

	if (tells_more(next, kept))
		*kept = *next;
	kept->orders = before.orders + 1;
	kept->turns = next->turns > before.turns ? next->turns : before.turns;
	kept->lent_turns = next->lent_turns > before.lent_turns ? next->lent_turns
								: before.lent_turns;
	kept->joined_ns = next->joined_ns > before.joined_ns ? next->joined_ns : before.joined_ns;
}

static void make_orders(const struct sweeper *self, uint32_t run)
{
	struct duet_lab_outcome *kept = &self->board->outcomes[run];
	struct seen seen = {.points_max = run ? 0 : self->points_max, .points = self->points};
	struct duet_lab_outcome outcome;

	/* Another child may have died here. */
	*kept = (struct duet_lab_outcome){0};
	if (is_unreached(self, place_of(self, run), &outcome)) {
		keep(kept, &outcome);
		return;
	}
	seen.order.depth = run ? self->sweep->orders_depth : 0;
	do {
		make_run(self, run, &seen, &outcome);
		keep(kept, &outcome);
	} while (lab_order_next(&seen.order));
}

static uint32_t run_count(const struct board *board)
{
	return 2 + board->points * PER_POINT;
}

static void make_runs(const struct sweeper *self, uint32_t from)
{
	struct board *board = self->board;

	for (uint32_t run = from; run < run_count(board) && !board->error; run++) {
		__atomic_store_n(&board->current, run, __ATOMIC_RELEASE);
		make_orders(self, run);
	}
	__atomic_store_n(&board->current, run_count(board), __ATOMIC_RELEASE);
}

/* ---- The parent. ---- */

static void sleep_ms(long ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

/* Until the child has ended, or has been at one run for too long: then -1. Its status. */
static int watch(const struct sweeper *self, pid_t child)
{
	const struct board *board = self->board;
	const long patience_ms = self->sweep->patience_ms ? (long)self->sweep->patience_ms
							  : PATIENCE_MS_DEFAULT;
	uint32_t seen = UINT32_MAX;
	long quiet_ms = 0;
	int status;

	while (waitpid(child, &status, WNOHANG) == 0) {
		uint32_t beats = __atomic_load_n(&board->beats, __ATOMIC_ACQUIRE);

		quiet_ms = beats == seen ? quiet_ms + 1 : 0;
		seen = beats;
		if (quiet_ms == patience_ms) {
			kill(child, SIGKILL);
			waitpid(child, NULL, 0);
			return -1;
		}
		sleep_ms(1);
	}
	return status;
}

static void say_death(struct duet_lab_outcome *outcome, int status)
{
	char text[sizeof(outcome->text)];

	if (status < 0) {
		say(outcome, DUET_LAB_HANG, "it ran for seconds without coming back to the loop");
		return;
	}
	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(text, sizeof(text), "it ended the process with status %d",
			 WEXITSTATUS(status));
	say(outcome, DUET_LAB_CRASH, text);
}

/* What was not yet tried at this place is left. */
static void name_death(const struct sweeper *self, uint32_t run, int status)
{
	struct place place = place_of(self, run);
	struct duet_lab_outcome outcome = {.point = place.point, .phase = (uint8_t)place.phase,
					   .kind = (uint8_t)place.kind};

	outcome.op_kind = self->points[place.point].op_kind;
	memcpy(outcome.order, self->board->order, sizeof(outcome.order));
	say_death(&outcome, status);
	keep(&self->board->outcomes[run], &outcome);
}

static int make_all(const struct sweeper *self)
{
	struct board *board = self->board;

	while (board->current < run_count(board)) {
		uint32_t from = board->current;
		pid_t child = fork();
		int status;

		if (child < 0)
			return -errno;
		if (child == 0) {
			make_runs(self, from);
			_exit(0);
		}
		status = watch(self, child);
		if (board->current >= run_count(board) || board->error)
			break;
		name_death(self, board->current, status);
		/* Without a first run there are no points. */
		if (board->current == 0)
			board->points = 0;
		board->current++;
	}
	return board->error;
}

static void count(struct duet_lab_sweep *sweep, const struct duet_lab_outcome *outcome)
{
	sweep->runs += outcome->orders;
	sweep->violations += outcome->verdict == DUET_LAB_VIOLATION;
	sweep->partials += outcome->verdict == DUET_LAB_PARTIAL;
	if (outcome->verdict == DUET_LAB_UNREACHED)
		sweep->unreached += outcome->orders;
	if (outcome->turns > sweep->turns_worst)
		sweep->turns_worst = outcome->turns;
	if (outcome->lent_turns > sweep->lent_turns_worst)
		sweep->lent_turns_worst = outcome->lent_turns;
	if (outcome->joined_ns > sweep->joined_ns_worst)
		sweep->joined_ns_worst = outcome->joined_ns;
}

/* Fewer choices of an order come before an earlier place. */
static bool is_shorter(const struct duet_lab_sweep *sweep, uint32_t place)
{
	const struct duet_lab_outcome *outcome = &sweep->outcomes[place];

	if (outcome->verdict != DUET_LAB_VIOLATION)
		return false;
	return sweep->first == sweep->outcome_count ||
	       strlen(outcome->order) < strlen(sweep->outcomes[sweep->first].order);
}

static int hand_over(const struct sweeper *self)
{
	struct duet_lab_sweep *sweep = self->sweep;
	uint32_t cells = run_count(self->board);

	sweep->outcomes = calloc(cells, sizeof(*sweep->outcomes));
	if (!sweep->outcomes)
		return -ENOMEM;
	memcpy(sweep->outcomes, self->board->outcomes, cells * sizeof(*sweep->outcomes));
	sweep->outcome_count = sweep->first = cells;
	sweep->points = self->board->points;
	sweep->runs = sweep->violations = sweep->partials = sweep->unreached = 0;
	sweep->turns_worst = sweep->lent_turns_worst = sweep->joined_ns_worst = 0;
	for (uint32_t i = 0; i < cells; i++) {
		count(sweep, &sweep->outcomes[i]);
		if (is_shorter(sweep, i))
			sweep->first = i;
	}
	return 0;
}

int duet_lab_run(struct duet_lab_sweep *sweep)
{
	struct sweeper self = {.sweep = sweep,
			       .points_max = sweep->points_max ? sweep->points_max : DUET_LAB_POINTS_MAX};
	size_t runs_max = 2 + (size_t)self.points_max * PER_POINT;
	int error;

	if (sweep->orders_depth > DUET_LAB_ORDERS_DEPTH_MAX || !sweep->workload->set_up ||
	    !sweep->workload->body)
		return -EINVAL;
	self.board_bytes = sizeof(struct board) + runs_max * sizeof(struct duet_lab_outcome) +
			   (self.points_max + 1) * sizeof(struct point);
	self.board = mmap(NULL, self.board_bytes, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (self.board == MAP_FAILED)
		return -ENOMEM;
	self.points = (struct point *)(void *)&self.board->outcomes[runs_max];
	error = make_all(&self);
	if (!error)
		error = hand_over(&self);
	munmap(self.board, self.board_bytes);
	return error;
}

static int replay(const struct sweeper *self, uint32_t point, enum duet_lab_phase phase,
		  enum duet_lab_kind kind, struct duet_lab_outcome *outcome)
{
	const struct duet_lab_sweep *sweep = self->sweep;
	struct seen first = {.points_max = point, .points = self->points}, seen = {0};
	struct place place = {.phase = DUET_LAB_SAME_BATCH};
	struct board board = {0};
	int error = lab_order_read(&seen.order, sweep->order);

	if (!error)
		error = lab_run_once(sweep, place, outcome, &first);
	if (error)
		return error;
	if (point > first.point_count) {
		*outcome = (struct duet_lab_outcome){.point = first.point_count};
		return -ERANGE;
	}
	board.memory_bytes = lab_memory_left(sweep, place, &first);
	place = (struct place){point, phase, kind, self->points[point].line};
	if (is_unreached(self, place, outcome))
		return 0;
	error = lab_run_once(sweep, place, outcome, &seen);
	board.digest = first.digest;
	board.handles = first.handles;
	compare(&board, outcome, &seen);
	judge_point(self, place, &seen, outcome);
	compare_memory(sweep, &board, place, &seen, outcome);
	lab_order_write(&seen.order, seen.order.asked, outcome->order);
	return error;
}

int duet_lab_replay(const struct duet_lab_sweep *sweep, uint32_t point, enum duet_lab_phase phase,
		    enum duet_lab_kind kind, struct duet_lab_outcome *outcome)
{
	struct sweeper self = {.points = calloc(point + 1u, sizeof(struct point))};
	int error;

	self.sweep = (struct duet_lab_sweep *)(uintptr_t)sweep;
	if (!self.points)
		return -ENOMEM;
	error = replay(&self, point, phase, kind, outcome);
	outcome->orders = 1;
	free(self.points);
	return error;
}
