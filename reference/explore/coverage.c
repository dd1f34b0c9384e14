/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/explore/coverage.h"

#include <errno.h>
#include <string.h>

#include "core/operation.h"
#include "core/scope.h"

static const char *operation_state(unsigned state)
{
	return core_state_name((enum core_state)state);
}

static const char *scope_state(unsigned state)
{
	return core_scope_state_name((enum core_scope_state)state);
}

struct table {
	const char *name;
	const char *(*state)(unsigned state);
	unsigned states;
};

static const struct table operation_table = { "operation", operation_state, STATE_COUNT },
			  scope_table = { "scope", scope_state, SCOPE_STATE_COUNT };

static bool legal(const struct table *table, unsigned from, unsigned to)
{
	return table == &scope_table ? core_scope_may(from, to) : core_state_may(from, to);
}

void coverage_add(struct core_moves *sum, const struct core_moves *more)
{
	for (unsigned from = 0; from < CORE_MOVES_STATES; from++)
		for (unsigned to = 0; to < CORE_MOVES_STATES; to++) {
			sum->operation[from][to] += more->operation[from][to] != 0;
			sum->scope[from][to] += more->scope[from][to] != 0;
		}
}

typedef const uint32_t counts[CORE_MOVES_STATES];

/* Polling takes a cancel at once, whatever else it has to do: an operation never waits for room for its
 * own; and of a send it is the end, so that no result meets it. */
static bool polling_may(unsigned from, unsigned to)
{
	return from != STATE_STOPPING && to != STATE_STOPPING &&
	       !(from == STATE_CANCELLING && to == STATE_RESULT);
}

static bool possible(const struct table *table, unsigned from, unsigned to, bool polling)
{
	return legal(table, from, to) &&
	       !(polling && table == &operation_table && !polling_may(from, to));
}

/* How many moves were not seen, or were and can't be. */
static unsigned write_moves(const struct table *table, counts *seen, bool polling, FILE *out)
{
	unsigned wrong = 0;

	for (unsigned from = 0; from < table->states; from++)
		for (unsigned to = 0; to < table->states; to++) {
			if (possible(table, from, to, polling) == !!seen[from][to])
				continue;
			fprintf(out, "  %s: %s %s -> %s\n",
				seen[from][to] ? "seen, and can't be" : "not seen", table->name,
				table->state(from), table->state(to));
			wrong++;
		}
	return wrong;
}

static unsigned write_table(const struct table *table, counts *seen, bool polling, FILE *out)
{
	unsigned edges = 0, edges_seen = 0, entered = 0, enterable = 0;

	for (unsigned from = 0; from < table->states; from++)
		for (unsigned to = 0; to < table->states; to++) {
			edges += possible(table, from, to, polling);
			edges_seen += seen[from][to] != 0;
			enterable |= possible(table, from, to, polling) ? 1u << to : 0;
			entered |= seen[from][to] ? 1u << to | 1u << from : 0;
		}
	fprintf(out, "%s: %d of %d states, %u of %u edges\n", table->name,
		__builtin_popcount(entered), __builtin_popcount(enterable), edges_seen, edges);
	return write_moves(table, seen, polling, out);
}

static unsigned write_both(const struct core_moves *moves, bool polling, FILE *out)
{
	unsigned wrong = write_table(&operation_table, moves->operation, polling, out);

	return wrong + write_table(&scope_table, moves->scope, polling, out);
}

void coverage_write(const struct core_moves *moves, FILE *out)
{
	write_both(moves, false, out);
}

/* ---- What the programs of the suite have noted: core/moves.c. ---- */

enum { PLAYER_POLLING = 1 };

static const char *const players[COVERAGE_PLAYERS] = {
	"reference", [PLAYER_POLLING] = "polling", "completion" };

unsigned coverage_write_suite(const struct coverage *coverage, FILE *out)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < COVERAGE_PLAYERS; i++) {
		if (!coverage->played[i])
			continue;
		fprintf(out, "on %s:\n", players[i]);
		wrong += write_both(&coverage->moves[i], i == PLAYER_POLLING, out);
	}
	return wrong;
}

static int read_move(struct core_moves *sum, const char *word)
{
	unsigned number;
	char mark;

	if (sscanf(word, "%c%u", &mark, &number) != 2 || (mark != 'o' && mark != 's') ||
	    number >= CORE_MOVES_STATES * CORE_MOVES_STATES)
		return -EINVAL;
	if (mark == 'o')
		sum->operation[number / CORE_MOVES_STATES][number % CORE_MOVES_STATES]++;
	else
		sum->scope[number / CORE_MOVES_STATES][number % CORE_MOVES_STATES]++;
	return 0;
}

static int read_line(struct coverage *coverage, char *line)
{
	char *rest, *word = strtok_r(line, " \n", &rest);
	const char *name = word && strcmp(word, "moves") == 0 ? strtok_r(NULL, " \n", &rest) : NULL;
	struct core_moves others = { 0 }, *sum = &others;

	if (!name)
		return -EINVAL;
	/* A backend that a test has made up is nobody's. */
	for (unsigned i = 0; i < COVERAGE_PLAYERS; i++) {
		if (strcmp(name, players[i]) != 0)
			continue;
		sum = &coverage->moves[i];
		coverage->played[i] = true;
	}
	while ((word = strtok_r(NULL, " \n", &rest)))
		if (read_move(sum, word))
			return -EINVAL;
	return 0;
}

int coverage_read(struct coverage *coverage, FILE *file)
{
	char line[1024];

	while (fgets(line, sizeof(line), file))
		if (read_line(coverage, line))
			return -EINVAL;
	return 0;
}
