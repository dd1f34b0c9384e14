/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * One multishot accept, one multishot receive a connection out of a buffer ring, the reply sent out
 * of the buffer that the kernel filled, one io_uring_enter a turn. The ring has a single issuer and
 * defers task work to that enter (Linux 6.1), the flags without which a ring loses 11 to 23 % here.
 */
#include "floor_uring.h"

#include <errno.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUEUE_ENTRIES = 1024, COMPLETIONS_MIN = 4096, GROUP = 0 };

enum kind { KIND_ACCEPT = 1, KIND_RECEIVE, KIND_SEND };

/* Index of nothing, in the buffer and descriptor lists below. */
#define NONE UINT32_MAX

/* A buffer is the kernel's until a receive names it, then ours until its reply is sent. */
struct buffer {
	uint32_t offset;
	uint32_t len;
	uint32_t next;		/* later arrival on the same connection */
};

struct connection {
	uint32_t first;		/* buffer being sent; the rest of the list waits, one send in flight */
	uint32_t last;
	uint32_t next_starved;	/* descriptor of the next one that found no buffer */
	bool open;
	bool receiving;		/* a multishot receive is armed */
	bool ended;		/* the peer is done or dead: close when nothing is in flight */
};

struct floor_uring {
	struct echo_tally tally;
	struct io_uring ring;
	bool ring_made;
	int listener;
	uint32_t descriptors_max;
	uint32_t buffer_count;
	uint32_t buffer_bytes;
	struct io_uring_buf_ring *shelf;	/* shared with the kernel, page aligned */
	size_t shelf_bytes;
	int shelved;				/* buffers put back this turn, not yet published */
	char *memory;
	size_t memory_bytes;
	struct buffer *buffers;
	struct connection *connections;		/* by descriptor number */
	uint32_t starved_first;
	uint32_t starved_last;
	bool crowd;				/* the trap of give_back(), on purpose */
};

static char *buffer_bytes_at(const struct floor_uring *self, uint32_t id)
{
	return self->memory + (size_t)id * self->buffer_bytes;
}

static struct io_uring_sqe *entry(struct floor_uring *self, enum kind kind, int fd, uint32_t id)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	if (!sqe) {
		self->tally.calls++;
		self->tally.waits++;
		io_uring_submit(&self->ring);
		sqe = io_uring_get_sqe(&self->ring);
	}
	if (!sqe)
		abort();	/* a submit empties the queue: nothing else fills it */
	sqe->user_data = (uint64_t)kind << 56 | (uint64_t)(id & 0xffffff) << 32 | (uint32_t)fd;
	return sqe;
}

/* The prep helpers of liburing 2.3 leave user_data alone. */
static void arm_receive(struct floor_uring *self, int fd)
{
	struct io_uring_sqe *sqe = entry(self, KIND_RECEIVE, fd, 0);

	io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	self->connections[fd].receiving = true;
}

static void arm_accept(struct floor_uring *self)
{
	struct io_uring_sqe *sqe = entry(self, KIND_ACCEPT, self->listener, 0);

	io_uring_prep_multishot_accept(sqe, self->listener, NULL, NULL, SOCK_CLOEXEC);
}

static void arm_send(struct floor_uring *self, int fd)
{
	uint32_t id = self->connections[fd].first;
	struct buffer *buffer = &self->buffers[id];
	struct io_uring_sqe *sqe = entry(self, KIND_SEND, fd, id);

	io_uring_prep_send(sqe, fd, buffer_bytes_at(self, id) + buffer->offset, buffer->len,
			   MSG_NOSIGNAL | MSG_WAITALL);
}

static void shelve(struct floor_uring *self, uint32_t id)
{
	io_uring_buf_ring_add(self->shelf, buffer_bytes_at(self, id), self->buffer_bytes,
			      (unsigned short)id,
			      io_uring_buf_ring_mask(self->buffer_count), self->shelved++);
}

/* One receive is armed again for each buffer that came back: arming all of them would send the
 * whole crowd after one buffer, turn after turn. */
static void give_back(struct floor_uring *self, uint32_t id)
{
	shelve(self, id);
	do {
		uint32_t fd = self->starved_first;

		if (fd == NONE)
			return;
		self->starved_first = self->connections[fd].next_starved;
		arm_receive(self, (int)fd);
	} while (self->crowd);
}

