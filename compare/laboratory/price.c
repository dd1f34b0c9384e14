/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/price.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "compare/laboratory/account.h"
#include "compare/laboratory/matrix.h"
#include "compare/laboratory/mechanism.h"
#include "compare/laboratory/rung.h"
#include "compare/laboratory/scene.h"
#include "compare/measure/rounds.h"
#include "compare/measure/verdict.h"
#include "compare/options.h"
#include "compare/outlet.h"
#include "compare/report/environment.h"
#include "compare/report/field.h"
#include "compare/report/repeat.h"
#include "compare/report/store.h"
#include "compare/say.h"

enum { CROWD = 32, CROWD_ROUNDS = 80, WARM_ROUNDS = 4, ALONE_ROUNDS = 500, ROUNDS_MAX = 99,
       RUNGS_MAX = 8, ARMS_MAX = 1 + 2 * RUNGS_MAX, TURN_NS = 1000000000,
       SHUTDOWN_NS = 1000000000, MEMORY_OPERATIONS = 16384 };

struct values {
	struct option_list backends;
	uint32_t rounds;
	uint64_t seed;
	struct outlet outlet;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	{ "rounds", OPTION_NUMBER, AT(rounds), 6, ROUNDS_MAX, "N", "15 by default" },
	{ "backend", OPTION_LIST, AT(backends), 0, 0, "NAME",
	  "only this: completion, completion/deferred, completion/plain, polling" },
	{ "seed", OPTION_SEED, AT(seed), 0, INT64_MAX, "N", "of the order of play; 1 by default" },
	OUTLET_ROWS(struct values, outlet),
	{ 0 },
};

static const struct option_set SET = {
	"cancel price", "[POLICY...]",
	"What each safe way to wait costs, beside the plain one that nobody asks to end: the "
	"same ping-pong, in rounds. Without a POLICY: all.",
	ROWS,
};

static char called[] = "cancel price";

static volatile int interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

/* An arm: a rung, and whether each of its waits is asked to end once. The first is the plain one. */
struct arm {
	const struct rung *rung;
	bool asked;
};

/* What one play of an arm came to, each of an exchange. */
struct play {
	double cpu_ns, latency_ns, calls;
};

/* ---- A play. ---- */

static int open_loop(const struct mechanism *mechanism, const struct rung *rung, uint32_t sessions,
		     struct duet_loop **loop)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.operations_max = options.handles_max = 8 * CROWD;
	options.worker_threads = 0;
	options.owned_max = rung->owned * sessions;
	options.owned_bytes = rung->owned_bytes;
	options.tuning = mechanism->tuning;
	return duet_loop_create(loop, mechanism->backend, &options);
}

