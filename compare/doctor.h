/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_DOCTOR_H
#define COMPARE_DOCTOR_H

/* duet doctor. An exit code. */
int doctor_command(int argc, char **argv);

#endif