static void starve(struct floor_uring *self, int fd)
{
	self->connections[fd].next_starved = NONE;
	if (self->starved_first == NONE)
		self->starved_first = (uint32_t)fd;
	else
		self->connections[self->starved_last].next_starved = (uint32_t)fd;
	self->starved_last = (uint32_t)fd;
}

static void close_if_idle(struct floor_uring *self, int fd)
{
	struct connection *connection = &self->connections[fd];

	if (!connection->ended || connection->receiving || connection->first != NONE)
		return;
	connection->open = false;
	self->tally.calls++;
	self->tally.closed++;
	close(fd);
}

static int adopt(void *arg, int fd)
{
	struct floor_uring *self = arg;

	if (fd < 0 || (uint32_t)fd >= self->descriptors_max)
		return -EMFILE;
	self->connections[fd] = (struct connection){ .first = NONE, .last = NONE, .open = true };
	self->tally.accepted++;
	arm_receive(self, fd);
	return 0;
}

static void on_accept(struct floor_uring *self, const struct io_uring_cqe *cqe)
{
	if (cqe->res >= 0 && adopt(self, cqe->res) < 0)
		close(cqe->res);
	if (!(cqe->flags & IORING_CQE_F_MORE))
		arm_accept(self);
}

static void queue_reply(struct floor_uring *self, int fd, uint32_t id, uint32_t len)
{
	struct connection *connection = &self->connections[fd];

	self->buffers[id] = (struct buffer){ .len = len, .next = NONE };
	if (connection->first == NONE) {
		connection->first = id;
		connection->last = id;
		arm_send(self, fd);
	} else {
		self->buffers[connection->last].next = id;
		connection->last = id;
	}
}

static void on_receive(struct floor_uring *self, int fd, const struct io_uring_cqe *cqe)
{
	struct connection *connection = &self->connections[fd];

	connection->receiving = cqe->flags & IORING_CQE_F_MORE;
	if (cqe->res > 0)
		queue_reply(self, fd, cqe->flags >> IORING_CQE_BUFFER_SHIFT, (uint32_t)cqe->res);
	if (connection->receiving)
		return;
	if (cqe->res > 0)
		arm_receive(self, fd);
	else if (cqe->res == -ENOBUFS)
		starve(self, fd);
	else
		connection->ended = true;
	close_if_idle(self, fd);
}

static void drop_replies(struct floor_uring *self, struct connection *connection)
{
	while (connection->first != NONE) {
		uint32_t id = connection->first;

		connection->first = self->buffers[id].next;
		give_back(self, id);
	}
}

static void on_send(struct floor_uring *self, int fd, uint32_t id, int result)
{
	struct connection *connection = &self->connections[fd];
	struct buffer *buffer = &self->buffers[id];

	if (result <= 0) {
		/* The receive ends too, with what a shut-down socket gives. */
		self->tally.calls++;
		shutdown(fd, SHUT_RDWR);
		drop_replies(self, connection);
		connection->ended = true;
		close_if_idle(self, fd);
		return;
	}
	self->tally.bytes += (uint64_t)result;
	buffer->offset += (uint32_t)result;
	buffer->len -= (uint32_t)result;
	if (buffer->len == 0) {
		connection->first = buffer->next;
		give_back(self, id);
	}
	if (connection->first != NONE)
		arm_send(self, fd);
	else if (connection->ended)
		close_if_idle(self, fd);
}

static void dispatch(struct floor_uring *self, const struct io_uring_cqe *cqe)
{
	int fd = (int)(uint32_t)cqe->user_data;

	switch ((enum kind)(cqe->user_data >> 56)) {
	case KIND_ACCEPT:
		on_accept(self, cqe);
		break;
	case KIND_RECEIVE:
		on_receive(self, fd, cqe);
		break;
	case KIND_SEND:
		on_send(self, fd, cqe->user_data >> 32 & 0xffffff, cqe->res);
		break;
	}
}

