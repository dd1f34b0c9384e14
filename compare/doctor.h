/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#ifndef COMPARE_DOCTOR_H
#define COMPARE_DOCTOR_H

#include <duet/loop.h>

#include "compare/backends.h"

/* duet doctor. An exit code. */
int doctor_command(int argc, char **argv);

/* What it found so far. */
struct doctor {
	const char *proc;
	struct duet_probe probes[BACKENDS_COUNT];
	unsigned int advice; /* lines given so far */
};

/* "native", "emulated", "absent", or "-" where the backend can't be had. */
const char *doctor_capability_word(const struct duet_probe *probe, int kind);

/* doctor_json.c: into a file, or - for the standard output. An exit code. */
int doctor_write_json(const struct doctor *doctor, const char *path);

#endif
