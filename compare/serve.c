/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/serve.h"

#include <stdio.h>
#include <string.h>

#include "compare/copy/command.h"
#include "compare/http/command.h"
#include "compare/kv/command.h"
#include "compare/proxy/command.h"
#include "compare/rockets/command.h"
#include "compare/say.h"
#include "compare/udp/command.h"

static const struct served {
	const char *name, *summary;
	int (*run)(int argc, char **argv);
} SERVICES[] = {
	{ "copy", "a file into another, or to whoever connects", serve_copy_command },
	{ "echo", "what comes is sent back, over TCP", serve_echo_command },
	{ "http", "a folder of files over HTTP/1.1", serve_http_command },
	{ "kv", "keys and values over the Redis protocol", serve_kv_command },
	{ "proxy", "TCP connections, on to another server", serve_proxy_command },
	{ "rockets", "JSON over HTTP/1.1, late and failing as told", serve_rockets_command },
	{ "udp", "datagrams are sent back to where they came from", serve_udp_command },
};

enum { SERVICES_COUNT = sizeof(SERVICES) / sizeof(*SERVICES) };

static int print_help(void)
{
	say_wrapped(stdout, "usage: duet serve SERVICE [OPTION...]", 0, 2);
	say_wrapped(stdout, "Serves until SIGTERM, SIGHUP or Ctrl-C. 'duet serve SERVICE --help' "
		    "lists the options.", 0, 0);
	putchar('\n');
	for (size_t i = 0; i < SERVICES_COUNT; i++)
		say_wrapped(stdout, SERVICES[i].summary, printf("  %-10s  ", SERVICES[i].name), 14);
	return SAY_OK;
}

static int refuse(const char *name)
{
	char names[128] = "";

	for (size_t i = 0; i < SERVICES_COUNT; i++) {
		const char *joint = !i ? "" : i + 1 == SERVICES_COUNT ? " and " : ", ";

		strncat(names, joint, sizeof(names) - strlen(names) - 1);
		strncat(names, SERVICES[i].name, sizeof(names) - strlen(names) - 1);
	}
	return say_failure(SAY_USAGE, "serve%s%s: there is %s; the name stands before its options, as in "
			   "duet serve echo --port 7777", name ? ": " : "", name ? name : "", names);
}

int serve_command(int argc, char **argv)
{
	if (argc < 2)
		return refuse(NULL);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return print_help();
	for (size_t i = 0; i < SERVICES_COUNT; i++) {
		if (!strcmp(argv[1], SERVICES[i].name))
			return SERVICES[i].run(argc - 1, argv + 1);
	}
	return refuse(argv[1]);
}
