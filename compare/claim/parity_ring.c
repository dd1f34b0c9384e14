/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/*
 * The workloads as a ring is spoken to that is nobody else's: registered files, which are looked up
 * in a table of the ring's own; registered memory; connections that are never descriptors. The
 * library has no such dialect in a header, so that this is by hand.
 */
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>

#include "compare/claim/parity_scene.h"

/* Places and buffers are powers of two, and more than a batch has. */
enum { ENTRIES = 256, BUFFERS = 64, BUFFER_BYTES = 1024, GROUP = 0, FILES = 64 };

enum { TAG_RECEIVE = 1, TAG_SEND, TAG_ACCEPT, TAG_CLOSE, TAG_READ, TAG_CANCEL };

struct raw {
	struct parity_scene *scene;
	struct io_uring ring;
	bool made;
	struct io_uring_buf_ring *shelf; /* shared with the kernel */
	unsigned char *buffers;
	uint32_t ended; /* of the batch */
	uint64_t calls;
	bool wrong;
};

/* ---- The ring. ---- */

static int begin(struct parity_scene *scene, const struct mechanism *mechanism, void **self)
{
	struct raw *raw = calloc(1, sizeof(*raw));
	struct io_uring_params params = { .flags = IORING_SETUP_SINGLE_ISSUER |
						   IORING_SETUP_DEFER_TASKRUN };
	int error;

	*self = raw;
	if (!raw)
		return -ENOMEM;
	raw->scene = scene;
	if (mechanism->tuning && !strcmp(mechanism->tuning, "mode=plain"))
		params.flags = 0;
	error = io_uring_queue_init_params(ENTRIES, &raw->ring, &params);
	raw->made = !error;
	return error;
}

static void end(void *self)
{
	struct raw *raw = self;

	if (raw->made)
		io_uring_queue_exit(&raw->ring);
	free(raw->shelf);
	free(raw->buffers);
	free(raw);
}

static uint64_t calls(const void *self)
{
	return ((const struct raw *)self)->calls;
}

static struct io_uring_sqe *entry(struct raw *raw)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&raw->ring);

	if (!sqe) {
		io_uring_submit(&raw->ring);
		raw->calls++;
		sqe = io_uring_get_sqe(&raw->ring);
	}
	return sqe;
}

static void tag(struct io_uring_sqe *sqe, uint64_t kind, uint32_t index, uint32_t buffer)
{
	sqe->user_data = kind << 56 | (uint64_t)buffer << 32 | index;
}

static bool turn(struct raw *raw, void (*handle)(struct raw *raw, struct io_uring_cqe *cqe))
{
	struct io_uring_cqe *cqe;
	unsigned head, count = 0;
	int status;

	do
		status = io_uring_submit_and_wait(&raw->ring, 1);
	while (status == -EINTR);
	raw->calls++;
	io_uring_for_each_cqe(&raw->ring, head, cqe) {
		handle(raw, cqe);
		count++;
	}
	io_uring_cq_advance(&raw->ring, count);
	return status >= 0 && !raw->wrong;
}

static bool turn_until_ended(struct raw *raw,
			     void (*handle)(struct raw *raw, struct io_uring_cqe *cqe))
{
	while (raw->ended < raw->scene->count) {
		if (!turn(raw, handle))
			return false;
	}
	return true;
}

/* ---- Echo: a multishot receive out of a ring of buffers, the reply sent from where it lies.
 * ---- */

static void receive(struct raw *raw, uint32_t index)
{
	struct io_uring_sqe *sqe = entry(raw);

	io_uring_prep_recv_multishot(sqe, (int)index, NULL, 0, 0);
	sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	tag(sqe, TAG_RECEIVE, index, 0);
}

static void shelve(struct raw *raw, uint32_t buffer)
{
	io_uring_buf_ring_add(raw->shelf, raw->buffers + (size_t)buffer * BUFFER_BYTES,
			      BUFFER_BYTES, (unsigned short)buffer, io_uring_buf_ring_mask(BUFFERS),
			      0);
	io_uring_buf_ring_advance(raw->shelf, 1);
}

