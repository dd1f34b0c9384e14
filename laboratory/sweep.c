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

enum { POINTS_DEFAULT = 64, PATIENCE_MS_DEFAULT = 5000 };

struct board {
	uint32_t current; /* the run that is being made */
	uint32_t points;
	int32_t error; /* of the first run: the backend is refused */
	uint64_t digest;
	uint32_t handles; /* left open by it */
	struct duet_lab_outcome outcomes[]; /* and behind them a struct point for each point */
};

struct sweeper {
	struct duet_lab_sweep *sweep;
	struct board *board;
	size_t board_bytes;
	uint32_t points_max;
	struct point *points; /* on the board: what the run without a cancel has seen */
};

static const uint32_t PER_POINT = (uint32_t)DUET_LAB_PHASE_COUNT * (uint32_t)DUET_LAB_KIND_COUNT;

/* Run 0 and 1 are those without a cancel. */
static struct place place_of(const struct sweeper *self, uint32_t run)
{
	uint32_t rest, index;

	if (run < 2)
		return (struct place){.phase = DUET_LAB_SAME_BATCH};
	rest = (run - 2) % PER_POINT;
	index = (run - 2) / PER_POINT;
	return (struct place){index + 1,
			      (enum duet_lab_phase)(rest / (uint32_t)DUET_LAB_KIND_COUNT),
			      (enum duet_lab_kind)(rest % (uint32_t)DUET_LAB_KIND_COUNT),
			      self->points[index].line};
}

static void say(struct duet_lab_outcome *outcome, enum duet_lab_invariant invariant,
		const char *text)
{
	outcome->verdict = DUET_LAB_VIOLATION;
	outcome->invariant = (uint8_t)invariant;
	snprintf(outcome->text, sizeof(outcome->text), "%s", text);
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
					     .op_kind = self->points[place.point - 1].op_kind,
					     .verdict = DUET_LAB_UNREACHED};
	return true;
}

static void make_run(const struct sweeper *self, uint32_t run)
{
	struct board *board = self->board;
	struct duet_lab_outcome *outcome = &board->outcomes[run];
	struct seen seen = {.points_max = run ? 0 : self->points_max, .points = self->points};
	struct place place = place_of(self, run);
	int error;

	if (is_unreached(self, place, outcome))
		return;
	error = lab_run_once(self->sweep, place, outcome, &seen);
	if (run == 0) {
		board->error = error;
		board->digest = seen.digest;
		board->handles = seen.handles;
		board->points = seen.point_count < self->points_max ? seen.point_count
								    : self->points_max;
	} else if (error) {
		say(outcome, DUET_LAB_CHECK, duet_error_name(error));
	} else if (run == 1 &&
		   (seen.digest != board->digest || seen.point_count < board->points)) {
		say(outcome, DUET_LAB_REPEAT, "two runs without a cancel differ");
	} else {
		compare(board, outcome, &seen);
	}
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
		make_run(self, run);
	}
	__atomic_store_n(&board->current, run_count(board), __ATOMIC_RELEASE);
}

/* ---- The parent. ---- */

static void sleep_ms(long ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

/* Until the child has ended, or has been at one run for too long. Its status. */
static int watch(const struct sweeper *self, pid_t child)
{
	const struct board *board = self->board;
	const long patience_ms = self->sweep->patience_ms ? (long)self->sweep->patience_ms
							  : PATIENCE_MS_DEFAULT;
	uint32_t seen = UINT32_MAX;
	long quiet_ms = 0;
	int status;

	while (waitpid(child, &status, WNOHANG) == 0) {
		uint32_t current = __atomic_load_n(&board->current, __ATOMIC_ACQUIRE);

		quiet_ms = current == seen ? quiet_ms + 1 : 0;
		seen = current;
		if (quiet_ms == patience_ms)
			kill(child, SIGKILL);
		sleep_ms(1);
	}
	return status;
}

static void name_death(const struct sweeper *self, uint32_t run, int status)
{
	struct duet_lab_outcome *outcome = &self->board->outcomes[run];
	struct place place = place_of(self, run);
	char text[sizeof(outcome->text)];

	*outcome = (struct duet_lab_outcome){.point = place.point, .phase = (uint8_t)place.phase,
					     .kind = (uint8_t)place.kind};
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
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
	sweep->violations += outcome->verdict == DUET_LAB_VIOLATION;
	sweep->partials += outcome->verdict == DUET_LAB_PARTIAL;
	sweep->unreached += outcome->verdict == DUET_LAB_UNREACHED;
	if (outcome->turns > sweep->turns_worst)
		sweep->turns_worst = outcome->turns;
	if (outcome->joined_ns > sweep->joined_ns_worst)
		sweep->joined_ns_worst = outcome->joined_ns;
}

static int hand_over(const struct sweeper *self)
{
	struct duet_lab_sweep *sweep = self->sweep;
	uint32_t runs = run_count(self->board);

	sweep->outcomes = calloc(runs, sizeof(*sweep->outcomes));
	if (!sweep->outcomes)
		return -ENOMEM;
	memcpy(sweep->outcomes, self->board->outcomes, runs * sizeof(*sweep->outcomes));
	sweep->outcome_count = sweep->runs = runs;
	sweep->points = self->board->points;
	sweep->violations = sweep->partials = sweep->unreached = 0;
	sweep->turns_worst = sweep->joined_ns_worst = 0;
	for (uint32_t i = 0; i < runs; i++)
		count(sweep, &sweep->outcomes[i]);
	return 0;
}

int duet_lab_run(struct duet_lab_sweep *sweep)
{
	struct sweeper self = {.sweep = sweep,
			       .points_max = sweep->points_max ? sweep->points_max : POINTS_DEFAULT};
	size_t runs_max = 2 + (size_t)self.points_max * PER_POINT;
	int error;

	self.board_bytes = sizeof(struct board) + runs_max * sizeof(struct duet_lab_outcome) +
			   self.points_max * sizeof(struct point);
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

int duet_lab_replay(const struct duet_lab_sweep *sweep, uint32_t point, enum duet_lab_phase phase,
		    enum duet_lab_kind kind, struct duet_lab_outcome *outcome)
{
	struct seen first = {.points_max = point, .points = calloc(point + 1u, sizeof(struct point))};
	struct seen seen = {0};
	struct sweeper self = {.points = first.points};
	struct board board = {0};
	struct place place;
	int error;

	if (!first.points)
		return -ENOMEM;
	error = lab_run_once(sweep, (struct place){.phase = DUET_LAB_SAME_BATCH}, outcome, &first);
	place = (struct place){point, phase, kind, point ? first.points[point - 1].line : 0};
	board.digest = first.digest;
	board.handles = first.handles;
	if (!error && !is_unreached(&self, place, outcome)) {
		error = lab_run_once(sweep, place, outcome, &seen);
		compare(&board, outcome, &seen);
	}
	free(first.points);
	return error;
}
