/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/outlet.h"

#include <signal.h>
#include <string.h>

#include "compare/report/store.h"
#include "compare/say.h"

static bool is_alone(const struct outlet *outlet)
{
	return outlet->json && !strcmp(outlet->json, "-");
}

bool outlet_has_table(const struct outlet *outlet)
{
	return !outlet->quiet && !is_alone(outlet);
}

bool outlet_has_file(const struct outlet *outlet)
{
	return outlet->json && !is_alone(outlet);
}

int outlet_open(const struct outlet *outlet, const char *command)
{
	char who[64];
	int code = SAY_OK;

	snprintf(who, sizeof(who), "%s: ", command);
	if (outlet_has_table(outlet) || is_alone(outlet))
		code = say_check_output(who);
	if (!code && outlet->json)
		code = store_check(outlet->json, command);
	if (!code && outlet_has_file(outlet))
		signal(SIGPIPE, SIG_IGN);
	return code;
}

int outlet_write(const struct outlet *outlet, const json_t *result,
		 void (*print)(const json_t *result, FILE *out))
{
	int code = outlet->json ? store_write(result, outlet->json) : SAY_OK;

	if (code && outlet->quiet && outlet_has_file(outlet)) {
		say_note("the table is printed in its place, --quiet or not");
		print(result, stdout);
	}
	return code;
}

/* What the table loses is said when the program ends. */
int outlet_deliver(const struct outlet *outlet, const json_t *result,
		   void (*print)(const json_t *result, FILE *out))
{
	if (outlet_has_table(outlet)) {
		print(result, stdout);
		say_flush();
	}
	return outlet_write(outlet, result, print);
}

int outlet_interrupted(const struct outlet *outlet, bool measured)
{
	if (measured) {
		say_note("ended early: the rounds that were played to their end are kept");
		return SAY_OK;
	}
	return say_failure(SAY_UNMEASURED, "ended before the first round was over: nothing was "
			   "measured%s%s", outlet->json ? ", and nothing written to " : "",
			   outlet->json ? outlet->json : "");
}
