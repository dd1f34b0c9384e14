/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Instructions that the calling thread carries out in user mode, by the processor's own counter: many
 * virtual machines have none. */
#ifndef COMPARE_MEASURE_INSTRUCTIONS_H
#define COMPARE_MEASURE_INSTRUCTIONS_H

/* A descriptor, or a negative errno: it can't be had here. */
int instructions_open(void);

/* Since it was opened; NAN of none. */
double instructions_read(int counter);

void instructions_close(int counter);

#endif
