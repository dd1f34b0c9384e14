/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* One optional path of a ring, by hand, and what it is set against. */
#ifndef COMPARE_CLAIM_PATHS_SCENE_H
#define COMPARE_CLAIM_PATHS_SCENE_H

#include <stdint.h>

struct paths_result {
	double cpu_ns;     /* of an operation, of all threads */
	double latency_ns; /* of an operation, one behind the other */
	double completions;
};

/* 0, -EBADMSG (what came isn't what was sent), -EINVAL (no such arm), or why it can't be had. */
int paths_play(const char *arm, uint32_t size_bytes, uint32_t operations,
	       struct paths_result *result);

/* Can files be read around the cache where files are made? */
int paths_direct_file(void);

#endif
