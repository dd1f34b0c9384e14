/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The hand-written io_uring echo that sends a crowd after each buffer, as a server process for
 * bench_traps: see support/serve.h for its options.
 */
#include "floors/floor_uring.h"
#include "support/serve.h"

int main(int argc, char **argv)
{
	return serve_main(&floor_uring_crowd_engine, argc, argv);
}