static int turn(void *arg)
{
	struct floor_uring *self = arg;
	struct io_uring_cqe *cqe;
	unsigned int head;
	unsigned int count = 0;
	int rc = io_uring_submit_and_wait(&self->ring, 1);

	self->tally.calls++;
	self->tally.waits++;
	if (rc < 0)
		return rc == -EINTR ? 0 : rc;
	io_uring_for_each_cqe(&self->ring, head, cqe) {
		dispatch(self, cqe);
		count++;
	}
	io_uring_cq_advance(&self->ring, count);
	if (self->shelved > 0) {
		io_uring_buf_ring_advance(self->shelf, self->shelved);
		self->shelved = 0;
	}
	return 0;
}

static int serve(void *arg, int listener)
{
	struct floor_uring *self = arg;

	self->listener = listener;
	arm_accept(self);
	return 0;
}

static void *map(size_t len)
{
	void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int make_ring(struct floor_uring *self, uint32_t connections_max)
{
	uint32_t completions = connections_max * 2;
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
		.cq_entries = completions < COMPLETIONS_MIN ? COMPLETIONS_MIN : completions,
	};
	int rc = io_uring_queue_init_params(QUEUE_ENTRIES, &self->ring, &params);

	if (rc < 0)
		return rc;
	self->ring_made = true;
	rc = io_uring_register_ring_fd(&self->ring);
	return rc < 0 ? rc : 0;
}

/* liburing 2.3 has no helper that maps the ring too: it only registers memory of the caller's. */
static int make_shelf(struct floor_uring *self)
{
	struct io_uring_buf_reg reg = { .ring_entries = self->buffer_count, .bgid = GROUP };
	int rc;

	self->shelf_bytes = self->buffer_count * sizeof(struct io_uring_buf);
	self->memory_bytes = (size_t)self->buffer_count * self->buffer_bytes;
	self->shelf = map(self->shelf_bytes);
	self->memory = map(self->memory_bytes);
	if (!self->shelf || !self->memory)
		return -ENOMEM;
	reg.ring_addr = (uintptr_t)self->shelf;
	rc = io_uring_register_buf_ring(&self->ring, &reg, 0);
	if (rc < 0)
		return rc;
	io_uring_buf_ring_init(self->shelf);
	for (uint32_t id = 0; id < self->buffer_count; id++)
		shelve(self, id);
	io_uring_buf_ring_advance(self->shelf, self->shelved);
	self->shelved = 0;
	return 0;
}

static void destroy(void *arg)
{
	struct floor_uring *self = arg;

	if (self->ring_made)
		io_uring_queue_exit(&self->ring);
	for (uint32_t fd = 0; self->connections && fd < self->descriptors_max; fd++)
		if (self->connections[fd].open)
			close((int)fd);
	if (self->shelf)
		munmap(self->shelf, self->shelf_bytes);
	if (self->memory)
		munmap(self->memory, self->memory_bytes);
	free(self->buffers);
	free(self->connections);
	free(self);
}

static void *create(const struct echo_shape *shape)
{
	struct floor_uring *self = calloc(1, sizeof(*self));
	int rc = -ENOMEM;

	if (!self)
		return NULL;
	self->listener = -1;
	self->descriptors_max = shape->descriptors_max;
	self->buffer_count = shape->buffer_count;
	self->buffer_bytes = shape->buffer_bytes;
	self->starved_first = NONE;
	self->buffers = calloc(shape->buffer_count, sizeof(*self->buffers));
	self->connections = calloc(shape->descriptors_max, sizeof(*self->connections));
	if (self->buffers && self->connections)
		rc = make_ring(self, shape->connections_max);
	if (rc == 0)
		rc = make_shelf(self);
	if (rc < 0) {
		destroy(self);
		errno = -rc;
		return NULL;
	}
	return self;
}

static void *create_crowd(const struct echo_shape *shape)
{
	struct floor_uring *self = create(shape);

	if (self)
		self->crowd = true;
	return self;
}

static const struct echo_tally *tally(void *arg)
{
	struct floor_uring *self = arg;

	return &self->tally;
}

const struct echo_engine floor_uring_engine = {
	.name = "floor-uring",
	.create = create,
	.serve = serve,
	.adopt = adopt,
	.turn = turn,
	.tally = tally,
	.destroy = destroy,
};

const struct echo_engine floor_uring_crowd_engine = {
	.name = "floor-uring-crowd",
	.create = create_crowd,
	.serve = serve,
	.adopt = adopt,
	.turn = turn,
	.tally = tally,
	.destroy = destroy,
};
