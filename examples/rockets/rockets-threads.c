/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/* By threads of the system, with calls that block: no loop, and nothing of the library. Each thread takes
 * the next rocket until none is left. Nobody can ask a blocked call to end: its socket is shut down
 * under it, and who does that has to know that it is still the same socket. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "examples/rockets/rockets.h"

struct fetch {
	pthread_t thread;
	int socket; /* -1: none that may be shut down */
	int index;
	struct http_exchange exchange;
};

static struct rockets rockets;
/* Guards all that follows, the table, and the sockets of all fetches. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended;
static struct fetch *fetches;
static int count, next, active;
static bool stopped;

static void stop_all(void)
{
	stopped = true;
	for (int i = 0; i < count; i++)
		if (fetches[i].socket >= 0)
			shutdown(fetches[i].socket, SHUT_RDWR);
}

/* From here on it can be stopped, unless it has been. */
static int lend_socket(struct fetch *fetch, int fd)
{
	int error;

	pthread_mutex_lock(&lock);
	error = stopped ? -ECANCELED : 0;
	fetch->socket = error ? -1 : fd;
	pthread_mutex_unlock(&lock);
	return error;
}

static int send_all(int fd, const char *data, size_t bytes)
{
	while (bytes) {
		ssize_t sent = send(fd, data, bytes, MSG_NOSIGNAL);

		if (sent < 0)
			return -errno;
		data += sent;
		bytes -= (size_t)sent;
	}
	return 0;
}

static int talk(struct fetch *fetch, int fd)
{
	struct http_exchange *exchange = &fetch->exchange;
	int answer = lend_socket(fetch, fd);

	if (!answer && connect(fd, (struct sockaddr *)&rockets.address, sizeof(rockets.address)))
		answer = -errno;
	if (!answer) /* asked before there was anything to shut down? */
		answer = lend_socket(fetch, fd);
	if (!answer)
		answer = send_all(fd, exchange->request, exchange->request_bytes);
	while (!answer) {
		ssize_t got = recv(fd, exchange->piece, sizeof(exchange->piece), 0);

		answer = got < 0 ? -errno : http_feed(exchange, (size_t)got);
	}
	return answer;
}

static int fetch_one(struct fetch *fetch)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), answer;

	table_ask(&rockets.table, fetch->index, &fetch->exchange);
	answer = fd < 0 ? -errno : talk(fetch, fd);
	pthread_mutex_lock(&lock);
	fetch->socket = -1;
	if (answer == 1)
		answer = table_take(&rockets.table, fetch->index, &fetch->exchange);
	/* What a shut down socket says is no failure of its own. */
	if (answer && !stopped) {
		table_fail(&rockets.table, fetch->index, answer, &fetch->exchange);
		stop_all();
	}
	pthread_mutex_unlock(&lock);
	http_forget(&fetch->exchange);
	if (fd >= 0)
		close(fd);
	return answer;
}

static bool take_next(struct fetch *fetch)
{
	bool taken;

	pthread_mutex_lock(&lock);
	taken = !stopped && next < rockets.table.count;
	if (taken)
		fetch->index = next++;
	pthread_mutex_unlock(&lock);
	return taken;
}

static void *run(void *argument)
{
	struct fetch *fetch = argument;

	if (fetch->index == TABLE_LIST)
		fetch_one(fetch);
	else
		while (take_next(fetch))
			fetch_one(fetch);
	pthread_mutex_lock(&lock);
	active--;
	pthread_cond_signal(&ended);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void await_all(void)
{
	const struct timespec deadline = {(time_t)(rockets.deadline_ns / 1000000000),
					  (long)(rockets.deadline_ns % 1000000000)};

	pthread_mutex_lock(&lock);
	while (active) {
		if (rockets.deadline_ns == UINT64_MAX || stopped) {
			pthread_cond_wait(&ended, &lock);
		} else if (pthread_cond_timedwait(&ended, &lock, &deadline) == ETIMEDOUT &&
			   active) {
			table_fail(&rockets.table, TABLE_LIST, -ETIMEDOUT, NULL);
			stop_all();
		}
	}
	pthread_mutex_unlock(&lock);
}

static void start(int how_many, int index)
{
	int error = 0;

	pthread_mutex_lock(&lock);
	fetches = calloc((size_t)how_many + 1, sizeof(*fetches));
	for (count = 0; fetches && !error && count < how_many; count += !error) {
		fetches[count].socket = -1;
		fetches[count].index = index;
		error = pthread_create(&fetches[count].thread, NULL, run, &fetches[count]);
	}
	active = count;
	if (error || !fetches) {
		table_fail(&rockets.table, TABLE_LIST, fetches ? -error : -ENOMEM, NULL);
		stop_all();
	}
	pthread_mutex_unlock(&lock);
}

/* Comes back when all that it started have ended. */
static void fetch_all(int how_many, int index)
{
	start(how_many, index);
	await_all();
	for (int i = 0; i < count; i++)
		pthread_join(fetches[i].thread, NULL);
	free(fetches);
}

int main(int argc, char **argv)
{
	pthread_condattr_t clock;
	int parallel;

	rockets_read(argc, argv, &rockets);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&ended, &clock);
	fetch_all(1, TABLE_LIST);
	parallel = rockets.parallel < rockets.table.count ? rockets.parallel : rockets.table.count;
	if (!stopped)
		fetch_all(parallel, 0);
	return table_end(&rockets.table);
}
