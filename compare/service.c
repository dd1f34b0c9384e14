/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compare/backends.h"
#include "compare/floors.h"
#include "compare/local.h"
#include "compare/measure/window.h"
#include "compare/report/counters.h"
#include "compare/report/store.h"
#include "compare/say.h"
#include "compare/step.h"

/* ---- Signals. ---- */

/* The loop that a signal ends, or asks what it waits for. A handler can be given nothing else. */
static struct duet_loop *signalled_loop;
static volatile sig_atomic_t told_to_end;

static void on_signal(int number)
{
	if (number == SIGUSR1) {
		duet_loop_ask_dump(signalled_loop, STDERR_FILENO);
		return;
	}
	told_to_end = 1;
	duet_loop_wake(signalled_loop);
}

static void on_woken(struct duet_loop *loop, void *context)
{
	struct service *service = context;

	(void)loop;
	service->stopped = told_to_end;
}

/* What was ignored when we were started stays so, as under nohup. */
static void obey_signals(struct duet_loop *loop)
{
	struct sigaction action = { .sa_handler = loop ? on_signal : SIG_DFL }, before;

	signalled_loop = loop;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < 2; i++) {
		int number = i ? SIGHUP : SIGINT;

		if (!sigaction(number, NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(number, &action, NULL);
	}
}

void service_obey(struct service *service)
{
	obey_signals(service->loop);
}

/* ---- The backend. ---- */

/* Of what an arm can be, a service is a backend with its keys: the model has an option of its own,
 * and nobody would read a name. */
static bool is_more_than_backend(const char *text)
{
	char mark = text[strcspn(text, "/=:")];

	return mark == '/' || mark == '=';
}

static int refuse_floor(const struct service *service, bool floors)
{
	if (!floors)
		return say_failure(SAY_USAGE, "serve: --backend %s: the floors serve echo alone; "
				   "there is completion, polling, auto", service->backend);
	if (!floors_find(service->arm.backend))
		return say_failure(SAY_USAGE, "serve: --backend %s: there is " FLOORS_NAMES,
				   service->backend);
	return SAY_OK;
}

int service_find_backend(struct service *service, bool floors)
{
	const char *text = service->backend;
	char why[ARM_WHY_MAX];

	if (arm_read(text, &service->arm, why, sizeof(why)))
		return say_failure(SAY_USAGE, "serve: --backend: %s", why);
	if (service->arm.kind == ARM_EXTERNAL)
		return say_failure(SAY_USAGE, "serve: --backend %s: another program serves by "
				   "itself", text);
	if (is_more_than_backend(text))
		return say_failure(SAY_USAGE, "serve: --backend %s: give BACKEND[:KEY=VALUE]%s", text,
				   floors ? ", and the model with --model" : "");
	if (service->arm.kind == ARM_FLOOR)
		return refuse_floor(service, floors);
	if (!strcmp(service->arm.backend, "null"))
		return say_failure(SAY_USAGE, "serve: --backend null: it carries nothing out, so "
				   "there is nothing to connect to");
	if (strcmp(service->arm.backend, "auto") != 0 && !backends_find(service->arm.backend))
		return say_failure(SAY_USAGE, "serve: --backend %s: there is completion, polling, "
				   "auto%s", service->arm.backend, floors ? ", " FLOORS_NAMES : "");
	return SAY_OK;
}

int service_check_output(const struct service *service)
{
	int code = say_check_output("serve: ");

	if (!code && service->json)
		code = store_check(service->json, "serve");
	return code;
}

/* auto falls back only where the first choice isn't there or not permitted, and says so. */
static int create_first(struct service *service, const struct duet_loop_options *options)
{
	const struct duet_backend *all[BACKENDS_COUNT];
	int status;

	for (size_t i = 0; i < BACKENDS_COUNT; i++)
		all[i] = backends_at(i);
	status = duet_loop_create_first(&service->loop, all, BACKENDS_COUNT, options,
					&service->probe);
	if (!status && service->probe.error)
		say_note("%s is not available here, serving with %s: %s",
			 duet_backend_name(all[0]),
			 duet_backend_name(duet_loop_backend(service->loop)),
			 service->probe.reason);
	return status;
}

int service_create(struct service *service, struct duet_loop_options *options)
{
	const struct duet_backend *backend = backends_find(service->arm.backend); /* or auto */
	int status;

	arm_tune(&service->arm, options);
	options->woken = on_woken;
	options->woken_context = service;
	status = backend ? duet_loop_create(&service->loop, backend, options)
			 : create_first(service, options);
	if (!status)
		return SAY_OK;
	if (!service->probe.error)
		duet_backend_probe(backend ? backend : backends_at(0), options->tuning,
				   &service->probe);
	return say_failure(service->probe.error == -EINVAL ? SAY_USAGE : SAY_UNMEASURED,
			   "serve: can't use %s: %s%s", service->arm.text,
			   service->probe.error ? service->probe.reason : strerror(-status),
			   service->probe.error ? "" : say_advice(status));
}

/* ---- Listening, and from there to the end. ---- */

static const char *listen_advice(int status)
{
	if (status == -EADDRINUSE)
		return "; choose another --port, or 0 for any free one";
	if (status == -EACCES)
		return "; low ports are for root or CAP_NET_BIND_SERVICE: choose a --port from 1024 "
		       "on, or 0 for any free one";
	if (status == -EADDRNOTAVAIL)
		return "; give a --host that this machine has, as 127.0.0.1, or 0.0.0.0 for all";
	if (status == -EAFNOSUPPORT)
		return "; this machine has no IPv6: give a --host of IPv4";
	return say_advice(status);
}

static int find_place(struct service *service, struct local *place)
{
	obey_signals(service->loop);
	if (local_read(service->host, service->port, place))
		return say_failure(SAY_USAGE, "serve: --host %s: give an address of IPv4 or IPv6, "
				   "not a name", service->host);
	return SAY_OK;
}

/* status: how it went to listen there. */
static int tell_place(const struct service *service, const struct local *place, int status)
{
	char shown[LOCAL_SHOWN_MAX];

	local_show(place, shown);
	if (status)
		return say_failure(SAY_UNMEASURED, "serve: can't listen on %s: %s%s", shown,
				   strerror(-status), listen_advice(status));
	printf("listening on %s backend=%s\n", shown,
	       duet_backend_name(duet_loop_backend(service->loop)));
	status = say_flush();
	if (status)
		return say_failure(SAY_UNMEASURED, "serve: can't write to the standard output: %s",
				   strerror(-status));
	return SAY_OK;
}

int service_listen(struct service *service, int backlog, duet_handle *listener)
{
	struct local place;
	int code = find_place(service, &place);

	if (code)
		return code;
	return tell_place(service, &place, duet_handle_listen(service->loop,
			  (struct sockaddr *)&place.storage, place.length, backlog, listener));
}

static int bind_datagrams(struct service *service, struct local *place, duet_handle *socket)
{
	struct duet_op *op = &service->op;
	int status;

	duet_op_init(op, NULL, NULL);
	duet_op_socket(op, place->storage.ss_family, SOCK_DGRAM, 0);
	status = step_run(service->loop, op);
	if (status)
		return status;
	*socket = op->made;
	duet_op_bind(op, *socket, (struct sockaddr *)&place->storage, place->length);
	status = step_run(service->loop, op);
	if (status)
		return status;
	return duet_handle_address(service->loop, *socket, &place->storage, &place->length);
}

int service_bind(struct service *service, duet_handle *socket)
{
	struct local place;
	int code = find_place(service, &place);

	return code ? code : tell_place(service, &place, bind_datagrams(service, &place, socket));
}

int service_run(struct service *service)
{
	int status = 0;

	service->begun_ns = window_now_ns();
	/* Turn by turn: the waits of a native dialect are no operations, and a loop that has none
	 * pending thinks that it is done. */
	while (!service->stopped && status >= 0)
		status = duet_loop_turn(service->loop, -1);
	if (status < 0)
		return say_failure(SAY_UNMEASURED, "serve: the loop failed: %s", strerror(-status));
	return SAY_OK;
}

int service_write(const struct service *service, const char *key, json_t *more)
{
	json_t *json;
	int code;

	if (!service->json) {
		json_decref(more);
		return SAY_OK;
	}
	json = counters_json(service->loop, window_now_ns() - service->begun_ns);
	if (more && key)
		json_object_set_new(json, key, more);
	else if (more)
		json_object_update_new(json, more);
	code = store_write(json, service->json);
	json_decref(json);
	return code;
}

void service_print(const struct service *service, json_t *counts)
{
	const char *key;
	json_t *value;

	if (service->json && !strcmp(service->json, "-"))
		return;
	printf("%s:", service->word ? service->word : "served");
	json_object_foreach(counts, key, value)
		printf(" %s=%lld", key, (long long)json_integer_value(value));
	putchar('\n');
}

static void dump_line(void *context, const char *text)
{
	(void)context;
	say_note("serve: still pending: %s", text);
}

bool service_end(struct service *service, int *code)
{
	obey_signals(NULL);
	duet_loop_shutdown(service->loop, window_now_ns() + UINT64_C(2000000000));
	if (!duet_loop_destroy(service->loop))
		return true;
	duet_loop_dump(service->loop, dump_line, NULL);
	*code = *code ? *code : SAY_UNMEASURED;
	return false;
}

/* ---- All of it. ---- */

int service_refuse_start(int status)
{
	return say_failure(SAY_UNMEASURED, "serve: can't begin to accept: %s%s", strerror(-status),
			   say_advice(status));
}

static int run_body(struct service *service, const struct service_body *body, void *context)
{
	int code = body->start(service, context), written;
	json_t *counts;

	if (code)
		return code;
	code = service_run(service);
	counts = body->counts(context);
	service_print(service, counts);
	written = service_write(service, body->key, counts);
	return code ? code : written;
}

int service_serve(struct service *service, struct duet_loop_options *options,
		  const struct service_body *body, void *context)
{
	int code = service_find_backend(service, false);

	if (!code)
		code = service_check_output(service);
	if (!code)
		code = service_create(service, options);
	if (code)
		return code;
	code = run_body(service, body, context);
	if (service_end(service, &code))
		body->finish(context);
	return code;
}
