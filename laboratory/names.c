/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/laboratory.h>

const char *duet_lab_phase_name(enum duet_lab_phase phase)
{
	static const char *const names[DUET_LAB_PHASE_COUNT] = {
		"before", "same batch", "in flight", "satisfied", "posted", "dispatched"};

	return (unsigned)phase < DUET_LAB_PHASE_COUNT ? names[phase] : "?";
}

const char *duet_lab_kind_name(enum duet_lab_kind kind)
{
	static const char *const names[DUET_LAB_KIND_COUNT] = {
		"operation", "scope", "deadline", "shutdown", "abandon", "second"};

	return (unsigned)kind < DUET_LAB_KIND_COUNT ? names[kind] : "?";
}

const char *duet_lab_verdict_name(enum duet_lab_verdict verdict)
{
	static const char *const names[] = {"ok", "partial", "unreached", "VIOLATION"};

	return (unsigned)verdict < sizeof(names) / sizeof(*names) ? names[verdict] : "?";
}

const char *duet_lab_invariant_name(enum duet_lab_invariant invariant)
{
	static const char *const names[DUET_LAB_MEMORY + 1] = {
		[DUET_LAB_TERMINAL] = "terminal",	[DUET_LAB_BYTES] = "bytes",
		[DUET_LAB_DESCRIPTORS] = "descriptors",	[DUET_LAB_LOANS] = "loans",
		[DUET_LAB_POOL] = "pool",		[DUET_LAB_PERMITS] = "permits",
		[DUET_LAB_LATENCY] = "latency",		[DUET_LAB_CLEANUP] = "cleanup",
		[DUET_LAB_MIXED] = "mixed",		[DUET_LAB_RESTART] = "restart",
		[DUET_LAB_UNANSWERED] = "unanswered",	[DUET_LAB_QUIET] = "quiet",
		[DUET_LAB_CHECK] = "check",		[DUET_LAB_HANG] = "hang",
		[DUET_LAB_CRASH] = "crash",		[DUET_LAB_REPEAT] = "repeat",
		[DUET_LAB_MEMORY] = "memory"};

	return (unsigned)invariant <= DUET_LAB_MEMORY && names[invariant] ? names[invariant] : "?";
}
