/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The hand-written epoll echo as a server process: see support/serve.h for its options.
 */
#include "floors/floor_epoll.h"
#include "support/serve.h"

int main(int argc, char **argv)
{
	return serve_main(&floor_epoll_engine, argc, argv);
}
