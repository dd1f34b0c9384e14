/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The twins' echo as a server process, "bench_echo polling|completion[-VARIANT] OPTIONS": what the
 * benches with two processes set against the floors. See support/echo_server.h for the variants and
 * support/serve.h for the options.
 */
#include <stdio.h>

#include "support/echo_server.h"
#include "support/serve.h"

int main(int argc, char **argv)
{
	const struct echo_engine *engine = argc > 1 ? twin_engine_find(argv[1]) : NULL;

	if (engine)
		return serve_main(engine, argc - 1, argv + 1);
	fprintf(stderr, "%s: the first argument is polling or completion, or a variant of them\n",
		argv[0]);
	return 2;
}
