/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/figure.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void figure_real(double number, int decimals, char *text, size_t size)
{
	if (fabs(number) < 1e6)
		snprintf(text, size, "%.*f", decimals, number);
	else
		snprintf(text, size, "%.2e", number);
}

void figure_text(const json_t *value, const char *unit, char *text, size_t size)
{
	static const char *const TIMES[] = { "ns", "us", "ms", "s" };
	static const char *const RATES[] = { "/s", "k/s", "M/s", "G/s" };
	bool time = !strcmp(unit, "ns");
	double number = json_number_value(value);
	char digits[24];
	int step = 0;

	if (!json_is_number(value)) {
		snprintf(text, size, "-");
		return;
	}
	for (; number >= 1000 && step < 3; step++)
		number /= 1000;
	figure_real(number, number < 10 ? 2 : number < 100 ? 1 : 0, digits, sizeof(digits));
	snprintf(text, size, "%s %s", digits, time ? TIMES[step] : RATES[step]);
}

static int decimals(double number)
{
	if (number == 0)
		return 0;
	return number < 1 ? 4 : number < 10 ? 3 : number < 100 ? 1 : 0;
}

void figure_counter(const json_t *value, char *text, size_t size)
{
	double number = json_number_value(value);

	if (json_is_number(value))
		figure_real(number, decimals(number), text, size);
	else
		snprintf(text, size, "-");
}