static void reply(struct raw *raw, uint32_t index, const struct io_uring_cqe *cqe)
{
	const uint32_t buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	struct io_uring_sqe *sqe = entry(raw);

	io_uring_prep_send(sqe, (int)index, raw->buffers + (size_t)buffer * BUFFER_BYTES,
			   (size_t)cqe->res, MSG_NOSIGNAL);
	sqe->flags |= IOSQE_FIXED_FILE;
	tag(sqe, TAG_SEND, index, buffer);
}

static void handle_echo(struct raw *raw, struct io_uring_cqe *cqe)
{
	const uint32_t index = (uint32_t)cqe->user_data;

	if (cqe->user_data >> 56 == TAG_SEND) {
		raw->wrong |= cqe->res != PARITY_MESSAGE;
		shelve(raw, (uint32_t)(cqe->user_data >> 32) & 0xffffff);
		raw->ended++;
		return;
	}
	raw->wrong |= cqe->res <= 0 && cqe->res != -ENOBUFS;
	if (cqe->res > 0)
		reply(raw, index, cqe);
	if (!(cqe->flags & IORING_CQE_F_MORE) && !raw->wrong)
		receive(raw, index);
}

static int provide_buffers(struct raw *raw)
{
	struct io_uring_buf_reg group = { .ring_entries = BUFFERS, .bgid = GROUP };
	size_t bytes = BUFFERS * sizeof(struct io_uring_buf);
	int error;

	raw->buffers = malloc((size_t)BUFFERS * BUFFER_BYTES);
	raw->shelf = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
	if (!raw->buffers || !raw->shelf)
		return -ENOMEM;
	group.ring_addr = (uint64_t)(uintptr_t)raw->shelf;
	io_uring_buf_ring_init(raw->shelf);
	error = io_uring_register_buf_ring(&raw->ring, &group, 0);
	for (uint32_t i = 0; i < BUFFERS && !error; i++)
		shelve(raw, i);
	return error;
}

static int begin_echo(struct parity_scene *scene, const struct mechanism *mechanism, void **self)
{
	int error = begin(scene, mechanism, self);
	struct raw *raw = *self;

	if (!error)
		error = io_uring_register_files(&raw->ring, scene->ends, scene->count);
	if (!error)
		error = provide_buffers(raw);
	for (uint32_t i = 0; i < scene->count && !error; i++)
		receive(raw, i);
	return error;
}

static bool act_echo(void *self)
{
	struct raw *raw = self;

	raw->ended = 0;
	return turn_until_ended(raw, handle_echo);
}

/* ---- File: reads into registered memory. ---- */

static void handle_read(struct raw *raw, struct io_uring_cqe *cqe)
{
	raw->wrong |= cqe->res != PARITY_BLOCK;
	raw->ended++;
}

static bool act_file(void *self)
{
	struct raw *raw = self;
	const struct parity_scene *scene = raw->scene;

	raw->ended = 0;
	for (uint32_t i = 0; i < scene->count; i++) {
		struct io_uring_sqe *sqe = entry(raw);

		io_uring_prep_read_fixed(sqe, 0, scene->memory + (size_t)i * PARITY_BLOCK,
					 PARITY_BLOCK, scene->offsets[i], 0);
		sqe->flags |= IOSQE_FIXED_FILE;
		tag(sqe, TAG_READ, i, 0);
	}
	return turn_until_ended(raw, handle_read);
}

static int begin_file(struct parity_scene *scene, const struct mechanism *mechanism, void **self)
{
	int error = begin(scene, mechanism, self);
	struct raw *raw = *self;
	const struct iovec memory = { scene->memory, (size_t)scene->count * PARITY_BLOCK };

	if (!error)
		error = io_uring_register_files(&raw->ring, &scene->file, 1);
	return error ? error : io_uring_register_buffers(&raw->ring, &memory, 1);
}

