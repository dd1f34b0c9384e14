/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include <duet/api.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compare/claim/claim.h"
#include "compare/compare.h"
#include "compare/diff.h"
#include "compare/doctor.h"
#include "compare/laboratory/cancel.h"
#include "compare/load/command.h"
#include "compare/say.h"
#include "compare/serve.h"
#include "compare/show.h"
#include "compare/wire.h"
#include "compare/workloads/play.h"
#include "compare/workloads/play_cancel.h"
#include "compare/workloads/play_informed.h"
#include "compare/workloads/play_rockets.h"

struct command {
	const char *name, *summary; /* without a summary: for our own use */
	int (*run)(int argc, char **argv);
};

static const struct command COMMANDS[] = {
	{ "compare", "play workloads on both backends and say what differed", compare_command },
	{ "show", "print a stored result", show_command },
	{ "diff", "two stored results side by side", diff_command },
	{ "cancel", "what happens if an operation is cancelled here, at each moment", cancel_command },
	{ "doctor", "what this kernel and machine offer, forbid, and disturb", doctor_command },
	{ "serve", "a service on a backend, alone: echo, datagrams, copies of a file, files over "
	  "HTTP, keys and values, a relay, rockets", serve_command },
	{ "load", "the load generator, alone", load_command },
	{ "play", NULL, play_command },
	{ "play-claim", NULL, play_claim_command },
	{ "play-cancel", NULL, play_cancel_command },
	{ "play-informed", NULL, play_informed_command },
	{ "play-rockets", NULL, play_rockets_command },
	{ "wire", NULL, wire_command },
};

static void print_help(FILE *out)
{
	fputs("usage: duet COMMAND [OPTION...]\n\n", out);
	say_wrapped(out, "The same I/O on io_uring and on epoll: what differs, and how sure is it?", 0, 0);
	fputc('\n', out);
	for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(*COMMANDS); i++) {
		if (COMMANDS[i].summary)
			say_wrapped(out, COMMANDS[i].summary,
				    fprintf(out, "  %-9s ", COMMANDS[i].name), 12);
	}
	fputc('\n', out);
	say_wrapped(out, "Begin with 'duet compare --set quick'; 'duet COMMAND --help' lists the "
		    "options. Exit codes: 0 done, 1 a --fail-if failed, 2 usage, 3 could not measure, "
		    "4 a byte was wrong.", 0, 0);
}

static int dispatch(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(*COMMANDS); i++) {
		if (!strcmp(argv[0], COMMANDS[i].name))
			return COMMANDS[i].run(argc, argv);
	}
	return say_failure(SAY_USAGE, "no such command as '%s'; duet --help lists them", argv[0]);
}

/* Output that got lost is a failure, also when it was only buffered until now. */
static int flush(int code)
{
	int error = say_flush();

	if (!error || code != SAY_OK)
		return code;
	if (say_check_output(""))
		return SAY_UNMEASURED;
	return say_failure(SAY_UNMEASURED, "can't write to the standard output: %s",
			   strerror(-error));
}

/* A stream that we were started without is held by something that fails in its place: or else the
 * next file to be opened would be taken for it. */
static void hold_streams(void)
{
	static const int MODES[] = { O_WRONLY, O_RDONLY, O_WRONLY };

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", MODES[fd]) != fd)
			_exit(SAY_UNMEASURED);
	}
}

/* Room for a whole table: what stdio writes on its own when less is full fails without a trace of the
 * cause. A terminal keeps its lines. */
static void hold_output(void)
{
	static char room[1 << 16];

	if (!isatty(STDOUT_FILENO))
		setvbuf(stdout, room, _IOFBF, sizeof(room));
}

int main(int argc, char **argv)
{
	hold_streams();
	hold_output();
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like any other */
	signal(SIGCHLD, SIG_DFL); /* where it is inherited as ignored no child has an exit code */
	say_called(argv[0]);
	if (argc < 2) {
		print_help(stderr);
		return flush(SAY_USAGE);
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return flush(SAY_OK);
	}
	if (!strcmp(argv[1], "--version")) {
		printf("duet %s\n", duet_version());
		return flush(SAY_OK);
	}
	return flush(dispatch(argc - 1, argv + 1));
}
