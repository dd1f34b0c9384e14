/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "rounds.h"

enum { EVENTS_MAX = 256, SOURCES = 250, RECEIVE_BYTES = 65536 };

/* After so many bytes a stream begins again: a prime, so that no message size divides it. */
enum { PERIOD = 65521, ORIGIN_STEP = 37 };

struct client {
	int fd;
	uint32_t origin;	/* where in the period its stream begins */
	uint64_t sent;		/* bytes of its stream */
	uint64_t heard;
};

struct generator {
	struct load_job job;
	struct load_result result;
	uint64_t sent;		/* messages */
	uint64_t begun_ns;	/* of the span */
	uint64_t until_ns;	/* no message is sent from then on; UINT64_MAX: there is no such time */
	int epoll;
	struct client *clients;
	unsigned char *bytes;	/* a period, and what a transfer may reach behind it */
	unsigned char *reply;
};

int load_connect(uint16_t port, uint32_t index)
{
	struct sockaddr_in from = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(0x7f000101u + index % SOURCES),
	};
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/* The port is chosen at connect, when both ends of the connection tell it from others. */
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&from, sizeof(from)) ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static bool make_bytes(struct generator *self)
{
	size_t reach = (size_t)self->job.size_bytes * self->job.depth;
	uint64_t seed = 1;

	if (reach < RECEIVE_BYTES)
		reach = RECEIVE_BYTES;
	self->reply = malloc(RECEIVE_BYTES);
	self->bytes = malloc(PERIOD + reach);
	if (!self->bytes || !self->reply)
		return false;
	for (size_t index = 0; index < PERIOD; index++)
		self->bytes[index] = (unsigned char)rounds_random(&seed);
	for (size_t index = PERIOD; index < PERIOD + reach; index++)
		self->bytes[index] = self->bytes[index - PERIOD];
	return true;
}

static const unsigned char *stream_at(const struct generator *self, const struct client *client,
				      uint64_t offset)
{
	return self->bytes + (client->origin + offset) % PERIOD;
}

static bool ask(struct generator *self, struct client *client, uint64_t messages)
{
	size_t bytes;

	if (self->job.messages && messages > self->job.messages - self->sent)
		messages = self->job.messages - self->sent;
	if (messages == 0)
		return true;
	bytes = (size_t)messages * self->job.size_bytes;
	if (send(client->fd, stream_at(self, client, client->sent), bytes, MSG_NOSIGNAL) !=
	    (ssize_t)bytes)
		return false;
	self->sent += messages;
	client->sent += bytes;
	return true;
}

/* A server that has answered everything may leave while other replies are still unread. */
static bool hang_up(struct generator *self, struct client *client)
{
	if (client->heard < client->sent) {
		errno = ECONNRESET;
		return false;
	}
	return epoll_ctl(self->epoll, EPOLL_CTL_DEL, client->fd, NULL) == 0;
}

static void check(struct generator *self, const struct client *client, size_t got)
{
	const unsigned char *right = stream_at(self, client, client->heard);
	uint64_t due = client->sent - client->heard;

	if (got <= due && memcmp(self->reply, right, got) == 0)
		return;
	for (size_t index = 0; index < got; index++)
		self->result.wrong_bytes += index >= due || self->reply[index] != right[index];
}

static bool hear(struct generator *self, struct client *client)
{
	const uint32_t size = self->job.size_bytes;
	ssize_t got = recv(client->fd, self->reply, RECEIVE_BYTES, MSG_DONTWAIT);
	uint64_t whole;

	if (got < 0)
		return errno == EAGAIN;
	if (got == 0)
		return hang_up(self, client);
	check(self, client, (size_t)got);
	whole = (client->heard % size + (uint64_t)got) / size;
	client->heard += (uint64_t)got;
	self->result.messages += whole;
	return whole == 0 || clock_ns() >= self->until_ns || ask(self, client, whole);
}

static bool open_clients(struct generator *self)
{
	self->epoll = epoll_create1(EPOLL_CLOEXEC);
	self->clients = calloc(self->job.connections, sizeof(*self->clients));
	if (self->epoll < 0 || !self->clients || !make_bytes(self))
		return false;
	for (uint32_t index = 0; index < self->job.connections; index++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = index };
		int fd = load_connect(self->job.port, index);

		if (fd < 0) {
			errno = -fd;
			return false;
		}
		self->clients[index].fd = fd;
		self->clients[index].origin = index * ORIGIN_STEP % PERIOD;
		if (epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event))
			return false;
	}
	return true;
}

