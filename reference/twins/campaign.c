/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/twins/campaign.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "reference/twins/generate.h"

/* A player is a process that takes one seed after the other; if one dies or finds something, its
 * seed is known. */

/* Long enough for a script that waits, short enough for a hang. Renewed with each script. */
#define HANG_SECONDS 20

struct shared {
	_Atomic uint64_t next; /* the next seed's distance from the first */
	_Atomic uint64_t done;
	_Atomic uint64_t calm;
	_Atomic int failed;    /* everybody stops */
	/* What each player works on, and what it has found. */
	uint64_t seeds[CAMPAIGN_JOBS];
	struct finding findings[CAMPAIGN_JOBS];
};

void campaign_init(struct campaign *campaign)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	*campaign = (struct campaign){ .seed = 1, .jobs = 1 };
	if (processors > 1)
		campaign->jobs = processors < 4 ? (unsigned)processors : 4;
}

/* DUET_TEST_BACKENDS="polling reference" leaves the others at home, as it does for the tests. */
static bool invited(const char *name)
{
	const char *list = getenv("DUET_TEST_BACKENDS");
	size_t length = strlen(name);

	for (const char *at = list; at && (at = strstr(at, name)); at += length) {
		if ((at == list || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
			return true;
	}
	return !list || !*list;
}

void campaign_cast(struct cast *cast)
{
	memset(cast, 0, sizeof(*cast));
	for (unsigned i = 0; i < ARMS_COUNT; i++) {
		static const struct script none;
		char tuning[ARM_TUNING_BYTES];
		struct duet_probe probe;

		if (!invited(arms[i].name))
			continue;
		arm_tuning(&arms[i], &none, NULL, tuning);
		cast->plays[i] = duet_backend_probe(arms[i].backend(), tuning, &probe) == 0;
		cast->count += cast->plays[i];
		if (!cast->plays[i])
			fprintf(stderr, "twins: %s is left out: %s\n", arms[i].name, probe.reason);
	}
}

static bool time_left(const struct campaign *campaign, time_t until)
{
	return !campaign->seconds || time(NULL) < until;
}

static void work(const struct campaign *campaign, const struct cast *cast, struct shared *shared,
		 unsigned job, time_t until)
{
	static struct script script;
	struct finding *finding = &shared->findings[job];

	while (!atomic_load(&shared->failed) && time_left(campaign, until)) {
		uint64_t next = atomic_fetch_add(&shared->next, 1);

		if (campaign->scripts && next >= campaign->scripts)
			break;
		shared->seeds[job] = campaign->seed + next;
		alarm(HANG_SECONDS);
		generate(&script, campaign->seed + next);
		examine(&script, cast, finding);
		if (finding->found)
			_exit(1);
		atomic_fetch_add(&shared->done, 1);
		atomic_fetch_add(&shared->calm, script.calm);
	}
	_exit(0);
}

/* ---- What is found. ---- */

static void print_replay(const char *tuning)
{
	printf("replay: %s ", program_invocation_name);
	if (tuning)
		printf("--tuning %s ", tuning);
}

static void report(struct script *script, const struct cast *cast, const struct finding *finding,
		   uint64_t seed)
{
	char path[64];
	FILE *out;

	snprintf(path, sizeof(path), "twins-%llu.script", (unsigned long long)seed);
	out = fopen(path, "w");
	printf("violation: %s\nthe shortest script found, of %u steps:\n", finding->text,
		script->step_count);
	script_write(script, stdout);
	if (out) {
		script_write(script, out);
		fclose(out);
		print_replay(cast->tuning);
		printf("examine %s\n", path);
	} else {
		print_replay(cast->tuning);
		printf("--seed %llu\n", (unsigned long long)seed);
	}
}

/* A broken contract counts even if it can't be repeated: then it is told as it was. False: a
 * disagreement that doesn't show again. */
static bool investigate(const struct cast *cast, uint64_t seed, const struct finding *seen)
{
	static struct script script;
	struct finding finding;

	generate(&script, seed);
	examine_apart(&script, cast, &finding);
	if (finding.found)
		shrink(&script, cast, &finding);
	else if (seen->disagreement)
		return false;
	report(&script, cast, finding.found ? &finding : seen, seed);
	return true;
}

/* ---- The players. ---- */

static int start_players(const struct campaign *campaign, const struct cast *cast,
			 struct shared *shared, pid_t *players)
{
	time_t until = time(NULL) + (time_t)campaign->seconds;

	fflush(NULL);
	for (unsigned i = 0; i < campaign->jobs; i++) {
		players[i] = fork();
		if (players[i] == 0)
			work(campaign, cast, shared, i, until);
		if (players[i] < 0)
			return -errno;
	}
	return 0;
}

static void restart_player(const struct campaign *campaign, const struct cast *cast,
			   struct shared *shared, unsigned job, pid_t *players, time_t until)
{
	players[job] = fork();
	if (players[job] == 0)
		work(campaign, cast, shared, job, until);
}

static unsigned job_of(const pid_t *players, unsigned jobs, pid_t player)
{
	unsigned job = 0;

	while (job < jobs && players[job] != player)
		job++;
	return job;
}

/* Waits for all players. A disagreement that doesn't show again is told and passed over. */
static unsigned attend(const struct campaign *campaign, const struct cast *cast,
		       struct shared *shared, pid_t *players, unsigned *passed)
{
	time_t until = time(NULL) + (time_t)campaign->seconds;
	unsigned violations = 0;
	int status;
	pid_t player;

	while ((player = waitpid(-1, &status, 0)) > 0 || errno == EINTR) {
		unsigned job = job_of(players, campaign->jobs, player);

		if (job == campaign->jobs || (WIFEXITED(status) && !WEXITSTATUS(status)))
			continue;
		examine_death(status, &shared->findings[job]);
		if (!violations &&
		    investigate(cast, shared->seeds[job], &shared->findings[job])) {
			violations++;
			atomic_store(&shared->failed, 1);
		} else if (!violations) {
			fprintf(stderr, "twins: seed %llu: a disagreement that did not show again\n",
				(unsigned long long)shared->seeds[job]);
			++*passed;
			restart_player(campaign, cast, shared, job, players, until);
		}
	}
	return violations;
}

static void print_totals(const struct shared *shared, const struct cast *cast,
			 unsigned violations, unsigned passed)
{
	uint64_t done = atomic_load(&shared->done), checks = done + passed + violations;

	printf("%llu scripts (%llu calm) on %u players, %u disagreements passed over\n",
		(unsigned long long)done, (unsigned long long)atomic_load(&shared->calm),
		cast->count, passed);
	printf("%llu%%: Checks: %llu, Failures: %u, Errors: 0\n",
		(unsigned long long)(checks ? 100 * (checks - violations) / checks : 100),
		(unsigned long long)checks, violations);
}

int campaign_run(const struct campaign *campaign)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t players[CAMPAIGN_JOBS];
	unsigned violations, passed = 0;
	struct cast cast;

	if (shared == MAP_FAILED)
		return 1;
	campaign_cast(&cast);
	cast.tuning = campaign->tuning;
	if (start_players(campaign, &cast, shared, players)) {
		fprintf(stderr, "twins: cannot start a player: %s\n", strerror(errno));
		return 1;
	}
	violations = attend(campaign, &cast, shared, players, &passed);
	print_totals(shared, &cast, violations, passed);
	return violations != 0;
}
