/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/load/learn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/load/dialogue.h"
#include "compare/load/reach.h"
#include "compare/measure/process.h"

uint32_t learn_count(const struct load_options *options)
{
	return options->manner == LOAD_KV ? options->connections : options->manner == LOAD_HTTP;
}

static const char *reason(int error)
{
	switch (error) {
	case -EPROTO:
		return "that is no answer of HTTP/1.1 which says its length";
	case -ENOENT:
		return "the answer is not 200 OK";
	case -EMSGSIZE:
		return "the file has more than 1 MiB";
	case -EBADMSG:
		return "that is another file than was to come";
	default:
		return strerror(-error);
	}
}

static int say(const struct load_options *options, struct load_result *result, int error)
{
	if (process_interrupted())
		return reach_interrupted(result);
	snprintf(result->problem, sizeof(result->problem), "%s: GET %.100s: %s",
		 options->address.shown, options->path, reason(error));
	return error;
}

static int learn_http(const struct load_options *options, struct load_result *result,
		      const struct addrinfo *to, struct dialogue *dialogue)
{
	int error = dialogue_make_http(dialogue, &options->address, options->path, options->depth);
	int fd = error ? error : reach_socket(to, SOCK_STREAM);

	if (fd < 0)
		return say(options, result, fd);
	error = reach_in_time(fd, to);
	if (!error)
		error = dialogue_learn(dialogue, fd, options->size_bytes);
	close(fd);
	return error ? say(options, result, error) : 0;
}

int learn_dialogues(const struct load_options *options, struct load_result *result,
		    const struct addrinfo *to, struct dialogue *dialogues)
{
	int error = 0;

	if (options->manner == LOAD_HTTP)
		error = learn_http(options, result, to, dialogues);
	for (uint32_t i = 0; options->manner == LOAD_KV && i < options->connections && !error; i++)
		error = dialogue_make_kv(&dialogues[i], i, options->size_bytes, options->depth);
	if (error && !*result->problem)
		return reach_fail(options, result, error, "start", 0);
	result->run.size_bytes = dialogues[0].request_bytes;
	result->run.answer_bytes = dialogues[0].answer_bytes;
	return error;
}
