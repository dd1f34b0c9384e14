/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef REFERENCE_TWINS_PLAY_H
#define REFERENCE_TWINS_PLAY_H

#include "reference/twins/arms.h"
#include "reference/script.h"
#include "reference/trace.h"

/*
 * Plays a script on one arm, from a fresh loop to its destruction, and writes down what it saw.
 * tuning (may be NULL) is added to the arm's own. 0: the trace is complete. Negative: the stage
 * couldn't be set (no loop, no socket), and why says so. If the trace says that something was
 * stuck, memory is left behind on purpose: it is still lent.
 */
int play(const struct script *script, const struct arm *arm, const char *tuning,
	 struct trace *trace, char *why, size_t size);

#endif
