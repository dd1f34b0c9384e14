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

static int print_violated(uint32_t stated, uint32_t seen)
{
	printf("  violated:");
	for (int i = 1; i < 32; i++) {
		if (seen & UINT32_C(1) << i)
			printf(" %s", duet_lab_invariant_name((enum duet_lab_invariant)i));
	}
	printf("%s\n", seen == stated ? "" : "; NOT AS STATED");
	return seen == stated ? SAY_OK : SAY_WRONG_BYTE;
}

static int sweep(const char *workload, const struct policy *policy, const unsigned int *stated,
		 uint32_t violates)
{
	int worst = SAY_OK;
	uint32_t violated = 0;

	for (int place = 0; place < SPECIMEN_MECHANISMS; place++) {
		const struct specimen_mechanism *on = &SPECIMEN_ON[place];
		struct duet_lab_sweep swept;
		struct specimen_seen seen;
		int error = specimen_sweep(workload, policy, on, &seen, &swept);

		if (error) {
			worst = worse(worst, print_refused(on->name, error));
			continue;
		}
		worst = worse(worst, print_seen(on->name, stated[place], seen.breaks));
		if (policy->safe && swept.violations)
			worst = SAY_WRONG_BYTE;
		violated |= seen.violates;
		free(swept.outcomes);
	}
	if (violates)
		worst = worse(worst, print_violated(violates, violated));
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
			worst = worse(worst, sweep(workloads[i], policy, nowhere, 0));
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
		worst = worse(worst, sweep(specimen->workload, &specimen->policy, specimen->breaks,
				     specimen->violates));
	}
	return worst;
}

/* ---- Inside of a runtime. ---- */

static void print_wrongs(const char *head, unsigned int wrongs)
{
	for (int wrong = 0; wrong < RAW_WRONG_COUNT; wrong++) {
		if (wrongs & 1u << wrong)
			printf("  %s%s\n", head, raw_wrong_name((enum raw_wrong)wrong));
	}
}

static int try_mistake(const struct raw_specimen *specimen, int on, unsigned int *violated)
{
	struct raw_seen seen, without;
	int error = raw_sweep(specimen, specimen->mistake, on, &seen);
	int code;

	if (!error)
		error = raw_sweep(specimen, RAW_NONE, on, &without);
	if (error)
		return print_refused(RAW_ON[on].name, error);
	*violated |= seen.violates;
	code = print_seen(RAW_ON[on].name, specimen->breaks[on], seen.breaks);
	print_wrongs("WITHOUT THE MISTAKE: ", without.violates);
	return without.breaks ? SAY_WRONG_BYTE : code;
}

static int try_on_all(const struct raw_specimen *specimen)
{
	unsigned int violated = 0;
	int worst = SAY_OK;

	for (int on = 0; on < RAW_MECHANISMS; on++)
		worst = worse(worst, try_mistake(specimen, on, &violated));
	print_wrongs("violated: ", violated & specimen->violates);
	print_wrongs("violated, and NOT STATED: ", violated & ~specimen->violates);
	print_wrongs("stated, and NOT VIOLATED: ", specimen->violates & ~violated);
	return violated == specimen->violates ? worst : SAY_WRONG_BYTE;
}

static int try_mistakes(void)
{
	int worst = SAY_OK;

	for (const struct raw_specimen *specimen = RAW_SPECIMENS; specimen->name; specimen++) {
		print_head(specimen->name, specimen->does, specimen->shipped, NULL);
		worst = worse(worst, try_on_all(specimen));
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
