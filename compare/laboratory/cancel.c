/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/cancel.h"

#include <stdio.h>
#include <string.h>

#include "compare/laboratory/op.h"
#include "compare/laboratory/price.h"
#include "compare/laboratory/stress.h"
#include "compare/laboratory/sweep.h"
#include "compare/say.h"

static const struct {
	const char *name, *summary;
	int (*run)(int argc, char **argv);
} PARTS[] = {
	{ "op", "one operation: every kind, cancelled at every moment, on every mechanism",
	  op_command },
	{ "sweep", "a workload: cancelled at every point, in every phase and every way",
	  sweep_command },
	{ "stress", "millions of operations: cancelled at random, while another thread acts",
	  stress_command },
	{ "price", "what each safe way to wait costs, beside the plain one that nobody asks",
	  price_command },
	{ "show", "print a stored table of op, sweep, stress or price", op_show_command },
};

static void print_help(FILE *out)
{
	fputs("usage: duet cancel PART [OPTION...]\n\nWhat if it is cancelled here?\n\n", out);
	for (size_t i = 0; i < sizeof(PARTS) / sizeof(*PARTS); i++)
		say_wrapped(out, PARTS[i].summary, fprintf(out, "  %-7s ", PARTS[i].name), 10);
	fputc('\n', out);
	say_wrapped(out, "'duet cancel PART --help' lists the options.", 0, 0);
}

int cancel_command(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return SAY_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_help(stdout);
		return SAY_OK;
	}
	for (size_t i = 0; i < sizeof(PARTS) / sizeof(*PARTS); i++) {
		if (!strcmp(argv[1], PARTS[i].name))
			return PARTS[i].run(argc - 1, argv + 1);
	}
	return say_failure(SAY_USAGE, "cancel: no such part as '%s'; duet cancel --help lists them",
			   argv[1]);
}
