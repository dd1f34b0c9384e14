/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/arm.h"

#include <duet/loop.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/models/informed.h"

struct reading {
	struct arm *arm;
	char *why;
	unsigned int why_size;
};

static int refuse(const struct reading *reading, const char *what, const char *value)
{
	snprintf(reading->why, reading->why_size, what, value);
	return -EINVAL;
}

/* ---- Keys. ---- */

static int read_try(const struct reading *reading, const char *value, uint32_t *to)
{
	static const char *const words[] = { "predict", "never", "always" };

	for (uint32_t i = 0; i < 3; i++) {
		if (strcmp(value, words[i]) != 0)
			continue;
		*to = i;
		return 0;
	}
	return refuse(reading, "try=%s: there is predict, never and always", value);
}

static bool read_number(const char *value, uint32_t least, uint32_t most, uint32_t *to)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno || number < least || number > most)
		return false;
	*to = (uint32_t)number;
	return true;
}

static int read_burst(const struct reading *reading, const char *value, uint32_t *to)
{
	return read_number(value, 1, UINT16_MAX, to)
		? 0 : refuse(reading, "burst=%s: give a number from 1 to 65535", value);
}

static int read_spin(const struct reading *reading, const char *value, uint32_t *to)
{
	if (!read_number(value, 0, 1000000, to))
		return refuse(reading, "spin_us=%s: give microseconds from 0 to 1000000", value);
	*to *= 1000;
	return 0;
}

static int read_idle(const struct reading *reading, const char *value, uint32_t *to)
{
	return read_number(value, 1, INFORMED_IDLE_MAX, to)
		? 0 : refuse(reading, "idle=%s: give a number from 1 to 10000", value);
}

/* Not the backend's; 1: the key is none of them. */
static int read_own(const struct reading *reading, const char *key, const char *value)
{
	const struct {
		const char *key;
		int (*read)(const struct reading *reading, const char *value, uint32_t *to);
		uint32_t *to;
	} own[] = {
		{ "try", read_try, &reading->arm->try_first },
		{ "burst", read_burst, &reading->arm->burst_max },
		{ "spin_us", read_spin, &reading->arm->spin_ns },
		{ "idle", read_idle, &reading->arm->idle },
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
		if (!strcmp(key, own[i].key))
			return own[i].read(reading, value, own[i].to);
	}
	return 1;
}

static int read_key(const struct reading *reading, char *pair)
{
	char *tuning = reading->arm->tuning, *equals = strchr(pair, '=');
	int status = 1;

	if (equals) {
		*equals = 0;
		status = read_own(reading, pair, equals + 1);
		*equals = '=';
	}
	if (status != 1)
		return status;
	if (*tuning)
		strcat(tuning, ",");
	strcat(tuning, pair);
	return 0;
}

static int read_keys(const struct reading *reading)
{
	char keys[ARM_TEXT_MAX], *rest = NULL, *pair;
	int status = 0;

	memcpy(keys, reading->arm->keys, sizeof(keys));
	for (pair = strtok_r(keys, ",", &rest); pair && !status; pair = strtok_r(NULL, ",", &rest))
		status = read_key(reading, pair);
	return status;
}

/* ---- The parts. ---- */

/* Cuts text at the mark; what stands behind it goes to rest. False if there is a mark and nothing
 * behind it. */
static bool cut(char *text, char mark, char *rest, size_t rest_size)
{
	char *at = strchr(text, mark);

	*rest = 0;
	if (!at)
		return true;
	*at = 0;
	snprintf(rest, rest_size, "%s", at + 1);
	return *rest;
}

static int read_backend(const struct reading *reading, const char *text)
{
	char name[ARM_TEXT_MAX], model[ARM_TEXT_MAX];
	struct arm *arm = reading->arm;

	strcpy(name, text);
	if (!cut(name, ':', arm->keys, sizeof(arm->keys)))
		return refuse(reading, "'%s': no KEY=VALUE stands behind the colon", arm->text);
	if (!cut(name, '/', model, sizeof(model)))
		return refuse(reading, "'%s': no model stands behind the slash", arm->text);
	if (!*name)
		return refuse(reading, "'%s' names no backend; write BACKEND[/MODEL][:KEY=VALUE]",
			      arm->text);
	if (strlen(name) >= sizeof(arm->backend) || strlen(model) >= sizeof(arm->model))
		return refuse(reading, "'%s' is no name of a backend and a model", arm->text);
	strcpy(arm->backend, name);
	strcpy(arm->model, *model ? model : "callback");
	if (!strncmp(name, "floor-", strlen("floor-")))
		arm->kind = ARM_FLOOR;
	if (arm->kind == ARM_FLOOR && (*arm->keys || *model))
		return refuse(reading, "'%s': a floor has neither models nor keys", arm->text);
	return read_keys(reading);
}

static int read_command(const struct reading *reading, const char *command)
{
	struct arm *arm = reading->arm;

	arm->kind = ARM_EXTERNAL;
	strcpy(arm->command, command);
	if (!strstr(command, "{port}"))
		return refuse(reading, "'%s' doesn't say where the server gets its port: write "
			      "{port} in its place, as in 'exec:./server {port}'", arm->text);
	return 0;
}

int arm_read(const char *text, struct arm *arm, char *why, unsigned int why_size)
{
	static const char external[] = "exec:";
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	const struct reading reading = { arm, why, why_size };

	memset(arm, 0, sizeof(*arm));
	arm->try_first = arm->burst_max = arm->spin_ns = arm->idle = ARM_UNSET;
	if (strlen(text) >= sizeof(arm->text)) {
		snprintf(why, why_size, "an arm has at most %zu letters", sizeof(arm->text) - 1);
		return -EINVAL;
	}
	strcpy(arm->text, text);
	strcpy(arm->name, text);
	if (text[strspn(text, plain)] == '=' && *text != '=') {
		arm->name[strspn(text, plain)] = 0;
		text += strlen(arm->name) + 1;
	}
	if (!strncmp(text, external, strlen(external)))
		return read_command(&reading, text + strlen(external));
	return read_backend(&reading, text);
}

void arm_tune(const struct arm *arm, struct duet_loop_options *options)
{
	if (arm->try_first != ARM_UNSET)
		options->try_first = arm->try_first;
	if (arm->burst_max != ARM_UNSET)
		options->burst_max = arm->burst_max;
	if (arm->spin_ns != ARM_UNSET)
		options->spin_ns = arm->spin_ns;
	options->tuning = *arm->tuning ? arm->tuning : NULL;
}
