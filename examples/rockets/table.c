/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "examples/rockets/table.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nothing here is nested deeper than in three; who parses it goes down once more for each. */
enum { DEPTH_MAX = 8 };

struct rocket {
	char id[48], name[48], country[48], first_flight[16], engine[48];
	double height_m;
	int mass_kg, engines;
	bool there;
};

void table_ask(const struct table *table, int index, struct http_exchange *exchange)
{
	char path[80] = "/rockets";

	if (index != TABLE_LIST)
		snprintf(path, sizeof(path), "/rockets/%s", table->rockets[index].id);
	http_ask(exchange, table->host, path);
}

/* The id becomes part of a path, so that not everything will do. */
static bool is_id(const char *id)
{
	size_t length = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return length && !id[length] && length < sizeof(((struct rocket *)0)->id);
}

static int take_list(struct table *table, json_t *list)
{
	const size_t count = json_array_size(list);
	const char *id, *name;

	if (!json_is_array(list) || count > INT32_MAX / sizeof(struct rocket))
		return -EBADMSG;
	table->rockets = calloc(count ? count : 1, sizeof(*table->rockets));
	if (!table->rockets)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct rocket *rocket = &table->rockets[i];

		if (json_unpack(json_array_get(list, i), "{s:s, s:s}", "id", &id, "name", &name) ||
		    !is_id(id))
			return -EBADMSG;
		snprintf(rocket->id, sizeof(rocket->id), "%s", id);
		snprintf(rocket->name, sizeof(rocket->name), "%s", name);
	}
	table->count = (int)count;
	return 0;
}

static int take_rocket(struct rocket *rocket, json_t *object)
{
	const char *id, *country, *first_flight, *engine;

	if (json_unpack(object, "{s:s, s:s, s:s, s:F, s:i, s:{s:i, s:s}}", "id", &id, "country",
			&country, "first_flight", &first_flight, "height_m", &rocket->height_m,
			"mass_kg", &rocket->mass_kg, "engines", "number", &rocket->engines, "type",
			&engine) ||
	    strcmp(id, rocket->id) != 0)
		return -EBADMSG;
	snprintf(rocket->country, sizeof(rocket->country), "%s", country);
	snprintf(rocket->first_flight, sizeof(rocket->first_flight), "%s", first_flight);
	snprintf(rocket->engine, sizeof(rocket->engine), "%s", engine);
	rocket->there = true;
	return 0;
}

/* The parser calls itself for what is nested, two thousand deep before it refuses: more than the stack of
 * a fiber holds, and how deep it is is for a stranger to say. */
static bool is_shallow(const char *text, size_t bytes)
{
	bool quoted = false;
	int depth = 0;

	for (size_t i = 0; i < bytes && depth <= DEPTH_MAX; i++) {
		if (quoted && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted)
			depth += (text[i] == '[' || text[i] == '{') -
				 (text[i] == ']' || text[i] == '}');
	}
	return depth <= DEPTH_MAX;
}

int table_take(struct table *table, int index, const struct http_exchange *exchange)
{
	json_t *json = NULL;
	int error;

	if (exchange->body && is_shallow(exchange->body, exchange->body_bytes))
		json = json_loadb(exchange->body, exchange->body_bytes, 0, NULL);

	if (!json)
		return -EBADMSG;
	error = index == TABLE_LIST ? take_list(table, json)
				    : take_rocket(&table->rockets[index], json);
	json_decref(json);
	table->there += !error && index != TABLE_LIST;
	return error;
}

void table_fail(struct table *table, int index, int error, const struct http_exchange *exchange)
{
	char words[128];

	if (table->error || error == -ECANCELED)
		return;
	table->error = error;
	http_words(exchange, error, words, sizeof(words));
	if (error == -ETIMEDOUT)
		snprintf(table->complaint, sizeof(table->complaint),
			 "the deadline of %u ms has come", table->deadline_ms);
	else
		snprintf(table->complaint, sizeof(table->complaint), "%s failed: %s",
			 index == TABLE_LIST ? "the list" : table->rockets[index].id, words);
}

static int compare(const void *left, const void *right)
{
	const struct rocket *a = left, *b = right;

	return strcmp(a->id, b->id);
}

static void print(const struct table *table)
{
	const struct rocket *rocket = table->rockets, *tallest = rocket, *first = rocket;

	printf("%-20s %-15s %-12s %8s %10s  %s\n", "rocket", "country", "first flight", "height m",
	       "mass kg", "engines");
	for (int i = 0; i < table->count; i++, rocket++) {
		printf("%-20s %-15s %-12s %8.1f %10d  %d x %s\n", rocket->id, rocket->country,
		       rocket->first_flight, rocket->height_m, rocket->mass_kg, rocket->engines,
		       rocket->engine);
		if (rocket->height_m > tallest->height_m)
			tallest = rocket;
		if (strcmp(rocket->first_flight, first->first_flight) < 0)
			first = rocket;
	}
	printf("%d rockets", table->count);
	if (table->count)
		printf("; the tallest is %s, the first was %s", tallest->name, first->name);
	printf("\n");
}

static int complain(const struct table *table)
{
	fprintf(stderr, "rockets: %s", table->complaint);
	if (table->count)
		fprintf(stderr, "; the rest was cancelled, %d of %d were there", table->there,
			table->count);
	fprintf(stderr, "\n");
	return table->error == -ETIMEDOUT ? 3 : 1;
}

static int show(struct table *table)
{
	if (table->count)
		qsort(table->rockets, (size_t)table->count, sizeof(*table->rockets), compare);
	print(table);
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	fprintf(stderr, "rockets: can't write the table: %s\n", strerror(errno));
	return 1;
}

int table_end(struct table *table)
{
	int code;

	/* Whoever couldn't even begin a fetch, for want of memory or of room in the loop, says so here. */
	if (!table->error && (!table->rockets || table->there < table->count)) {
		table->error = -ENOMEM;
		snprintf(table->complaint, sizeof(table->complaint),
			 "there is no room to fetch them all");
	}
	code = table->error ? complain(table) : show(table);
	free(table->rockets);
	return code;
}
