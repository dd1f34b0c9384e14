/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/specimens/page.h"

#include "compare/laboratory/specimens/raw_table.h"
#include "compare/laboratory/specimens/specimen.h"

/* Behind another operation is a moment that nothing here has. */
static unsigned int everywhere(void)
{
	unsigned int phases = 0;

	for (int phase = DUET_LAB_SAME_BATCH; phase < DUET_LAB_PHASE_COUNT; phase++)
		phases |= 1u << phase;
	return phases;
}

static void write_phases(FILE *out, unsigned int phases)
{
	const char *comma = "";

	for (int phase = 0; phase < DUET_LAB_PHASE_COUNT; phase++) {
		if (!(phases & 1u << phase))
			continue;
		fprintf(out, "%s%s", comma, duet_lab_phase_name((enum duet_lab_phase)phase));
		comma = ", ";
	}
}

void page_phases(FILE *out, unsigned int phases)
{
	unsigned int cancelled = phases & ~(unsigned int)SPECIMEN_WITHOUT;

	if (!cancelled)
		fprintf(out, "nowhere");
	else if (cancelled == everywhere())
		fprintf(out, "everywhere");
	else
		write_phases(out, cancelled);
	if (phases & SPECIMEN_WITHOUT)
		fprintf(out, ", and without a cancel");
}

static void write_row(FILE *out, const unsigned int *breaks, int count)
{
	for (int i = 0; i < count; i++) {
		fprintf(out, " | ");
		page_phases(out, breaks[i]);
	}
	fprintf(out, " |\n");
}

static void write_rule(FILE *out, int columns)
{
	while (columns--)
		fprintf(out, "|---");
	fprintf(out, "|\n");
}

void page_policies(FILE *out)
{
	fprintf(out, "| policy | workload");
	for (int place = 0; place < SPECIMEN_MECHANISMS; place++)
		fprintf(out, " | %s", SPECIMEN_ON[place].name);
	fprintf(out, " |\n");
	write_rule(out, SPECIMEN_MECHANISMS + 2);
	for (const struct specimen *specimen = SPECIMENS; specimen->workload; specimen++) {
		fprintf(out, "| %s | %s", specimen->policy.name, specimen->workload);
		write_row(out, specimen->breaks, SPECIMEN_MECHANISMS);
	}
}

void page_mistakes(FILE *out)
{
	fprintf(out, "| mistake | as in");
	for (int on = 0; on < RAW_MECHANISMS; on++)
		fprintf(out, " | %s", RAW_ON[on].name);
	fprintf(out, " |\n");
	write_rule(out, RAW_MECHANISMS + 2);
	for (const struct raw_specimen *specimen = RAW_SPECIMENS; specimen->name; specimen++) {
		fprintf(out, "| %s: %s | %s", specimen->name, specimen->does, specimen->shipped);
		write_row(out, specimen->breaks, RAW_MECHANISMS);
	}
}
