/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/plan_cancel.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "compare/models/crowd.h"
#include "compare/say.h"
#include "compare/workloads/cancel.h"

enum { LIST_MAX = 16, TEXT_BYTES_MAX = 256, CLOSED_PENDING = 1000 };

/* A list on the command line, "1,100,10000". */
struct list {
	char text[TEXT_BYTES_MAX];
	char *words[LIST_MAX];
	unsigned int count;
};

const char *plan_cancel_option(const struct wishes *wishes)
{
	return wishes->cells ? "--cells" : wishes->operations ? "--operations" : wishes->method ? "--method"
		: wishes->pending ? "--pending" : wishes->storm ? "--storm"
		: wishes->deadlines ? "--deadlines" : NULL;
}

static int read_list(const char *option, const char *text, struct list *list)
{
	char *rest = list->text;

	list->count = 0;
	if (strlen(text) >= sizeof(list->text))
		return say_failure(SAY_USAGE, "compare: --%s: the list is too long", option);
	strcpy(list->text, text);
	for (char *word = strsep(&rest, ","); word; word = strsep(&rest, ",")) {
		if (!*word)
			return say_failure(SAY_USAGE, "compare: --%s %s: one in it is empty; "
					   "write them with one comma between", option, text);
		if (list->count == LIST_MAX)
			return say_failure(SAY_USAGE, "compare: --%s: at most %d at once", option,
					   LIST_MAX);
		list->words[list->count++] = word;
	}
	return SAY_OK;
}

static int read_method(const char *word, enum cancel_method *method)
{
	*method = cancel_method_find(word);
	if (*method < CANCEL_NEVER)
		return SAY_OK;
	if (!strcmp(word, "link-timeout"))
		return say_failure(SAY_USAGE, "compare: --method %s: the ring's own timeouts are an "
				   "arm: write --method deadline --b floor-link", word);
	return say_failure(SAY_USAGE, "compare: --method %s: there is " CANCEL_METHOD_NAMES, word);
}

static int read_operations(const char *word, uint32_t least, uint32_t *operations)
{
	char *end;
	unsigned long value = strtoul(word, &end, 10);

	*operations = (uint32_t)value;
	if (*word >= '0' && *word <= '9' && !*end && value >= least && value <= CROWD_MAX)
		return SAY_OK;
	return say_failure(SAY_USAGE, "compare: --operations %s: give numbers from %u to %d%s", word,
			   least, CROWD_MAX, least > 1 ? " with --storm, of which one in a hundred is "
							 "answered" : "");
}

/* What is closed has to be made again, which takes longer than to end it; what ends by its time ends
 * with all the others. */
static uint32_t usual_pending(const struct cell *cell)
{
	if (cell->method != CANCEL_DESCRIPTOR)
		return CROWD_MAX;
	return cell->operations < CLOSED_PENDING ? CLOSED_PENDING : cell->operations;
}

static int fill_pending(const struct wishes *wishes, struct cell *cell)
{
	uint32_t pending = wishes->pending ? wishes->pending : usual_pending(cell);

	if (cell->method == CANCEL_DEADLINE)
		pending = cell->operations;
	if (pending < cell->operations)
		return say_failure(SAY_USAGE, "compare: --pending %u: give at least as many as one "
				   "request ends, %u", pending, cell->operations);
	cell->pending = pending - pending % cell->operations;
	return SAY_OK;
}

static int check_wishes(const struct wishes *wishes)
{
	if (wishes->deadlines && (wishes->operations || wishes->method || wishes->storm))
		return say_failure(SAY_USAGE, "compare: --deadlines is a cell of its own, in which "
				   "nothing is cancelled; leave out --operations, --method and "
				   "--storm");
	if (wishes->storm && wishes->method && strcmp(wishes->method, "deadline") != 0)
		return say_failure(SAY_USAGE, "compare: --storm ends operations by their deadline; "
				   "leave out --method");
	if (wishes->pending && (wishes->storm || (wishes->method &&
						  !strcmp(wishes->method, "deadline"))))
		return say_failure(SAY_USAGE, "compare: --pending: what ends by its deadline ends "
				   "with all the others; say how many with --operations");
	return SAY_OK;
}

static int add_cell(const struct wishes *wishes, enum cancel_method method, const char *operations,
		    struct cell *cell)
{
	int code;

	*cell = (struct cell){ .workload = &WORKLOAD_CANCEL, .method = method,
			       .storm = wishes->storm };
	code = read_operations(operations, wishes->storm ? CROWD_STORM : 1, &cell->operations);
	return code ? code : fill_pending(wishes, cell);
}

/* One for each backend: with a deadline that doesn't come, against without. */
static int fill_deadlines(const struct wishes *wishes, struct cell *cells, unsigned int cells_max,
			  unsigned int *count)
{
	for (*count = 0; *count < 2 && *count < cells_max; ++*count)
		cells[*count] = (struct cell){
			.workload = &WORKLOAD_CANCEL, .method = CANCEL_NEVER, .operations = 1,
			.pending = wishes->pending ? wishes->pending : CROWD_MAX,
		};
	return SAY_OK;
}

int plan_cancel_cells(const struct wishes *wishes, struct cell *cells, unsigned int cells_max,
		      unsigned int *count)
{
	const char *many = wishes->storm ? "10000" : "1,100,10000";
	const char *method_text = wishes->method ? wishes->method : wishes->storm ? "deadline"
										  : "scope";
	struct list methods, operations;
	int code = check_wishes(wishes);

	*count = 0;
	if (!code && wishes->deadlines)
		return fill_deadlines(wishes, cells, cells_max, count);
	if (!code)
		code = read_list("method", method_text, &methods);
	if (!code)
		code = read_list("operations", wishes->operations ? wishes->operations : many,
				 &operations);
	for (unsigned int m = 0; !code && m < methods.count; m++) {
		enum cancel_method method;

		code = read_method(methods.words[m], &method);
		for (unsigned int n = 0; !code && n < operations.count; n++) {
			if (*count == cells_max)
				return say_failure(SAY_USAGE, "compare: at most %d cells at once",
						   PLAN_CELLS_MAX);
			code = add_cell(wishes, method, operations.words[n], &cells[(*count)++]);
		}
	}
	return code;
}
