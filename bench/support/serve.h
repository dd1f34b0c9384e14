/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * An echo engine as a server process on 127.0.0.1. It prints "port N", serves until SIGTERM, and
 * with --count ends by itself after that many messages and prints what it did as lines of
 * "stat NAME VALUE": under callgrind a sleeping process does not see signals.
 */
#ifndef DUET_BENCH_SERVE_H
#define DUET_BENCH_SERVE_H

#include "bench/floors/engine.h"

/* Returns the exit status. options is parsed from argv: --port --count --size --connections
 * --buffers --buffer-bytes --seconds. */
int serve_main(const struct echo_engine *engine, int argc, char **argv);

#endif
