/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/* All specimens, what is stated of each and what was observed: "specimens", without options. */
#include <duet/operation.h>
#include <stdio.h>
#include <stdlib.h>

#include "compare/laboratory/specimens/specimen.h"
#include "compare/say.h"

static void print_phases(unsigned int phases)
{
	if (!phases)
		printf("nowhere");
	if (phases & SPECIMEN_WITHOUT)
		printf("without a cancel%s", phases == SPECIMEN_WITHOUT ? "" : ", ");
	for (int phase = 0; phase < DUET_LAB_PHASE_COUNT; phase++) {
		unsigned int below = phases & ((1u << phase) - 1);

		if (phases & 1u << phase)
			printf("%s%s", below ? ", " : "",
			       duet_lab_phase_name((enum duet_lab_phase)phase));
	}
}

static int show(const struct specimen *specimen, int place)
{
	struct duet_lab_sweep sweep;
	unsigned int broken;
	int error = specimen_sweep(specimen->workload, &specimen->policy, &SPECIMEN_ON[place], &broken, &sweep);

	printf("  %-20s ", SPECIMEN_ON[place].name);
	if (error) {
		printf("not to be had here: %s\n", duet_error_name(error));
		return SAY_UNMEASURED;
	}
	print_phases(broken);
	printf(" (%u of %u runs)", sweep.violations, sweep.runs - sweep.unreached);
	free(sweep.outcomes);
	if (broken == specimen->breaks[place]) {
		printf("\n");
		return SAY_OK;
	}
	printf("\n  %-20s STATED: ", "");
	print_phases(specimen->breaks[place]);
	printf("\n");
	return SAY_WRONG_BYTE;
}

int main(void)
{
	int worst = SAY_OK;

	printf("Where a cancel of the scope breaks something, observed; as stated but where it\n"
	       "says otherwise.\n");
	for (const struct specimen *specimen = SPECIMENS; specimen->workload; specimen++) {
		printf("\n%s, %s%s: %s\n", specimen->workload, specimen->policy.name,
		       specimen->policy.safe ? " (safe)" : "", specimen->policy.does);
		for (int place = 0; place < SPECIMEN_MECHANISMS; place++) {
			int code = show(specimen, place);

			worst = code > worst ? code : worst;
		}
	}
	return worst;
}
