/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "examples/rockets/rockets.h"

#include <arpa/inet.h>
#include <duet/completion.h>
#include <duet/loop.h>
#include <duet/polling.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OPERATIONS_MAX = 1 << 17, PARALLEL_DEFAULT = 4, PARALLEL_MAX = 10000, DEADLINE_MAX_MS = 3600000 };

static void give_up(const char *what, const char *value, const char *instead)
{
	fprintf(stderr,
		"rockets: %s %s: %s\n"
		"usage: rockets-MODEL HOST:PORT [--backend completion|polling] [--parallel N] "
		"[--deadline MS]\n",
		what, value, instead);
	exit(2);
}

/* NULL: there is none of this name. */
static const struct duet_backend *find_backend(const char *name)
{
	if (!strcmp(name, "completion"))
		return duet_completion();
	return !strcmp(name, "polling") ? duet_polling() : NULL;
}

static int read_number(const char *name, const char *text, int max)
{
	char *end;
	long number = strtol(text, &end, 10);
	char instead[48];

	snprintf(instead, sizeof(instead), "give a number from 1 to %d", max);
	if (*text < '0' || *text > '9' || *end || number < 1 || number > max)
		give_up(name, text, instead);
	return (int)number;
}

static void read_address(const char *text, struct rockets *rockets)
{
	const char *colon = strrchr(text, ':');
	char host[INET_ADDRSTRLEN];

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		give_up("address", text, "give an IPv4 address and a port, as 127.0.0.1:8080");
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = 0;
	rockets->address.sin_family = AF_INET;
	rockets->address.sin_port = htons((in_port_t)read_number("port", colon + 1, 65535));
	if (inet_pton(AF_INET, host, &rockets->address.sin_addr) != 1)
		give_up("address", text, "give an IPv4 address and a port, as 127.0.0.1:8080");
	rockets->table.host = text;
}

static uint64_t after_ms(unsigned ms)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + ms * UINT64_C(1000000);
}

void rockets_read(int argc, char **argv, struct rockets *rockets)
{
	static const struct option options[] = {{"backend", required_argument, NULL, 'b'},
						{"parallel", required_argument, NULL, 'p'},
						{"deadline", required_argument, NULL, 'd'},
						{0}};
	int letter;

	*rockets = (struct rockets){.parallel = PARALLEL_DEFAULT,
				    .deadline_ns = UINT64_MAX,
				    .backend = "polling"};
	opterr = 0;
	while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (letter == 'b')
			rockets->backend = optarg;
		else if (letter == 'p')
			rockets->parallel = read_number("--parallel", optarg, PARALLEL_MAX);
		else if (letter == 'd')
			rockets->table.deadline_ms =
				(unsigned)read_number("--deadline", optarg, DEADLINE_MAX_MS);
		else
			give_up("option", argv[optind - 1], "see below");
	}
	if (!find_backend(rockets->backend))
		give_up("--backend", rockets->backend, "there is completion and polling");
	if (argc - optind != 1)
		give_up("command line", "", "give one address, as 127.0.0.1:8080");
	read_address(argv[optind], rockets);
	if (rockets->table.deadline_ms)
		rockets->deadline_ns = after_ms(rockets->table.deadline_ms);
}

struct duet_loop *rockets_loop(const struct rockets *rockets)
{
	struct duet_loop_options options;
	struct duet_probe probe;
	struct duet_loop *loop;

	duet_loop_options_init(&options);
	options.operations_max = OPERATIONS_MAX; /* who waits for a permit is one, too */
	options.handles_max = (uint32_t)rockets->parallel + 16;
	options.worker_threads = 0;
	if (!duet_loop_create(&loop, find_backend(rockets->backend), &options))
		return loop;
	duet_backend_probe(find_backend(rockets->backend), NULL, &probe);
	fprintf(stderr, "rockets: %s can't be had here: %s\n", rockets->backend, probe.reason);
	exit(1);
}
