/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reference/explore/coverage.h"
#include "reference/explore/search.h"

/* Exit status, as usage_text has it. */
enum { STATUS_OK, STATUS_VIOLATION, STATUS_USAGE };

enum { DEPTH_DEFAULT = 8, DEPTH_MAX = 64 };

static const char usage_text[] =
	"usage: explore [--depth N] [--cast NAME]\n"
	"       explore --cast NAME --replay SEQUENCE\n"
	"       explore --suite FILE\n"
	"Tries every sequence of at most N (8) moves of the caller, with every choice of the reference\n"
	"backend, on each cast, or on one; and checks the rules of scopes and operations after each.\n"
	"With --suite nothing is tried: the file, in which the test programs have noted which moves\n"
	"between states they saw, is summed up.\n"
	"exit status: 0; 1 a violation, or a move that was never seen; 2 usage\n";

struct request {
	const struct cast *cast; /* NULL: all */
	const char *sequence;
	unsigned depth;
};

static int usage(const char *what, const char *value)
{
	fprintf(stderr, "explore: %s \"%s\"\n%scasts:", what, value, usage_text);
	for (const struct cast *each = casts; each->name; each++)
		fprintf(stderr, " %s", each->name);
	fputc('\n', stderr);
	return STATUS_USAGE;
}

/* Of the processor: others may be at work, too. */
static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static const char *program;

static int tell(const struct cast *played, const struct search *search)
{
	if (!search->violation[0])
		return STATUS_OK;
	printf("violation: %s: %s\n", played->name, search->violation);
	if (search->sequence[0])
		printf("replay: %s --cast %s --replay '%s'\n", program, played->name,
			search->sequence);
	return STATUS_VIOLATION;
}

static int fail(const struct cast *played, int error)
{
	fprintf(stderr, "explore: cast %s could not be played: %s\n", played->name,
		duet_error_name(error));
	return STATUS_USAGE;
}

static int explore(const struct cast *played, unsigned depth, struct core_moves *moves)
{
	static struct search search;
	double begun = seconds();
	int error = search_run(played, depth, &search);

	if (error < 0)
		return fail(played, error);
	printf("%-10s %8llu states %9llu edges %10.3g sequences %6.2f s%s\n", played->name,
		(unsigned long long)search.states, (unsigned long long)search.edges,
		search.sequences, seconds() - begun,
		search.complete ? ", and there are no more" : "");
	coverage_add(moves, &search.moves);
	return tell(played, &search);
}

static int explore_all(const struct request *request)
{
	struct core_moves moves = { 0 };
	int status = STATUS_OK;

	printf("every sequence of up to %u moves\n", request->depth);
	for (const struct cast *each = casts; each->name; each++) {
		if (request->cast && request->cast != each)
			continue;
		if (explore(each, request->depth, &moves))
			status = STATUS_VIOLATION;
		fflush(stdout);
	}
#ifdef DUET_MOVES
	coverage_write(&moves, stdout);
#else
	puts("moves between states are counted by make explore");
#endif
	return status;
}

static int replay(const struct request *request)
{
	static struct search search;
	int error = search_replay(request->cast, request->sequence, &search);

	if (error < 0 && search.violation[0])
		return usage(search.violation, request->sequence);
	if (error < 0)
		return fail(request->cast, error);
	if (!error)
		printf("%u moves, and nothing is wrong\n", search.depth);
	return tell(request->cast, &search);
}

static int sum_suite(const char *path)
{
	static struct coverage coverage;
	FILE *file = fopen(path, "r");
	int error = file ? coverage_read(&coverage, file) : -errno;

	if (file)
		fclose(file);
	if (error) {
		fprintf(stderr, "explore: %s: %s\n", path,
			file ? "not what test programs note" : strerror(-error));
		return STATUS_USAGE;
	}
	printf("what the test programs saw of the state tables\n");
	return coverage_write_suite(&coverage, stdout) ? STATUS_VIOLATION : STATUS_OK;
}

static int read_depth(const char *text, unsigned *depth)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	*depth = (unsigned)number;
	return *text && !*end && *text != '-' && number >= 1 && number <= DEPTH_MAX ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct request request = { .depth = DEPTH_DEFAULT };

	program = argv[0];
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return fputs(usage_text, stdout) < 0;
	if (argc == 3 && strcmp(argv[1], "--suite") == 0)
		return sum_suite(argv[2]);
	for (int i = 1; i < argc; i += 2) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(argv[i], "--depth") == 0) {
			if (read_depth(value, &request.depth))
				return usage("a depth of 1 to 64 must follow --depth, not", value);
		} else if (strcmp(argv[i], "--cast") == 0) {
			request.cast = cast_find(value);
			if (!request.cast)
				return usage("no cast is called", value);
		} else if (strcmp(argv[i], "--replay") == 0) {
			request.sequence = value;
		} else {
			return usage("no such option:", argv[i]);
		}
	}
	if (request.sequence && !request.cast)
		return usage("--replay wants a --cast; not for all:", request.sequence);
	return request.sequence ? replay(&request) : explore_all(&request);
}
