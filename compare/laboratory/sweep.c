/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/sweep.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "compare/laboratory/native.h"
#include "compare/laboratory/tally.h"
#include "compare/options.h"
#include "compare/outlet.h"
#include "compare/report/environment.h"
#include "compare/report/repeat.h"
#include "compare/report/store.h"
#include "compare/say.h"

enum { ORDERS_DEPTH = 4 };

struct values {
	struct option_list policies, backends;
	const char *at;
	uint32_t orders;
	struct outlet outlet;
};

#define AT(field) offsetof(struct values, field)
static const struct option_row ROWS[] = {
	{ "policy", OPTION_LIST, AT(policies), 0, 0, "NAME",
	  "only this: what is done with an operation that was asked to end" },
	{ "backend", OPTION_LIST, AT(backends), 0, 0, "NAME",
	  "only this: completion, completion/deferred, completion/plain, polling, polling/native, "
	  "reference; or polling/eager, which isn't among them by default" },
	{ "orders", OPTION_NUMBER, AT(orders), 0, DUET_LAB_ORDERS_DEPTH_MAX, "N",
	  "on the reference: every order of completion, for so many choices from each point; "
	  "default 4" },
	{ "at", OPTION_TEXT, AT(at), 0, 0, "POINT,PHASE,KIND[,ORDER]",
	  "one run only, in this process, as 3,posted,scope; for a debugger" },
	OUTLET_ROWS(struct values, outlet),
	{ 0 },
};

/* ---- What there is, which --help lists as well. ---- */

static const struct policy *policy_at(size_t index)
{
	size_t count = 0;

	while (POLICIES[count].name)
		count++;
	if (index < count)
		return &POLICIES[index];
	return index == count ? &NATIVE_POLICY : NULL;
}

static const char *policy_name(size_t index)
{
	const struct policy *policy = policy_at(index);

	return policy ? policy->name : NULL;
}

static const char *workload_name(size_t index)
{
	return SWEPT[index].name;
}

