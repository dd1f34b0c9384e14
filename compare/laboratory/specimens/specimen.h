/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * Unsafe policies, kept on purpose: what each breaks, and where. A specimen has to show exactly that,
 * on each mechanism and in each phase, and nothing else: so it proves that the laboratory sees.
 */
#ifndef COMPARE_LABORATORY_SPECIMENS_SPECIMEN_H
#define COMPARE_LABORATORY_SPECIMENS_SPECIMEN_H

#include "compare/laboratory/policy.h"

struct duet_backend;

enum { SPECIMEN_MECHANISMS = 6 };

struct specimen_mechanism {
	const char *name, *backend, *tuning;
	uint32_t orders_depth; /* where the backend can be told: see struct duet_lab_sweep */
};

extern const struct specimen_mechanism SPECIMEN_ON[SPECIMEN_MECHANISMS];

struct specimen {
	const char *workload;
	struct policy policy;
	const char *shipped; /* where it was found: owner/repository#issue */
	/* A bit for each phase in which a cancel of the scope breaks something, and one more for the
	 * run without a cancel. */
	unsigned int breaks[SPECIMEN_MECHANISMS];
	/* And a bit for each invariant that is the first to be seen violated, on any of them: so that
	 * every account of the laboratory's is known to see. */
	uint32_t violates;
};

/* What a sweep has shown. */
struct specimen_seen {
	unsigned int breaks;
	uint32_t violates;
};

/* Ends with one without a workload. */
extern const struct specimen SPECIMENS[];

enum { SPECIMEN_WITHOUT = 1 << DUET_LAB_PHASE_COUNT };

/* Sweeps a workload under a policy, safe or not, and says in which phases something broke, and what. 0,
 * or -errno. */
int specimen_sweep(const char *workload, const struct policy *policy,
		   const struct specimen_mechanism *on, struct specimen_seen *seen,
		   struct duet_lab_sweep *sweep);

#endif