/* ---- Churn: connections in the ring's own table. ---- */

static void accept_all(struct raw *raw)
{
	struct io_uring_sqe *sqe = entry(raw);

	io_uring_prep_multishot_accept_direct(sqe, raw->scene->listener, NULL, NULL, 0);
	tag(sqe, TAG_ACCEPT, 0, 0);
}

static void handle_churn(struct raw *raw, struct io_uring_cqe *cqe)
{
	struct io_uring_sqe *sqe;

	raw->wrong |= cqe->res < 0;
	if (cqe->user_data >> 56 == TAG_CLOSE) {
		raw->ended++;
		return;
	}
	if (cqe->res >= 0) {
		sqe = entry(raw);
		io_uring_prep_close_direct(sqe, (unsigned)cqe->res);
		tag(sqe, TAG_CLOSE, 0, 0);
	}
	if (!(cqe->flags & IORING_CQE_F_MORE) && !raw->wrong)
		accept_all(raw);
}

static int begin_churn(struct parity_scene *scene, const struct mechanism *mechanism, void **self)
{
	int error = begin(scene, mechanism, self);
	struct raw *raw = *self;

	if (!error)
		error = io_uring_register_files_sparse(&raw->ring, FILES);
	if (!error)
		accept_all(raw);
	return error;
}

static bool act_churn(void *self)
{
	struct raw *raw = self;

	raw->ended = 0;
	return turn_until_ended(raw, handle_churn);
}

/* ---- Cancel: a receive each on a registered file, asked for by its name; only its own end is told. ---- */

static void handle_cancel(struct raw *raw, struct io_uring_cqe *cqe)
{
	raw->wrong |= cqe->user_data >> 56 != TAG_RECEIVE || cqe->res != -ECANCELED;
	raw->ended++;
}

static bool hand_over(struct raw *raw)
{
	raw->calls++;
	return io_uring_submit_and_get_events(&raw->ring) >= 0;
}

static bool act_cancel(void *self)
{
	struct raw *raw = self;
	struct parity_scene *scene = raw->scene;

	raw->ended = 0;
	for (uint32_t i = 0; i < scene->count; i++) {
		struct io_uring_sqe *sqe = entry(raw);

		io_uring_prep_recv(sqe, (int)i, raw->buffers + (size_t)i * PARITY_MESSAGE,
				   PARITY_MESSAGE, 0);
		sqe->flags |= IOSQE_FIXED_FILE;
		tag(sqe, TAG_RECEIVE, i, 0);
	}
	raw->wrong |= !hand_over(raw);
	for (uint32_t i = 0; i < scene->count; i++) {
		struct io_uring_sqe *sqe = entry(raw);

		io_uring_prep_cancel64(sqe, (uint64_t)TAG_RECEIVE << 56 | i, 0);
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
		tag(sqe, TAG_CANCEL, i, 0);
	}
	raw->wrong |= !turn_until_ended(raw, handle_cancel);
	scene->given_up = raw->ended;
	return !raw->wrong;
}

static int begin_cancel(struct parity_scene *scene, const struct mechanism *mechanism, void **self)
{
	int error = begin(scene, mechanism, self);
	struct raw *raw = *self;

	if (!error)
		error = io_uring_register_files(&raw->ring, scene->ends, scene->count);
	if (error)
		return error;
	raw->buffers = malloc((size_t)scene->count * PARITY_MESSAGE);
	return raw->buffers ? 0 : -ENOMEM;
}

const struct parity_player PARITY_RING[PARITY_WORKLOADS] = {
	[PARITY_ECHO] = { begin_echo, act_echo, calls, end },
	[PARITY_FILE] = { begin_file, act_file, calls, end },
	[PARITY_CHURN] = { begin_churn, act_churn, calls, end },
	[PARITY_CANCEL] = { begin_cancel, act_cancel, calls, end },
};
