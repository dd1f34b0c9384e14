/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/models/rockets_fetcher.h"

#include <duet/loop.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "compare/measure/window.h"
#include "compare/models/model.h"

struct fetcher {
	struct fetcher_options options;
	struct fetcher_result *result;
	struct duet_scheduler scheduler;
	void *state;
	char *lanes;
	struct exchange **exchanges; /* whose answers are to be freed */
	uint32_t exchange_count;
	uint64_t polls;

	/* Of the fetch that is under way. */
	bool under_way, stopped;
	uint64_t begun_ns, deadline_ns;
	uint64_t answered_before;
	uint32_t count, next;            /* rockets in the list, and which is asked for next */
	char (*ids)[CATALOGUE_ID_MAX];
};

const struct fetcher_model *fetcher_model_find(const char *name)
{
	static const struct fetcher_model *const models[] = { &FETCHER_CALLBACK, &FETCHER_COROUTINE,
							      &FETCHER_FUTURE };

	for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++) {
		if (!strcmp(models[i]->name, name))
			return models[i];
	}
	return NULL;
}

/* ---- What is asked for. ---- */

void exchange_init(struct exchange *exchange, struct fetcher *fetcher)
{
	if (exchange->fetcher)
		return;
	exchange->fetcher = fetcher;
	fetcher->exchanges[fetcher->exchange_count++] = exchange;
}

static void ask(struct exchange *exchange, uint32_t index)
{
	const struct fetcher *fetcher = exchange->fetcher;
	bool list = index == EXCHANGE_LIST;

	exchange->index = index;
	exchange->begun_ns = window_now_ns();
	exchange->answered = false;
	exchange->request_bytes = (uint32_t)snprintf(
		exchange->request, sizeof(exchange->request),
		"GET /rockets%s%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n",
		list ? "" : "/", list ? "" : fetcher->ids[index],
		ntohs(fetcher->options.address.sin_port));
	answer_begin(&exchange->answer);
}

void exchange_list(struct exchange *exchange)
{
	ask(exchange, EXCHANGE_LIST);
}

bool exchange_next(struct exchange *exchange)
{
	struct fetcher *fetcher = exchange->fetcher;

	if (fetcher->next == fetcher->count)
		return false;
	ask(exchange, fetcher->next++);
	return true;
}

void exchange_socket(struct exchange *exchange, struct duet_op *op)
{
	(void)exchange;
	duet_op_socket(op, AF_INET, SOCK_STREAM, 0);
}

void exchange_connect(struct exchange *exchange, struct duet_op *op, duet_handle socket)
{
	const struct sockaddr_in *address = &exchange->fetcher->options.address;

	duet_op_connect(op, socket, (const struct sockaddr *)address, sizeof(*address));
}

void exchange_send(struct exchange *exchange, struct duet_op *op, duet_handle socket)
{
	duet_op_send(op, socket, exchange->request, exchange->request_bytes, DUET_WHOLE);
}

void exchange_recv(struct exchange *exchange, struct duet_op *op, duet_handle socket)
{
	duet_op_recv(op, socket, exchange->piece, sizeof(exchange->piece), 0);
}

/* ---- What is answered. ---- */

/* What a client of such an API wants of the list: whom to ask for next. */
static bool take_list(struct fetcher *fetcher, const json_t *list)
{
	const char *id;
	json_t *item;
	size_t i;

	if (json_array_size(list) != fetcher->options.catalogue->count)
		return false;
	json_array_foreach(list, i, item) {
		id = json_string_value(json_object_get(item, "id"));
		if (!id || strlen(id) >= sizeof(*fetcher->ids))
			return false;
		strcpy(fetcher->ids[i], id);
	}
	fetcher->count = (uint32_t)json_array_size(list);
	return true;
}

static bool take_rocket(const char *asked, json_t *rocket)
{
	const char *id, *country, *first_flight, *type;
	double height_m;
	int mass_kg, number;

	return !json_unpack(rocket, "{s:s, s:s, s:s, s:F, s:i, s:{s:i, s:s}}", "id", &id, "country",
			    &country, "first_flight", &first_flight, "height_m", &height_m, "mass_kg",
			    &mass_kg, "engines", "number", &number, "type", &type) &&
		!strcmp(id, asked);
}

