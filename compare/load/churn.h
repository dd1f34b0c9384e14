/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Churn: each of so many connections at once is opened, sends one message, has it back, ends its side,
 * hears the server end the other, and is closed; then the next one is opened in its place. An operation
 * is all of that, and its latency the time from the call of connect(2) to the server's end. Copy is the same
 * but for the message, which is a file's: it comes to whoever connects, and none is sent. */
#ifndef COMPARE_LOAD_CHURN_H
#define COMPARE_LOAD_CHURN_H

#include "compare/load/load.h"

/* As load_play(). */
int churn_play(const struct load_options *options, struct load_result *result);

#endif
