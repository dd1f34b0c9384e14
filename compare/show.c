/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/show.h"

#include <stdio.h>

#include "compare/claim/claim.h"
#include "compare/options.h"
#include "compare/report/store.h"
#include "compare/report/text.h"
#include "compare/say.h"

static const struct option_row ROWS[] = { { 0 } };
static const struct option_set SET = {
	"show", "FILE",
	"Prints a result that duet compare --json has written; - is the standard input.", ROWS,
};

static int show(const char *path, json_t *result)
{
	const struct claim *claim = claim_of(result);
	int code = claim ? claim_judge(path, result) : store_judge(path, result);

	if (code)
		return code;
	(claim ? claim->print : text_whole)(result, stdout);
	return SAY_OK;
}

int show_command(int argc, char **argv)
{
	int first, code = options_read(&SET, argc, argv, NULL, &first);
	json_t *result;

	if (code != OPTIONS_READ)
		return code;
	if (argc - first != 1)
		return say_failure(SAY_USAGE, "show: give one file written by duet compare --json");
	code = store_load(argv[first], &result);
	if (!code)
		code = show(argv[first], result);
	json_decref(result);
	return code;
}