/* Every byte is known, as the server has it from the same catalogue. */
static bool is_right(const struct exchange *exchange)
{
	const struct fetcher *fetcher = exchange->fetcher;
	const struct catalogue *catalogue = fetcher->options.catalogue;
	const struct answer *answer = &exchange->answer;
	const struct catalogue_item *item = &catalogue->list;

	if (exchange->index != EXCHANGE_LIST)
		item = catalogue_find(catalogue, fetcher->ids[exchange->index],
				      strlen(fetcher->ids[exchange->index]));
	return item && item->bytes == answer->body_bytes &&
		!memcmp(item->text, answer->body, answer->body_bytes);
}

static bool is_understood(struct exchange *exchange)
{
	struct fetcher *fetcher = exchange->fetcher;
	json_t *json = json_loadb(exchange->answer.body, exchange->answer.body_bytes, 0, NULL);
	bool understood = exchange->index == EXCHANGE_LIST
		? take_list(fetcher, json) : take_rocket(fetcher->ids[exchange->index], json);

	json_decref(json);
	return understood;
}

static int refuse_bytes(struct exchange *exchange, size_t bytes)
{
	exchange->fetcher->result->wrong_bytes += bytes;
	return -EBADMSG;
}

static int take_whole(struct exchange *exchange)
{
	struct fetcher_result *result = exchange->fetcher->result;

	if (!is_right(exchange) || !is_understood(exchange))
		return refuse_bytes(exchange, exchange->answer.body_bytes);
	if (exchange->answer.behind_bytes)
		return refuse_bytes(exchange, exchange->answer.behind_bytes);
	exchange->answered = true;
	result->answered++;
	histogram_record(&result->latency, window_now_ns() - exchange->begun_ns);
	return 0;
}

/* Behind the answer nothing more comes: what does was doubled. */
static int take_end(struct exchange *exchange, int32_t result)
{
	return result > 0 ? refuse_bytes(exchange, (size_t)result) : result < 0 ? result : 1;
}

int exchange_take(struct exchange *exchange, int32_t result)
{
	int status;

	if (exchange->answered)
		return take_end(exchange, result);
	status = result < 0 ? result
			    : answer_feed(&exchange->answer, exchange->piece, (size_t)result);
	return status == 1 ? take_whole(exchange) : status;
}

void exchange_fail(struct exchange *exchange, int error)
{
	struct fetcher *fetcher = exchange->fetcher;
	struct fetcher_result *result = fetcher->result;
	bool list = exchange->index == EXCHANGE_LIST;

	if (error == -ECANCELED || result->error)
		return;
	result->error = error;
	result->status = exchange->answer.status;
	snprintf(result->path, sizeof(result->path), "/rockets%s%s", list ? "" : "/",
		 list ? "" : fetcher->ids[exchange->index]);
}

void fetcher_words(const struct fetcher_result *result, char *text, size_t size)
{
	static const struct {
		int error;
		const char *words;
	} WORDS[] = {
		{ -ETIMEDOUT, "it was not there within the deadline of the whole fetch" },
		{ -ENODATA, "the connection ended before the answer did" },
		{ -EPROTO, "what came is no HTTP" },
		{ -EBADMSG, "what came is not what it has to be" },
	};
	const char *words = strerror(-result->error);

	for (size_t i = 0; i < sizeof(WORDS) / sizeof(*WORDS); i++) {
		if (WORDS[i].error == result->error)
			words = WORDS[i].words;
	}
	if (result->error == -EREMOTEIO)
		snprintf(text, size, "GET %s: the server answered with status %u", result->path,
			 result->status);
	else
		snprintf(text, size, "GET %s: %s", result->path, words);
}

/* ---- A whole fetch. ---- */

void *fetcher_state(const struct fetcher *fetcher)
{
	return fetcher->state;
}