static bool over(const struct generator *self)
{
	if (self->result.messages < self->sent)
		return false;
	return self->sent == self->job.messages || clock_ns() >= self->until_ns;
}

/* As epoll_wait without a time-out, but looks for so long before it sleeps. */
static int wait_for_replies(const struct generator *self, struct epoll_event *events)
{
	uint64_t until_ns;
	int count;

	if (self->job.spin_ns == 0)
		return epoll_wait(self->epoll, events, EVENTS_MAX, -1);
	until_ns = clock_ns() + self->job.spin_ns;
	do
		count = epoll_wait(self->epoll, events, EVENTS_MAX, 0);
	while (count == 0 && clock_ns() < until_ns);
	return count ? count : epoll_wait(self->epoll, events, EVENTS_MAX, -1);
}

/* From the first message to the reply to the last one. */
static bool play(struct generator *self)
{
	struct epoll_event events[EVENTS_MAX];

	for (uint32_t index = 0; index < self->job.connections; index++)
		if (!ask(self, &self->clients[index], self->job.depth))
			return false;
	while (!over(self)) {
		int count = wait_for_replies(self, events);

		if (count < 0)
			return false;
		for (int index = 0; index < count; index++)
			if (!hear(self, &self->clients[events[index].data.u32]))
				return false;
	}
	return true;
}

static bool tell(struct generator *self, bool whole, int link)
{
	if (!whole)
		self->result.error = errno ? errno : EIO;
	self->result.span_ns = clock_ns() - self->begun_ns;
	return write(link, &self->result, sizeof(self->result)) == sizeof(self->result) && whole;
}

/* Connected once, then as many spans as are ordered. Until the next order it may wait as long as it
 * takes. */
static bool play_spans(struct generator *self, int link)
{
	uint64_t span_ns;
	bool whole = true;

	alarm(0);
	while (whole && read(link, &span_ns, sizeof(span_ns)) == sizeof(span_ns)) {
		alarm(self->job.seconds);
		self->result = (struct load_result){ 0 };
		self->sent = 0;
		self->begun_ns = clock_ns();
		self->until_ns = self->begun_ns + span_ns;
		whole = tell(self, play(self), link);
		alarm(0);
	}
	return whole;
}

/* The kernel frees what the generator opened and allocated when its process ends. */
static _Noreturn void be_generator(const struct load_job *job, int link)
{
	struct generator self = { .job = *job, .until_ns = UINT64_MAX };
	bool whole;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(job->seconds);
	if (self.job.depth == 0)
		self.job.depth = 1;
	self.begun_ns = clock_ns();
	whole = open_clients(&self);
	if (job->messages || !whole)
		whole = tell(&self, whole && play(&self), link);
	else
		whole = play_spans(&self, link);
	_exit(whole ? 0 : 3);
}

int load_start(struct load *load, const struct load_job *job)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -errno;
	load->pid = fork();
	if (load->pid == 0) {
		close(ends[0]);
		be_generator(job, ends[1]);
	}
	close(ends[1]);
	load->link = ends[0];
	if (load->pid < 0) {
		close(ends[0]);
		return -EAGAIN;
	}
	return 0;
}

static int read_result(struct load *load, struct load_result *result)
{
	ssize_t got;

	do
		got = read(load->link, result, sizeof(*result));
	while (got < 0 && errno == EINTR);
	if (got != sizeof(*result))
		return -ETIMEDOUT;	/* its alarm ended it, or something worse did */
	return -result->error;
}

int load_join(struct load *load, struct load_result *result)
{
	int rc = read_result(load, result);

	load_stop(load);
	return rc;
}

int load_span(struct load *load, uint64_t span_ns, struct load_result *result)
{
	if (send(load->link, &span_ns, sizeof(span_ns), MSG_NOSIGNAL) != sizeof(span_ns))
		return -errno;
	return read_result(load, result);
}

/* It has nothing to clear up, and between two spans it would wait for ever. */
void load_stop(struct load *load)
{
	kill(load->pid, SIGKILL);
	waitpid(load->pid, NULL, 0);
	close(load->link);
}