static void list(char *text, size_t size, const char *(*name)(size_t index))
{
	size_t used = 0;

	for (size_t i = 0; name(i) && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", name(i));
}

static const char *summary(void)
{
	static char text[1024];
	char workloads[256], policies[160];

	list(workloads, sizeof(workloads), workload_name);
	list(policies, sizeof(policies), policy_name);
	snprintf(text, sizeof(text),
		 "Runs a workload once for each of its operations, each phase and each kind of "
		 "cancel, with a cancel there, and checks what must hold. Without a WORKLOAD: "
		 "all. There are the workloads %s; and the policies %s.", workloads, policies);
	return text;
}

static int refuse(const char *what, const char *which, const char *(*name)(size_t index))
{
	char names[256];

	list(names, sizeof(names), name);
	return say_failure(SAY_USAGE, "cancel sweep: there is no %s '%s'; there are %s", what, which,
			   names);
}

static bool is_known(const char *which, const char *(*name)(size_t index))
{
	size_t i = 0;

	while (name(i) && strcmp(name(i), which) != 0)
		i++;
	return name(i) != NULL;
}

static int check_names(const struct values *values, int count, char **names)
{
	for (uint32_t i = 0; i < values->policies.count; i++) {
		if (!is_known(values->policies.texts[i], policy_name))
			return refuse("policy", values->policies.texts[i], policy_name);
	}
	for (int i = 0; i < count; i++) {
		if (!is_known(names[i], workload_name))
			return refuse("workload", names[i], workload_name);
	}
	return SAY_OK;
}

/* ---- What is asked for. ---- */

struct wish {
	const struct values *values;
	const struct spot *spot;
	struct mechanism mechanisms[MECHANISMS_MAX];
	size_t mechanisms_count;
	int count; /* of the workloads' names; 0: all */
	char **names;
};

static bool is_among(const struct option_list *names, const char *name)
{
	for (uint32_t i = 0; i < names->count; i++) {
		if (!strcmp(names->texts[i], name))
			return true;
	}
	return !names->count;
}

static bool wants_workload(const struct wish *wish, const struct swept *workload)
{
	for (int i = 0; i < wish->count; i++) {
		if (!strcmp(wish->names[i], workload->name))
			return true;
	}
	return !wish->count;
}

/* The native dialect has a cancel of its own, and no other. NULL: it is tried. */
static const char *why_not(const struct swept *workload, const struct policy *policy,
			   const struct mechanism *mechanism)
{
	if (mechanism->native != (policy == &NATIVE_POLICY))
		return "";
	if (mechanism->native)
		return workload->make_native ? NULL : "";
	if (mechanism->can_order && workload->kernel_only)
		return "";
	return swept_why_not(workload, policy->name);
}

/* Every sweep that is asked for, in the order of the table, until each() says that it is enough. */
static void for_each(const struct wish *wish,
		     bool (*each)(const struct tally_plan *plan, void *context), void *context)
{
	struct tally_plan plan = { .spot = wish->spot, .orders_depth = wish->values->orders };

	for (plan.workload = SWEPT; plan.workload->name; plan.workload++) {
		if (!wants_workload(wish, plan.workload))
			continue;
		for (size_t i = 0; (plan.policy = policy_at(i)); i++) {
			if (!is_among(&wish->values->policies, plan.policy->name))
				continue;
			for (size_t k = 0; k < wish->mechanisms_count; k++) {
				plan.mechanism = &wish->mechanisms[k];
				if (!why_not(plan.workload, plan.policy, plan.mechanism) &&
				    !each(&plan, context))
					return;
			}
		}
	}
}

/* ---- All of them. ---- */

static volatile sig_atomic_t interrupted;

/* The sweep that is being made is made to its end: a few milliseconds. */
static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

struct progress {
	json_t *sweeps;
	size_t done, all;
};

static bool count(const struct tally_plan *plan, void *context)
{
	struct progress *progress = context;

	(void)plan;
	progress->all++;
	return true;
}

static bool make(const struct tally_plan *plan, void *context)
{
	struct progress *progress = context;

	if (interrupted)
		return false;
	say_progress("%zu of %zu: %s, %s, %s", ++progress->done, progress->all,
		     plan->workload->name, plan->policy->name, plan->mechanism->name);
	json_array_append_new(progress->sweeps, tally(plan));
	return true;
}

static json_t *names_json(const char *name, const char *does)
{
	return json_pack("{s:s, s:s}", "name", name, "does", does);
}

static void add_names(json_t *result, const struct wish *wish)
{
	json_t *workloads = json_array(), *policies = json_array(), *left_out = json_array();
	const struct swept *workload;
	const struct policy *policy;

	for (size_t i = 0; (policy = policy_at(i)); i++) {
		if (is_among(&wish->values->policies, policy->name))
			json_array_append_new(policies, names_json(policy->name, policy->does));
	}
	for (workload = SWEPT; workload->name; workload++) {
		if (!wants_workload(wish, workload))
			continue;
		json_array_append_new(workloads, names_json(workload->name, workload->does));
		for (size_t i = 0; workload->without[i].policy; i++) {
			if (is_among(&wish->values->policies, workload->without[i].policy))
				json_array_append_new(left_out, json_pack(
					"{s:s, s:s, s:s}", "workload", workload->name, "policy",
					workload->without[i].policy, "why",
					workload->without[i].why));
		}
	}
	json_object_set_new(result, "workloads", workloads);
	json_object_set_new(result, "policies", policies);
	json_object_set_new(result, "left_out", left_out);
}

/* As it was called, for a shell. NULL: no memory. */
static char *called_line(int argc, char **argv)
{
	char *text = NULL;
	size_t size;
	FILE *line = open_memstream(&text, &size);

	if (!line)
		return NULL;
	fprintf(line, "%s %s", say_program(), argv[0]);
	for (int i = 1; i < argc; i++) {
		fputc(' ', line);
		repeat_word(line, argv[i]);
	}
	fclose(line);
	return text;
}

static json_t *sweep_all(const struct wish *wish, json_t *run)
{
	struct progress progress = { .sweeps = json_array() };
	json_t *result = json_pack("{s:i, s:s, s:o, s:o, s:o}", "schema", STORE_SCHEMA, "kind",
				   SWEEP_KIND, "tool", environment_tool_json(), "run", run,
				   "environment", environment_json());

	add_names(result, wish);
	for_each(wish, count, &progress);
	for_each(wish, make, &progress);
	say_progress_end();
	json_object_set_new(result, "sweeps", progress.sweeps);
	json_object_set_new(result, "asked_for", json_integer((json_int_t)progress.all));
	json_object_set_new(result, "complete", json_boolean(progress.done == progress.all));
	return result;
}

/* ---- What came of it. ---- */

static int say_violation(const json_t *sweep)
{
	const json_t *first = json_object_get(sweep, "first");
	char line[256];

	sweep_again(sweep, line, sizeof(line));
	return say_failure(SAY_WRONG_BYTE, "cancel sweep: %s, %s, on %s: %s: %s; again: %s",
			   json_string_value(json_object_get(sweep, "workload")),
			   json_string_value(json_object_get(sweep, "policy")),
			   json_string_value(json_object_get(sweep, "mechanism")),
			   json_string_value(json_object_get(first, "invariant")),
			   json_string_value(json_object_get(first, "text")), line);
}

/* Nowhere is what was asked for; the table says where there is how much. */
static int say_nothing(const struct values *values, bool has_points)
{
	if (interrupted)
		return say_failure(SAY_UNMEASURED,
				   "cancel sweep: interrupted before the first sweep was over");
	if (has_points)
		return say_failure(SAY_USAGE, "cancel sweep: --at %s: none of these has so many points",
				   values->at);
	return say_failure(SAY_UNMEASURED,
			   "cancel sweep: no mechanism is to be had here; duet doctor says why");
}

static int judge(const struct values *values, const json_t *result)
{
	bool any = false, has_points = false;
	json_t *sweep;
	size_t i;

	json_array_foreach(json_object_get(result, "sweeps"), i, sweep) {
		any |= json_is_null(json_object_get(sweep, "refused"));
		has_points |= json_object_get(sweep, "points") != NULL;
		if (json_integer_value(json_object_get(sweep, "violations")) > 0)
			return say_violation(sweep);
	}
	return any ? SAY_OK : say_nothing(values, has_points);
}

static int report(const struct values *values, const json_t *result)
{
	int code = outlet_deliver(&values->outlet, result, sweep_print);

	if (!json_is_true(json_object_get(result, "complete")))
		say_note("cancel sweep: interrupted: %zu of %lld sweeps were made, and are kept",
			 json_array_size(json_object_get(result, "sweeps")),
			 (long long)json_integer_value(json_object_get(result, "asked_for")));
	return code ? code : judge(values, result);
}

/* The first reason that there is, if it is one of a policy's. */
static int refuse_nothing(const struct wish *wish)
{
	for (const struct swept *workload = SWEPT; workload->name; workload++) {
		for (uint32_t i = 0; i < wish->values->policies.count; i++) {
			const char *policy = wish->values->policies.texts[i];
			const char *why = swept_why_not(workload, policy);

			if (why && wants_workload(wish, workload))
				return say_failure(SAY_USAGE, "cancel sweep: %s isn't tried with "
						   "%s: %s", workload->name, policy, why);
		}
	}
	return say_failure(SAY_USAGE, "cancel sweep: nothing to sweep: the workload isn't written for "
			   "such a backend, or not with this policy; see the page duet-cancel(1)");
}

static int run(const struct wish *wish, int argc, char **argv)
{
	struct sigaction action = { .sa_handler = interrupt, .sa_flags = SA_RESTART };
	struct progress any = { 0 };
	json_t *result;
	int code;

	for_each(wish, count, &any);
	if (!any.all)
		return refuse_nothing(wish);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	result = sweep_all(wish, repeat_called_json(argc, argv, called_line(argc, argv)));
	code = report(wish->values, result);
	json_decref(result);
	return code;
}

int sweep_command(int argc, char **argv)
{
	static char called[] = "cancel sweep";
	struct option_set set = { "cancel sweep", "[WORKLOAD...]", summary(), ROWS };
	struct values values = { .orders = ORDERS_DEPTH };
	struct spot spot;
	struct wish wish = { .values = &values };
	int first, code = options_read(&set, argc, argv, &values, &first);

	if (code != OPTIONS_READ)
		return code;
	code = check_names(&values, argc - first, argv + first);
	if (!code)
		code = mechanism_choose(MECHANISM_SWEEP, "cancel sweep", &values.backends,
					wish.mechanisms, &wish.mechanisms_count);
	if (!code && values.at)
		code = spot_read(values.at, &spot);
	if (!code)
		code = outlet_open(&values.outlet, "cancel sweep");
	if (code)
		return code;
	wish.spot = values.at ? &spot : NULL;
	wish.count = argc - first;
	wish.names = argv + first;
	argv[0] = called;
	return run(&wish, argc, argv);
}
