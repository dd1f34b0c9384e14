/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/page.h"

#include "compare/say.h"

const char *page_style(FILE *out, const char *code)
{
	return say_colour(out) ? code : "";
}

bool page_is_narrow(FILE *out)
{
	return say_columns(out) < SAY_COLUMNS_MAX;
}

char page_letter(json_int_t arm)
{
	return arm >= 0 && arm < 26 ? (char)('a' + arm) : '?';
}