static int begin_session(struct session *session, struct duet_loop *loop, const struct rung *rung)
{
	int pair[2], error;

	*session = (struct session){ .rung = rung, .loop = loop, .peer = -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	session->peer = pair[1];
	error = duet_handle_adopt(loop, pair[0], DUET_HANDLE_NO_ANCILLARY, &session->handle);
	if (error)
		close(pair[0]);
	else
		rung->wait(session);
	return error;
}

static uint64_t cpu_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Both ends are this thread's, so that what is measured is work and not the scheduler. */
static bool exchange(struct session *sessions, uint32_t count, uint64_t number, bool asked)
{
	unsigned char sent[RUNG_MESSAGE], back[RUNG_MESSAGE];
	struct duet_loop *loop = sessions->loop;

	scene_pattern(sent, sizeof(sent), number * RUNG_MESSAGE);
	for (uint32_t i = 0; i < count; i++) {
		if (asked && sessions[i].waiting)
			sessions[i].rung->ask(&sessions[i]);
	}
	for (uint32_t i = 0; i < count; i++) {
		if (send(sessions[i].peer, sent, sizeof(sent), MSG_NOSIGNAL) != RUNG_MESSAGE)
			return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		while (sessions[i].answered <= number && !sessions[i].wrong) {
			if (duet_loop_turn(loop, TURN_NS) < 0)
				return false;
		}
		if (sessions[i].wrong ||
		    recv(sessions[i].peer, back, sizeof(back), MSG_DONTWAIT) != RUNG_MESSAGE ||
		    memcmp(sent, back, sizeof(sent)) != 0)
			return false;
	}
	return true;
}

static int by_size(const void *one, const void *other)
{
	const double *a = one, *b = other;

	return (*a > *b) - (*a < *b);
}

/* Until the waits of the last exchange are on their way again. */
static bool warm(struct session *sessions, uint32_t count, bool asked, uint64_t *number)
{
	for (int i = 0; i < WARM_ROUNDS; i++) {
		if (!exchange(sessions, count, (*number)++, asked))
			return false;
	}
	return true;
}

static bool play_crowd(struct session *sessions, bool asked, struct play *play)
{
	struct duet_stats before, after;
	uint64_t number = 0, begun_ns;

	if (!warm(sessions, CROWD, asked, &number))
		return false;
	duet_loop_stats(sessions->loop, &before);
	begun_ns = cpu_clock_ns();
	for (int i = 0; i < CROWD_ROUNDS; i++) {
		if (!exchange(sessions, CROWD, number++, asked))
			return false;
	}
	play->cpu_ns = (double)(cpu_clock_ns() - begun_ns) / (CROWD * CROWD_ROUNDS);
	duet_loop_stats(sessions->loop, &after);
	play->calls = (double)(after.system_calls - before.system_calls) / (CROWD * CROWD_ROUNDS);
	return true;
}

/* The median, which a pause of the machine's doesn't move. */
static bool play_alone(struct session *session, bool asked, struct play *play)
{
	double times[ALONE_ROUNDS];
	uint64_t number = 0;

	if (!warm(session, 1, asked, &number))
		return false;
	for (int i = 0; i < ALONE_ROUNDS; i++) {
		uint64_t begun_ns = account_clock_ns();

		if (!exchange(session, 1, number++, asked))
			return false;
		times[i] = (double)(account_clock_ns() - begun_ns);
	}
	qsort(times, ALONE_ROUNDS, sizeof(*times), by_size);
	play->latency_ns = times[ALONE_ROUNDS / 2];
	return true;
}

static void end_sessions(struct session *sessions, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		sessions[i].over = true;
		if (sessions[i].peer >= 0)
			close(sessions[i].peer);
	}
}

/* 0, -errno, or -EBADMSG: bytes went astray. What can't be destroyed is kept to the end of the process,
 * and its sessions with it. */
static int play_with(const struct mechanism *mechanism, const struct arm *arm, uint32_t count,
		     struct play *play)
{
	struct session *sessions = calloc(count, sizeof(*sessions));
	struct duet_loop *loop = NULL;
	int error = sessions ? open_loop(mechanism, arm->rung, count, &loop) : -ENOMEM;

	for (uint32_t i = 0; i < count && sessions; i++)
		sessions[i].peer = -1;
	for (uint32_t i = 0; i < count && !error; i++)
		error = begin_session(&sessions[i], loop, arm->rung);
	if (!error)
		error = (count > 1 ? play_crowd(sessions, arm->asked, play)
				   : play_alone(sessions, arm->asked, play)) ? 0 : -EBADMSG;
	if (sessions)
		end_sessions(sessions, count);
	if (loop) {
		duet_loop_shutdown(loop, account_clock_ns() + SHUTDOWN_NS);
		if (duet_loop_destroy(loop))
			return error ? error : -EBUSY;
	}
	free(sessions);
	return error;
}

/* ---- Memory. ---- */

static size_t heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* Of a loop with so many operations of its own for each session. */
static size_t loop_bytes(const struct mechanism *mechanism, const struct rung *rung,
			 uint32_t sessions)
{
	size_t before = heap_bytes(), bytes;
	struct duet_loop *loop;

	if (open_loop(mechanism, rung, sessions, &loop))
		return 0;
	bytes = heap_bytes() - before;
	duet_loop_destroy(loop);
	return bytes;
}

/* Of a session that waits: what is its own, and what the loop has set aside for it. */
static double memory_of(const struct mechanism *mechanism, const struct rung *rung)
{
	size_t none = loop_bytes(mechanism, rung, 0);
	size_t some = loop_bytes(mechanism, rung, MEMORY_OPERATIONS);

	return (double)rung->bytes + (some > none ? (double)(some - none) / MEMORY_OPERATIONS : 0);
}

