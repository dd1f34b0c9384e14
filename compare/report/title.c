/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/report/title.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "compare/report/field.h"

/* "churn, 16 connections, 64 bytes". */
static int loaded_title(const char *name, const json_t *parameters, char *text, size_t size)
{
	return snprintf(text, size, "%s, %lld connection%s, %lld byte%s", name,
			(long long)field_integer(parameters, "connections"),
			field_plural(parameters, "connections"),
			(long long)field_integer(parameters, "size_bytes"),
			field_plural(parameters, "size_bytes"));
}

static void echo_title(const json_t *parameters, char *text, size_t size)
{
	bool rated = field_integer(parameters, "rate_per_s") > 0;
	json_int_t delay_ns = field_integer(parameters, "delay_ns");
	int used = loaded_title("echo", parameters, text, size);

	if (used < (int)size)
		used += snprintf(text + used, size - (size_t)used, ", %s %lld", rated ? "rate" : "depth",
				 (long long)field_integer(parameters, rated ? "rate_per_s" : "depth"));

	if (delay_ns > 0 && used < (int)size)
		snprintf(text + used, size - (size_t)used, ", delay %g ms", (double)delay_ns / 1e6);
}

static void slow_title(const json_t *parameters, char *text, size_t size)
{
	int used = loaded_title("slow", parameters, text, size);

	if (used < (int)size)
		snprintf(text + used, size - (size_t)used, ", depth %lld, read at %lld KiB/s",
			 (long long)field_integer(parameters, "depth"),
			 (long long)field_integer(parameters, "read_bytes_per_s") / 1024);
}

static void service_title(const char *name, const json_t *parameters, char *text, size_t size)
{
	int used = loaded_title(name, parameters, text, size);

	if (used < (int)size)
		snprintf(text + used, size - (size_t)used, ", depth %lld",
			 (long long)field_integer(parameters, "depth"));
}

static void rockets_title(const json_t *parameters, char *text, size_t size)
{
	json_int_t latency_ns = field_integer(parameters, "latency_ns");
	int used = snprintf(text, size, "rockets, %lld in the list, %lld connection%s",
			    (long long)field_integer(parameters, "items"),
			    (long long)field_integer(parameters, "connections"),
			    field_plural(parameters, "connections"));

	if (latency_ns > 0 && used < (int)size)
		snprintf(text + used, size - (size_t)used, ", latency %g ms",
			 (double)latency_ns / 1e6);
}

static void cancel_title(const json_t *parameters, char *text, size_t size)
{
	const char *method = field_string(parameters, "method");
	json_int_t operations = field_integer(parameters, "operations");
	json_int_t pending = field_integer(parameters, "pending");

	if (!strcmp(method, "never"))
		snprintf(text, size, "cancel, never: %lld pending, each answered", (long long)pending);
	else if (operations == pending)
		snprintf(text, size, "cancel by %.20s, %lld operation%s%s", method,
			 (long long)operations, field_plural(parameters, "operations"),
			 json_is_true(json_object_get(parameters, "storm")) ? ", storm" : "");
	else
		snprintf(text, size, "cancel by %.20s, %lld operation%s of %lld", method,
			 (long long)operations, field_plural(parameters, "operations"),
			 (long long)pending);
}

static bool is_one_of(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names;
}

void title_cell(const json_t *cell, char *text, size_t size)
{
	static const char *const served[] = { "http", "kv", "proxy", NULL };
	static const char *const bare[] = { "churn", "udp", "copy", NULL };
	const json_t *parameters = json_object_get(cell, "parameters");
	const char *name = field_string(cell, "workload");

	if (!strcmp(name, "echo"))
		echo_title(parameters, text, size);
	else if (is_one_of(name, bare))
		loaded_title(name, parameters, text, size);
	else if (!strcmp(name, "slow"))
		slow_title(parameters, text, size);
	else if (is_one_of(name, served))
		service_title(name, parameters, text, size);
	else if (!strcmp(name, "rockets"))
		rockets_title(parameters, text, size);
	else if (!strcmp(name, "cancel"))
		cancel_title(parameters, text, size);
	else if (!strcmp(name, "informed"))
		snprintf(text, size, "informed, 1 active beside %.40s idle, rate %lld",
			 field_string(parameters, "idle_children"),
			 (long long)field_integer(parameters, "rate_per_s"));
	else
		snprintf(text, size, "%s, blocks of %lld bytes, depth %lld%s", name,
			 (long long)field_integer(parameters, "block_bytes"),
			 (long long)field_integer(parameters, "depth"),
			 json_is_true(json_object_get(parameters, "direct")) ? ", direct" : "");
}
