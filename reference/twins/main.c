/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/acceptor.h"
#include "reference/twins/campaign.h"
#include "reference/twins/generate.h"
#include "reference/twins/play.h"

/* Exit status, as usage_text has it. */
enum { STATUS_OK, STATUS_VIOLATION, STATUS_USAGE, STATUS_REFUSED };

static const char usage_text[] =
	"usage: twins [--tuning KEYS] [--scripts N] [--seconds T] [--seed S] [--jobs J]\n"
	"       twins generate SEED > SCRIPT\n"
	"       twins play --backend NAME [--tuning KEYS] SCRIPT > TRACE\n"
	"       twins judge SCRIPT TRACE [TRACE]\n"
	"       twins [--tuning KEYS] examine SCRIPT\n"
	"A seed alone is one script. --tuning KEYS are the reference backend's: what it injects\n"
	"and no script mentions is found as a violation.\n"
	"backends: reference, polling, completion, completion-plain\n"
	"A script or trace named - is the standard input. docs/trace-format.md has the formats.\n"
	"exit status: 0; 1 a violation; 2 usage, or a file that can't be read; 3 a backend can't be\n"
	"had here, or the output can't be written\n";

static int usage(const char *what, const char *value)
{
	if (what)
		fprintf(stderr, "twins: %s \"%s\"\n", what, value);
	fputs(usage_text, stderr);
	return STATUS_USAGE;
}

static int parse_number(const char *text, uint64_t *number)
{
	char *end;

	*number = strtoull(text, &end, 10);
	return *text && *text != '-' && !*end ? 0 : -1;
}

static FILE *open_input(const char *path)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");

	if (!in)
		fprintf(stderr, "twins: cannot read %s: %s\n", path, strerror(errno));
	return in;
}

static int load_script(const char *path, struct script *script)
{
	char complaint[200] = "";
	FILE *in = open_input(path);
	int error;

	if (!in)
		return -1;
	error = script_read(script, in, complaint, sizeof(complaint));
	fclose(in);
	if (error)
		fprintf(stderr, "twins: %s: %s\n", path, complaint);
	return error;
}

static int load_trace(const char *path, struct trace *trace)
{
	char complaint[200] = "";
	FILE *in = open_input(path);
	int error;

	if (!in)
		return -1;
	error = trace_read(trace, in, complaint, sizeof(complaint));
	fclose(in);
	if (error)
		fprintf(stderr, "twins: %s: %s\n", path, complaint);
	return error;
}

/* --tuning KEYS in front. */
static const char *tuning_asked;

static int run_generate(int count, char **words)
{
	static struct script script;
	uint64_t seed;

	if (count != 1 || parse_number(words[0], &seed))
		return usage("generate wants one seed, not", count ? words[0] : "");
	generate(&script, seed);
	script_write(&script, stdout);
	return STATUS_OK;
}

static int play_script(const struct script *script, const struct arm *arm, const char *tuning)
{
	static struct trace trace;
	char why[400] = "";

	if (play(script, arm, tuning, &trace, why, sizeof(why))) {
		fprintf(stderr, "twins: %s\n", why);
		return STATUS_REFUSED;
	}
	trace_write(&trace, stdout);
	return STATUS_OK;
}

static int run_play(int count, char **words)
{
	static struct script script;
	const char *backend = "", *tuning = NULL, *path = NULL;

	for (int i = 0; i < count; i++) {
		if (strcmp(words[i], "--backend") == 0 && i + 1 < count)
			backend = words[++i];
		else if (strcmp(words[i], "--tuning") == 0 && i + 1 < count)
			tuning = words[++i];
		else if (path)
			return usage("one script, and not also", words[i]);
		else
			path = words[i];
	}
	if (!path || !arm_find(backend))
		return usage(path ? "no backend is called" : "play wants a script, not", path ? backend : "");
	if (load_script(path, &script))
		return STATUS_USAGE;
	return play_script(&script, arm_find(backend), tuning);
}