/* ---- Rounds. ---- */

struct ladder {
	struct arm arms[ARMS_MAX];
	unsigned int count;
	unsigned int rounds; /* played */
	struct play plays[ROUNDS_MAX][ARMS_MAX + 1]; /* the last is the plain one's second */
};

static int play_arm(const struct mechanism *mechanism, const struct arm *arm, struct play *play)
{
	int error = play_with(mechanism, arm, CROWD, play);

	return error ? error : play_with(mechanism, arm, 1, play);
}

static int play_round(struct ladder *ladder, const struct mechanism *mechanism, uint64_t *random)
{
	unsigned int order[ARMS_MAX + 1], slots = rounds_shuffle(order, ladder->count, random);
	bool seen = false;
	int error = 0;

	for (unsigned int i = 0; i < slots && !error; i++) {
		unsigned int slot = order[i] || !seen ? order[i] : ladder->count;

		seen |= !order[i];
		error = play_arm(mechanism, &ladder->arms[order[i]],
				 &ladder->plays[ladder->rounds][slot]);
	}
	return error;
}

/* ---- What came of it. ---- */

static json_t *ratio_json(const struct ladder *ladder, unsigned int arm, size_t figure)
{
	double ratios[ROUNDS_MAX], floors[ROUNDS_MAX];
	struct verdict_evidence evidence = { ratios, floors, ladder->rounds, true, false };
	struct verdict_result result;

	for (unsigned int i = 0; i < ladder->rounds; i++) {
		const struct play *plays = ladder->plays[i];
		double plain = *(const double *)(const void *)((const char *)&plays[0] + figure);
		double other = *(const double *)(const void *)((const char *)&plays[arm] + figure);
		double again = *(const double *)(const void *)((const char *)&plays[ladder->count] +
							       figure);

		ratios[i] = other / plain;
		floors[i] = again / plain;
	}
	verdict_decide(&evidence, &result);
	return json_pack("{s:f, s:f, s:f, s:f, s:s}", "ratio", result.ratio, "low", result.low, "high",
			 result.high, "floor", result.floor, "verdict",
			 verdict_word(result.verdict));
}

static double median_calls(const struct ladder *ladder, unsigned int arm)
{
	double calls[ROUNDS_MAX];

	for (unsigned int i = 0; i < ladder->rounds; i++)
		calls[i] = ladder->plays[i][arm].calls;
	qsort(calls, ladder->rounds, sizeof(*calls), by_size);
	return calls[ladder->rounds / 2];
}

static json_t *rungs_json(const struct ladder *ladder, const struct mechanism *mechanism)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < ladder->count; i++) {
		const struct arm *arm = &ladder->arms[i];

		json_array_append_new(list, json_pack(
			"{s:s, s:b, s:I, s:f, s:f, s:o, s:o}", "policy", arm->rung->name, "asked",
			(int)arm->asked, "rounds", (json_int_t)ladder->rounds, "calls",
			median_calls(ladder, i), "bytes", memory_of(mechanism, arm->rung), "cpu",
			ratio_json(ladder, i, offsetof(struct play, cpu_ns)), "latency",
			ratio_json(ladder, i, offsetof(struct play, latency_ns))));
	}
	return list;
}

static json_t *play_mechanism(const struct values *values, struct ladder *ladder,
			      const struct mechanism *mechanism)
{
	uint64_t random = values->seed;
	int error = 0;

	for (ladder->rounds = 0; ladder->rounds < values->rounds && !interrupted && !error;) {
		say_progress("%s, round %u of %u", mechanism->name, ladder->rounds + 1,
			     values->rounds);
		error = play_round(ladder, mechanism, &random);
		ladder->rounds += !error;
	}
	if (error)
		return json_pack("{s:s, s:s}", "mechanism", mechanism->name,
				 error == -EBADMSG ? "violation" : "refused",
				 error == -EBADMSG ? "what came back is not what was sent"
						   : duet_error_name(error));
	if (!ladder->rounds)
		return NULL;
	return json_pack("{s:s, s:o}", "mechanism", mechanism->name, "rungs",
			 rungs_json(ladder, mechanism));
}

