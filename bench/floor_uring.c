/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The hand-written io_uring echo as a server process: see support/serve.h for its options.
 */
#include "floors/floor_uring.h"
#include "support/serve.h"

int main(int argc, char **argv)
{
	return serve_main(&floor_uring_engine, argc, argv);
}