void *fetcher_lane(const struct fetcher *fetcher, uint32_t index)
{
	return fetcher->lanes + index * fetcher->options.model->lane_bytes;
}

uint32_t fetcher_lanes(const struct fetcher *fetcher)
{
	return fetcher->options.lanes < fetcher->count ? fetcher->options.lanes : fetcher->count;
}

struct duet_scheduler *fetcher_scheduler(struct fetcher *fetcher)
{
	return &fetcher->scheduler;
}

uint64_t fetcher_deadline_ns(const struct fetcher *fetcher)
{
	return fetcher->deadline_ns;
}

void fetcher_polled(struct fetcher *fetcher)
{
	fetcher->polls++;
}

void fetcher_fetched(struct fetcher *fetcher)
{
	struct fetcher_result *result = fetcher->result;
	uint64_t asked = (uint64_t)fetcher->options.catalogue->count + 1;
	uint64_t answered = result->answered - fetcher->answered_before;

	fetcher->under_way = false;
	if (answered == asked) {
		result->fetched++;
		histogram_record(&result->fetch, window_now_ns() - fetcher->begun_ns);
	} else if (result->error || !fetcher->stopped) {
		result->lost += asked - answered;
		if (!result->error)
			result->error = -ECANCELED; /* and nobody has said why */
	}
}

bool fetcher_go_on(struct fetcher *fetcher)
{
	int error;

	if (fetcher->under_way || fetcher->result->error)
		return fetcher->under_way;
	fetcher->under_way = true;
	fetcher->begun_ns = window_now_ns();
	fetcher->deadline_ns = fetcher->begun_ns + fetcher->options.deadline_ns;
	fetcher->answered_before = fetcher->result->answered;
	fetcher->count = fetcher->next = 0;
	error = fetcher->options.model->begin(fetcher);
	if (error) {
		fetcher->result->error = error;
		fetcher_fetched(fetcher);
	}
	return fetcher->under_way;
}

void fetcher_stop(struct fetcher *fetcher)
{
	fetcher->stopped = true;
	if (fetcher->under_way)
		fetcher->options.model->cancel(fetcher);
}

bool fetcher_busy(const struct fetcher *fetcher)
{
	return fetcher->under_way || fetcher->scheduler.live ||
		duet_loop_pending(fetcher->options.loop);
}

void fetcher_count(const struct fetcher *fetcher, struct model_counts *counts)
{
	const struct duet_scheduler_stats *stats = &fetcher->scheduler.stats;

	counts->steps = stats->resumed + stats->stepped;
	counts->wakes = stats->stepped;
	counts->polls = fetcher->polls;
}

/* ---- Its memory. ---- */

void fetcher_destroy(struct fetcher *fetcher)
{
	if (!fetcher)
		return;
	for (uint32_t i = 0; i < fetcher->exchange_count; i++)
		answer_free(&fetcher->exchanges[i]->answer);
	free(fetcher->exchanges);
	free(fetcher->state);
	free(fetcher->lanes);
	free(fetcher->ids);
	free(fetcher);
}

struct fetcher *fetcher_create(const struct fetcher_options *options, struct fetcher_result *result)
{
	struct fetcher *fetcher = calloc(1, sizeof(*fetcher));

	if (!fetcher)
		return NULL;
	fetcher->options = *options;
	fetcher->result = result;
	strcpy(result->path, "/rockets"); /* of whatever fails before anything is asked for */
	fetcher->state = calloc(1, options->model->bytes);
	fetcher->lanes = calloc(options->lanes, options->model->lane_bytes);
	fetcher->exchanges = calloc((size_t)options->lanes + 1, sizeof(*fetcher->exchanges));
	fetcher->ids = calloc(options->catalogue->count, sizeof(*fetcher->ids));
	duet_scheduler_init(&fetcher->scheduler, options->loop, NULL);
	if (fetcher->state && fetcher->lanes && fetcher->exchanges && fetcher->ids)
		return fetcher;
	fetcher_destroy(fetcher);
	return NULL;
}