/* ---- What is asked for. ---- */

static bool is_named(const char *name, char **names, int count)
{
	for (int i = 0; i < count; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return !count;
}

static int check_policies(char **names, int count)
{
	for (int i = 0; i < count; i++) {
		const struct rung *rung = RUNGS;
		char list[256] = "";

		for (; rung->name && strcmp(rung->name, names[i]) != 0; rung++) {
			size_t used = strlen(list);

			snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "",
				 rung->name);
		}
		if (!rung->name)
			return say_failure(SAY_USAGE, "cancel price: no such policy as '%s'; there are "
					   "%s", names[i], list);
	}
	return SAY_OK;
}

/* The plain one stands in front, whoever is named. */
static void choose_arms(struct ladder *ladder, char **names, int count)
{
	ladder->arms[ladder->count++] = (struct arm){ RUNGS, false };
	for (const struct rung *rung = RUNGS; rung->name; rung++) {
		if (!is_named(rung->name, names, count))
			continue;
		if (rung != RUNGS)
			ladder->arms[ladder->count++] = (struct arm){ rung, false };
		ladder->arms[ladder->count++] = (struct arm){ rung, true };
	}
}

static json_t *policies_json(const struct ladder *ladder)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < ladder->count; i++) {
		if (ladder->arms[i].asked)
			json_array_append_new(list, json_pack("{s:s, s:s}", "name",
							      ladder->arms[i].rung->name, "does",
							      ladder->arms[i].rung->does));
	}
	return list;
}

static json_t *play(const struct values *values, int argc, char **argv, struct ladder *ladder,
		    struct mechanism *mechanisms, size_t count)
{
	json_t *run = repeat_run_json(argc, argv, values->seed);
	json_t *result = json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:[], s:b}", "schema",
				   STORE_SCHEMA, "kind", PRICE_KIND, "tool",
				   environment_tool_json(), "run", run, "environment",
				   environment_json(), "mechanisms",
				   mechanism_probe(mechanisms, &count), "policies",
				   policies_json(ladder), "ladders", "complete", 0);

	json_object_set_new(run, "rounds", json_integer(values->rounds));
	for (size_t i = 0; i < count && !interrupted; i++) {
		json_t *played = play_mechanism(values, ladder, &mechanisms[i]);

		if (played)
			json_array_append_new(json_object_get(result, "ladders"), played);
	}
	say_progress_end();
	json_object_set_new(result, "complete", json_boolean(count && !interrupted));
	return result;
}

static int judge(const json_t *result)
{
	json_t *ladder;
	bool any = false;
	size_t i;

	json_array_foreach(json_object_get(result, "ladders"), i, ladder) {
		any |= json_is_array(json_object_get(ladder, "rungs"));
		if (json_object_get(ladder, "violation"))
			return say_failure(SAY_WRONG_BYTE, "cancel price: on %s: %s: no price is worth "
					   "anything", field_string(ladder, "mechanism"),
					   field_string(ladder, "violation"));
	}
	return any ? SAY_OK : say_failure(SAY_UNMEASURED, "cancel price: nothing was played; duet "
					  "doctor says what can be had here");
}

static int report(const struct values *values, const json_t *result)
{
	int code = outlet_deliver(&values->outlet, result, price_print);

	return code ? code : judge(result);
}

int price_command(int argc, char **argv)
{
	struct values values = { .rounds = 15, .seed = 1 };
	struct sigaction action = { .sa_handler = interrupt };
	struct mechanism mechanisms[MECHANISMS_MAX];
	static struct ladder ladder;
	size_t count = 0;
	int first, code = options_read(&SET, argc, argv, &values, &first);
	json_t *result;

	if (code != OPTIONS_READ)
		return code;
	code = check_policies(argv + first, argc - first);
	if (!code)
		code = mechanism_choose(MECHANISM_PRICE, "cancel price", &values.backends,
					mechanisms, &count);
	if (!code)
		code = outlet_open(&values.outlet, "cancel price");
	if (code)
		return code;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	argv[0] = called;
	choose_arms(&ladder, argv + first, argc - first);
	result = play(&values, argc, argv, &ladder, mechanisms, count);
	code = report(&values, result);
	json_decref(result);
	return code;
}
