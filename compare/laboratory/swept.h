/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/* What can be swept: the workloads, by name, and which policy each is tried with. */
#ifndef COMPARE_LABORATORY_SWEPT_H
#define COMPARE_LABORATORY_SWEPT_H

#include "compare/laboratory/policy.h"

/* A policy that a workload has no use for. */
struct swept_without {
	const char *policy, *why;
};

enum { SWEPT_WITHOUT_MAX = 6 };

struct swept {
	const char *name, *does; /* a few words */
	void (*make)(const struct policy *policy, struct duet_lab_workload *workload);
	/* In polling's native dialect; NULL: it can't be written in it. */
	void (*make_native)(const struct policy *policy, struct duet_lab_workload *workload);
	uint32_t turns_max; /* until it has joined; 0: the laboratory's bound. A cleanup that converses
			       takes as long as its peer */
	const char *kernel_only; /* what it needs that the reference has not; or NULL */
	struct swept_without without[SWEPT_WITHOUT_MAX]; /* ends with one without a name */
};

/* Ends with one without a name. */
extern const struct swept SWEPT[];

/* Why it isn't tried with this policy, or NULL: it is. */
const char *swept_why_not(const struct swept *workload, const char *policy);

#endif
