/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_MOVES_H
#define TESTS_SUPPORT_MOVES_H

#include <duet/loop.h>

/* Adds the moves of the state tables that were made on the loop to the file that DUET_TEST_MOVES
 * names, for `make moves`. Nothing, where the build doesn't count them or nobody asks. */
void moves_note(const struct duet_loop *loop);

#endif
