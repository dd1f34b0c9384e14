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

static unsigned legal(const struct table *table, unsigned from)
{
	return table == &scope_table ? core_scope_moves[from] : core_state_moves[from];
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

static void write_missing(const struct table *table, counts *seen, FILE *out)
{
	for (unsigned from = 0; from < table->states; from++)
		for (unsigned to = 0; to < table->states; to++)
			if (legal(table, from) & 1u << to && !seen[from][to])
				fprintf(out, "  not seen: %s %s -> %s\n", table->name,
					table->state(from), table->state(to));
}

static void write_table(const struct table *table, counts *seen, FILE *out)
{
	unsigned states = 0, edges = 0, edges_seen = 0, entered = 0;

	for (unsigned from = 0; from < table->states; from++)
		for (unsigned to = 0; to < table->states; to++) {
			edges += legal(table, from) >> to & 1;
			edges_seen += seen[from][to] != 0;
			entered |= seen[from][to] ? 1u << to | 1u << from : 0;
		}
	for (; entered; entered &= entered - 1)
		states++;
	fprintf(out, "%s: %u of %u states, %u of %u edges\n", table->name, states, table->states,
		edges_seen, edges);
	write_missing(table, seen, out);
}

void coverage_write(const struct core_moves *moves, FILE *out)
{
	write_table(&operation_table, moves->operation, out);
	write_table(&scope_table, moves->scope, out);
}

/* Each number is that of a move, from state times states plus to state. */
static void note_table(char *line, char mark, counts *seen)
{
	for (unsigned from = 0; from < CORE_MOVES_STATES; from++)
		for (unsigned to = 0; to < CORE_MOVES_STATES; to++)
			if (seen[from][to])
				sprintf(line + strlen(line), " %c%u", mark,
					from * CORE_MOVES_STATES + to);
}

/* In one piece: the programs run side by side. */
void coverage_note(const struct core_moves *moves, FILE *file)
{
	char line[1024] = "moves";

	note_table(line, 'o', moves->operation);
	note_table(line, 's', moves->scope);
	fprintf(file, "%s\n", line);
	fflush(file);
}

static int read_word(struct core_moves *sum, const char *word)
{
	unsigned number;
	char mark;

	if (strcmp(word, "moves") == 0)
		return 0;
	if (sscanf(word, "%c%u", &mark, &number) != 2 || (mark != 'o' && mark != 's') ||
	    number >= CORE_MOVES_STATES * CORE_MOVES_STATES)
		return -EINVAL;
	if (mark == 'o')
		sum->operation[number / CORE_MOVES_STATES][number % CORE_MOVES_STATES]++;
	else
		sum->scope[number / CORE_MOVES_STATES][number % CORE_MOVES_STATES]++;
	return 0;
}

int coverage_read(struct core_moves *sum, FILE *file)
{
	char word[16];

	while (fscanf(file, "%15s", word) == 1)
		if (read_word(sum, word))
			return -EINVAL;
	return 0;
}
