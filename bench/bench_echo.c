/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The twins' echo as a server process, "bench_echo polling|completion OPTIONS": what bench_counts
 * and bench_memory set against the floors. See support/serve.h for the options.
 */
#include <string.h>

#include "support/echo_server.h"
#include "support/serve.h"

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "polling") == 0)
		return serve_main(&twin_polling_engine, argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "completion") == 0)
		return serve_main(&twin_completion_engine, argc - 1, argv + 1);
	fprintf(stderr, "%s: the first argument is polling or completion\n", argv[0]);
	return 2;
}
