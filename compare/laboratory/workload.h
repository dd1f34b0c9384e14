/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/* What can be swept: the workloads, by name, and which policy each is tried with. */
#ifndef COMPARE_LABORATORY_WORKLOAD_H
#define COMPARE_LABORATORY_WORKLOAD_H

#include "compare/laboratory/policy.h"

/* A policy that a workload has no use for. */
struct workload_without {
	const char *policy, *why;
};

enum { WORKLOAD_WITHOUT_MAX = 6 };

struct workload {
	const char *name, *does; /* a few words */
	void (*make)(const struct policy *policy, struct duet_lab_workload *workload);
	/* In polling's native dialect; NULL: it can't be written in it. */
	void (*make_native)(const struct policy *policy, struct duet_lab_workload *workload);
	uint32_t turns_max; /* until it has joined; 0: the laboratory's bound. A cleanup that converses
			       takes as long as its peer */
	const char *kernel_only; /* what it needs that the reference has not; or NULL */
	struct workload_without without[WORKLOAD_WITHOUT_MAX]; /* ends with one without a name */
};

/* Ends with one without a name. */
extern const struct workload WORKLOADS[];

/* NULL: there is none of that name. */
const struct workload *workload_find(const char *name);

/* Why it isn't tried with this policy, or NULL: it is. */
const char *workload_why_not(const struct workload *workload, const char *policy);

#endif
