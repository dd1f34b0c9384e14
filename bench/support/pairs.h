/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Connected stream sockets with both ends in this process.
 */
#ifndef DUET_BENCH_PAIRS_H
#define DUET_BENCH_PAIRS_H

/* ends[0] is the client's, blocking, ends[1] the server's, non-blocking. 0 or -errno. */
int pair_unix(int ends[2]);
int pair_tcp(int ends[2]);

#endif
