/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/plan_question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/models/informed.h"
#include "compare/questions/cells.h"
#include "compare/questions/informed.h"
#include "compare/questions/question.h"
#include "compare/say.h"

enum { EVENTS_PER_S = 2000, LIST_BYTES_MAX = 64 };
static const char IDLE_CHILDREN[] = "1,10,100,1000,10000";

const char *plan_question_option(const struct wishes *wishes)
{
	return wishes->within_percent ? "--within" : wishes->children ? "--children" : NULL;
}

/* ---- What can't be asked. ---- */

static int check_arms(const struct question *question, const struct wishes *wishes)
{
	const char *option = wishes->a ? "--a" : wishes->b ? "--b" : wishes->cells ? "--cells"
		: wishes->deadlines ? "--deadlines" : NULL;

	if (!option)
		return SAY_OK;
	return say_failure(SAY_USAGE, "compare: the question %s names its own arms; leave out %s",
			   question->name, option);
}

static int check_informed(const struct wishes *wishes, int count, char **workloads)
{
	const char *option = wishes->connections ? "--connections" : wishes->size_bytes ? "--size"
		: wishes->items ? "--items" : wishes->latency_ns ? "--latency"
		: wishes->depth ? "--depth" : wishes->delay_ns ? "--delay"
		: wishes->file ? "--file" : wishes->block_bytes ? "--block"
		: wishes->direct ? "--direct" : NULL;

	if (count)
		return say_failure(SAY_USAGE, "compare: the question informed has a workload of its "
				   "own; leave out '%s'", workloads[0]);
	if (!option)
		return SAY_OK;
	return say_failure(SAY_USAGE, "compare: %s is no option of the question informed, which has "
			   "--children, --rate and --within", option);
}

static int check_cells(const struct wishes *wishes, int count, char **workloads)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(workloads[i], "echo") != 0 && strcmp(workloads[i], "rockets") != 0 &&
		    strcmp(workloads[i], "file") != 0)
			return say_failure(SAY_USAGE, "compare: the question cells is asked of echo, "
					   "rockets and file, and not of '%s'", workloads[i]);
	}
	if (!wishes->children)
		return SAY_OK;
	return say_failure(SAY_USAGE, "compare: --children is an option of the question informed");
}

int plan_question_check(const struct question *question, const struct wishes *wishes, int count,
			char **workloads)
{
	int code = check_arms(question, wishes);

	if (code)
		return code;
	return question == &QUESTION_INFORMED ? check_informed(wishes, count, workloads)
					      : check_cells(wishes, count, workloads);
}

/* ---- Its arms. ---- */

static int add_arm(struct cell *cell, const char *text)
{
	char why[ARM_WHY_MAX];

	if (arm_read(text, &cell->arms[cell->arm_count++], why, sizeof(why)))
		return say_failure(SAY_USAGE, "compare: %s", why);
	return SAY_OK;
}

static int fill_cells(struct cell *cell)
{
	int code = SAY_OK;

	for (int i = 0; !code && i < CELLS_ARMS; i++)
		code = add_arm(cell, CELLS_ARM_NAMES[i]);
	return code;
}

static int refuse_children(const char *text)
{
	return say_failure(SAY_USAGE, "compare: --children %s: give 2 to %d numbers from 1 to %d, "
			   "each larger than the one before, as 1,100,10000", text,
			   INFORMED_SIZES_MAX, INFORMED_IDLE_MAX);
}

/* "1,100,10000". */
static int read_children(const char *text, unsigned long *idle, unsigned int *count)
{
	const char *at = text;
	char *end;

	if (strlen(text) >= LIST_BYTES_MAX)
		return refuse_children("...");
	for (*count = 0; *count < INFORMED_SIZES_MAX; at = end + 1) {
		idle[*count] = strtoul(at, &end, 10);
		if (*at < '1' || *at > '9' || idle[*count] > INFORMED_IDLE_MAX ||
		    (*count && idle[*count] <= idle[*count - 1]))
			return refuse_children(text);
		++*count;
		if (!*end)
			return *count > 1 ? SAY_OK : refuse_children(text);
		if (*end != ',')
			return refuse_children(text);
	}
	return refuse_children(text);
}

static int fill_informed(struct cell *cell)
{
	unsigned long idle[INFORMED_SIZES_MAX];
	unsigned int sizes = 0;
	int code = read_children(cell->idle_children, idle, &sizes);

	for (int backend = 0; !code && backend < INFORMED_BACKENDS; backend++) {
		for (int style = 0; style < INFORMED_STYLES; style++) {
			for (unsigned int i = 0; !code && i < sizes; i++) {
				char text[ARM_NAME_MAX];

				snprintf(text, sizeof(text), "%s/%s:idle=%lu",
					 INFORMED_BACKEND[backend], INFORMED_STYLE[style]->name,
					 idle[i]);
				code = add_arm(cell, text);
			}
		}
	}
	return code;
}

int plan_question_fill(const struct question *question, const struct wishes *wishes,
		       struct cell *cell)
{
	cell->question = question;
	cell->within_percent = wishes->within_percent ? wishes->within_percent
						      : QUESTION_WITHIN_PERCENT;
	if (question == &QUESTION_CELLS)
		return fill_cells(cell);
	cell->idle_children = wishes->children ? wishes->children : IDLE_CHILDREN;
	cell->rate_per_s = wishes->rate_per_s ? wishes->rate_per_s : EVENTS_PER_S;
	if (!wishes->duration_ns)
		cell->duration_ns = UINT64_C(200000000);
	if (wishes->warmup_ns == UINT64_MAX)
		cell->warmup_ns = UINT64_C(50000000);
	return fill_informed(cell);
}