static int complain_trace(const char *path, const char *complaint)
{
	printf("%s: %s\n", path, complaint);
	return STATUS_VIOLATION;
}

static int run_judge(int count, char **words)
{
	static struct script script;
	static struct trace traces[2];
	char complaint[400] = "";

	if (count < 2 || count > 3)
		return usage("judge wants a script and one or two traces, not", count ? words[0] : "");
	if (load_script(words[0], &script))
		return STATUS_USAGE;
	for (int i = 1; i < count; i++) {
		if (load_trace(words[i], &traces[i - 1]))
			return STATUS_USAGE;
		if (acceptor_judge(&script, &traces[i - 1], complaint, sizeof(complaint)))
			return complain_trace(words[i], complaint);
	}
	if (count == 3 && script.calm &&
	    acceptor_compare(&script, &traces[0], &traces[1], complaint, sizeof(complaint)))
		return complain_trace(words[2], complaint);
	return STATUS_OK;
}

static int run_examine(int count, char **words)
{
	static struct script script;
	struct finding finding;
	struct cast cast;

	if (count != 1)
		return usage("examine wants one script, not", count ? words[0] : "");
	if (load_script(words[0], &script))
		return STATUS_USAGE;
	campaign_cast(&cast);
	cast.tuning = tuning_asked;
	examine_apart(&script, &cast, &finding);
	if (finding.found)
		puts(finding.text);
	return finding.found ? STATUS_VIOLATION : STATUS_OK;
}

static int run_campaign(int count, char **words)
{
	struct campaign campaign;
	bool seeded = false, bounded = false;

	campaign_init(&campaign);
	campaign.tuning = tuning_asked;
	for (int i = 0; i < count; i += 2) {
		uint64_t number;

		if (i + 1 == count || parse_number(words[i + 1], &number))
			return usage("a number must follow, up to 2^64 - 1:", words[i]);
		if (strcmp(words[i], "--scripts") == 0)
			campaign.scripts = number;
		else if (strcmp(words[i], "--seconds") == 0)
			campaign.seconds = number;
		else if (strcmp(words[i], "--seed") == 0)
			campaign.seed = number;
		else if (strcmp(words[i], "--jobs") == 0 && number >= 1 && number <= CAMPAIGN_JOBS)
			campaign.jobs = (unsigned)number;
		else
			return usage("no such option, or out of range:", words[i]);
		seeded = seeded || strcmp(words[i], "--seed") == 0;
		bounded = bounded || strcmp(words[i], "--jobs") != 0;
	}
	/* A seed alone is one script to look at; a seed with a bound is where to begin. */
	if (seeded && count == 2)
		campaign.scripts = 1;
	if (!bounded)
		campaign.scripts = CAMPAIGN_SCRIPTS;
	return campaign_run(&campaign);
}

static int dispatch(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int count, char **words);
	} commands[] = { { "generate", run_generate }, { "play", run_play },
		{ "judge", run_judge }, { "examine", run_examine } };

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		fputs(usage_text, stdout);
		return STATUS_OK;
	}
	if (argc > 2 && strcmp(argv[1], "--tuning") == 0) {
		tuning_asked = argv[2];
		argc -= 2;
		argv += 2;
	}
	for (unsigned i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 2, argv + 2);
	}
	if (argc > 1 && argv[1][0] != '-')
		return usage("no such command:", argv[1]);
	return run_campaign(argc - 1, argv + 1);
}

/* Output that got lost is a failure, also when it was only buffered until now; but a violation stays
 * one. */
static int flush(int status)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fprintf(stderr, "twins: can't write to the standard output: %s\n",
		errno ? strerror(errno) : "an earlier write failed");
	return status == STATUS_OK ? STATUS_REFUSED : status;
}

int main(int argc, char **argv)
{
	return flush(dispatch(argc, argv));
}
