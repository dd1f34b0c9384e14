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

enum { EVENTS_MAX = 256, SOURCES = 250 };

struct client {
	int fd;
	uint32_t got;		/* bytes of the reply so far */
	uint64_t message;	/* number of the message under way */
};

struct generator {
	struct load_job job;
	struct load_result result;
	uint64_t sent;
	int epoll;
	struct client *clients;
	unsigned char *bytes;
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

static unsigned char byte_of(uint64_t message, uint32_t index)
{
	return (unsigned char)(message * 131 + index * 7 + (message >> 8));
}

static bool ask(struct generator *self, struct client *client)
{
	if (self->sent == self->job.messages)
		return true;
	client->message = self->sent++;
	client->got = 0;
	for (uint32_t index = 0; index < self->job.size_bytes; index++)
		self->bytes[index] = byte_of(client->message, index);
	return send(client->fd, self->bytes, self->job.size_bytes, MSG_NOSIGNAL) ==
	       (ssize_t)self->job.size_bytes;
}

/* A server that has answered everything may leave while other replies are still unread. */
static bool hang_up(struct generator *self, struct client *client)
{
	if (client->got < self->job.size_bytes) {
		errno = ECONNRESET;
		return false;
	}
	return epoll_ctl(self->epoll, EPOLL_CTL_DEL, client->fd, NULL) == 0;
}

static bool hear(struct generator *self, struct client *client)
{
	uint32_t want = client->got < self->job.size_bytes ? self->job.size_bytes - client->got : 1;
	ssize_t got = recv(client->fd, self->bytes, want, MSG_DONTWAIT);

	if (got < 0)
		return errno == EAGAIN;
	if (got == 0)
		return hang_up(self, client);
	for (ssize_t index = 0; index < got; index++)
		if (self->bytes[index] != byte_of(client->message, client->got + (uint32_t)index))
			self->result.wrong_bytes++;
	client->got += (uint32_t)got;
	if (client->got < self->job.size_bytes)
		return true;
	self->result.messages++;
	return ask(self, client);
}

static bool open_clients(struct generator *self)
{
	for (uint32_t index = 0; index < self->job.connections; index++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = index };
		int fd = load_connect(self->job.port, index);

		if (fd < 0) {
			errno = -fd;
			return false;
		}
		self->clients[index].fd = fd;
		if (epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event))
			return false;
	}
	for (uint32_t index = 0; index < self->job.connections; index++)
		if (!ask(self, &self->clients[index]))
			return false;
	return true;
}

static bool generate(struct generator *self)
{
	struct epoll_event events[EVENTS_MAX];

	self->epoll = epoll_create1(EPOLL_CLOEXEC);
	self->clients = calloc(self->job.connections, sizeof(*self->clients));
	self->bytes = malloc(self->job.size_bytes);
	if (self->epoll < 0 || !self->clients || !self->bytes || !open_clients(self))
		return false;
	while (self->result.messages < self->job.messages) {
		int count = epoll_wait(self->epoll, events, EVENTS_MAX, -1);

		if (count < 0)
			return false;
		for (int index = 0; index < count; index++)
			if (!hear(self, &self->clients[events[index].data.u32]))
				return false;
	}
	return true;
}

/* The kernel frees what the generator opened and allocated when its process ends. */
static _Noreturn void be_generator(const struct load_job *job, int out)
{
	struct generator self = { .job = *job };
	bool whole;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(job->seconds);
	if (!generate(&self))
		self.result.error = errno;
	whole = write(out, &self.result, sizeof(self.result)) == sizeof(self.result);
	_exit(whole ? 0 : 3);
}

int load_start(struct load *load, const struct load_job *job)
{
	int ends[2];

	if (pipe(ends))
		return -errno;
	load->pid = fork();
	if (load->pid == 0)
		be_generator(job, ends[1]);
	close(ends[1]);
	load->pipe = ends[0];
	if (load->pid < 0) {
		close(ends[0]);
		return -EAGAIN;
	}
	return 0;
}

int load_join(struct load *load, struct load_result *result)
{
	ssize_t got;

	do
		got = read(load->pipe, result, sizeof(*result));
	while (got < 0 && errno == EINTR);
	close(load->pipe);
	waitpid(load->pid, NULL, 0);
	if (got != sizeof(*result))
		return -ETIMEDOUT;	/* its alarm ended it, or something worse did */
	return -result->error;
}
