/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * "specimens": all of them, what is stated of each and what was observed. "specimens page policies" or
 * "page mistakes": what is stated, as docs/cancellation.md has it.
 */
#include <duet/operation.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/laboratory/specimens/page.h"
#include "compare/laboratory/specimens/raw_table.h"
#include "compare/laboratory/specimens/specimen.h"
#include "compare/say.h"

static void print_head(const char *name, const char *does, const char *shipped,
		       const char *workload)
{
	printf("\n%s: %s\n  found in %s\n", name, does, shipped);
	if (workload)
		printf("  in a %s\n", workload);
}

/* What is stated, and then what was seen where that is something else. */
static int print_seen(const char *mechanism, unsigned int stated, unsigned int seen)
{
	printf("  %-20s stated ", mechanism);
	page_phases(stdout, stated);
	if (seen == stated) {
		printf("; observed\n");
		return SAY_OK;
	}
	printf("\n  %-20s OBSERVED ", "");
	page_phases(stdout, seen);
	printf("\n");
	return SAY_WRONG_BYTE;
}

static int print_refused(const char *mechanism, int error)
{
	printf("  %-20s not to be had here: %s\n", mechanism, duet_error_name(error));
	return SAY_UNMEASURED;
}

static int worse(int worst, int code)
{
	return code > worst ? code : worst;
}

/* ---- Policies. ---- */

static int sweep(const char *workload, const struct policy *policy, const unsigned int *stated)
{
	int worst = SAY_OK;

	for (int place = 0; place < SPECIMEN_MECHANISMS; place++) {
		const struct specimen_mechanism *on = &SPECIMEN_ON[place];
		struct duet_lab_sweep swept;
		unsigned int broken;
		int error = specimen_sweep(workload, policy, on, &broken, &swept);

		if (error) {
			worst = worse(worst, print_refused(on->name, error));
			continue;
		}
		worst = worse(worst, print_seen(on->name, stated[place], broken));
		if (policy->safe && swept.violations)
			worst = SAY_WRONG_BYTE;
		free(swept.outcomes);
	}
	return worst;
}

static int sweep_safe(void)
{
	static const char *const workloads[] = { "conversation", "race" };
	static const unsigned int nowhere[SPECIMEN_MECHANISMS] = { 0 };
	int worst = SAY_OK;

	for (const struct policy *policy = POLICIES; policy->name; policy++) {
		for (int i = 0; i < 2; i++) {
			printf("\n%s, %s (safe): %s\n", workloads[i], policy->name, policy->does);
			worst = worse(worst, sweep(workloads[i], policy, nowhere));
		}
	}
	return worst;
}

static int sweep_unsafe(void)
{
	int worst = SAY_OK;

	for (const struct specimen *specimen = SPECIMENS; specimen->workload; specimen++) {
		print_head(specimen->policy.name, specimen->policy.does, specimen->shipped,
			   specimen->workload);
		worst = worse(worst, sweep(specimen->workload, &specimen->policy, specimen->breaks));
	}
	return worst;
}

/* ---- Inside of a runtime. ---- */

static int try_mistake(const struct raw_specimen *specimen, int on)
{
	unsigned int broken, without;
	const char *what, *none;
	int error = raw_sweep(specimen, specimen->mistake, on, &broken, &what);
	int code;

	if (!error)
		error = raw_sweep(specimen, RAW_NONE, on, &without, &none);
	if (error)
		return print_refused(RAW_ON[on].name, error);
	code = print_seen(RAW_ON[on].name, specimen->breaks[on], broken);
	if (what)
		printf("  %-20s %s\n", "", what);
	if (!without)
		return code;
	printf("  %-20s WITHOUT THE MISTAKE: %s\n", "", none);
	return SAY_WRONG_BYTE;
}

static int try_mistakes(void)
{
	int worst = SAY_OK;

	for (const struct raw_specimen *specimen = RAW_SPECIMENS; specimen->name; specimen++) {
		print_head(specimen->name, specimen->does, specimen->shipped, NULL);
		for (int on = 0; on < RAW_MECHANISMS; on++)
			worst = worse(worst, try_mistake(specimen, on));
	}
	return worst;
}

int main(int argc, char **argv)
{
	int worst;

	if (argc > 2 && !strcmp(argv[1], "page")) {
		if (!strcmp(argv[2], "mistakes"))
			page_mistakes(stdout);
		else
			page_policies(stdout);
		return SAY_OK;
	}
	printf("Where a cancel of the scope breaks something: by policy of the program.\n");
	worst = sweep_safe();
	worst = worse(worst, sweep_unsafe());
	printf("\nWhere a cancel breaks something: by a mistake inside a runtime, on a raw ring and\n"
	       "a raw reactor. The same without the mistake breaks nothing.\n");
	return worse(worst, try_mistakes());
}
