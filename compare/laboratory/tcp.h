/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A TCP connection with little room, for what a unix stream doesn't show. */
#ifndef COMPARE_LABORATORY_TCP_H
#define COMPARE_LABORATORY_TCP_H

/* The second end is the peer's: closed last it leaves nothing behind that waits. 0 or -errno. */
int tcp_pair(int pair[2], int room_bytes);

#endif
