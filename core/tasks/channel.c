/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/channel.h>
#include <errno.h>
#include <string.h>

#include "core/lifecycle.h"
#include "core/waits.h"

int duet_channel_init(struct duet_channel *channel, struct duet_loop *loop, void *memory,
		      uint32_t capacity, size_t element_bytes)
{
	if (!element_bytes || !memory != !capacity || capacity > SIZE_MAX / element_bytes)
		return -EINVAL;
	*channel = (struct duet_channel){
		.capacity = capacity, .element_bytes = element_bytes, .memory = memory};
	core_waiters_init(&channel->waiters, loop);
	return 0;
}

int duet_channel_fini(struct duet_channel *channel)
{
	return core_waiters_fini(&channel->waiters, "channel");
}

/* The first in line, if it is of this kind: there are never both in it. */
static struct duet_op *first(const struct duet_channel *channel, enum duet_kind kind)
{
	struct duet_op *op = channel->waiters.first;

	return op && op->kind == kind ? op : NULL;
}

static unsigned char *place(const struct duet_channel *channel, uint32_t number)
{
	uint64_t index = (uint64_t)channel->head + number;

	if (index >= channel->capacity)
		index -= channel->capacity;
	return channel->memory + index * channel->element_bytes;
}

static void append(struct duet_channel *channel, const void *element)
{
	memcpy(place(channel, channel->count), element, channel->element_bytes);
	channel->count++;
}

/* ---- Send. ---- */

static int try_send(struct duet_channel *channel, const void *element)
{
	struct duet_op *receiver = first(channel, DUET_CHANNEL_RECV);

	if (channel->closed)
		return -EPIPE;
	if (receiver) {
		memcpy(receiver->args.wait.with, element, channel->element_bytes);
		core_wait_end(receiver, 1);
		return 0;
	}
	if (channel->count == channel->capacity)
		return -EAGAIN;
	append(channel, element);
	return 0;
}

int duet_channel_try_send(struct duet_channel *channel, const void *element)
{
	core_check_owner(channel->waiters.loop);
	return try_send(channel, element);
}

static int attempt_send(struct duet_op *op)
{
	return try_send(op->args.wait.on, op->args.wait.with);
}

const struct core_wait core_wait_channel_send = {
	.noun = "channel", .attempt = attempt_send, .lends = true, .crosses = true};

void duet_op_channel_send(struct duet_op *op, struct duet_channel *channel, const void *element)
{
	if (core_prepare_wait(op, DUET_CHANNEL_SEND, channel))
		op->args.wait.with = (void *)(uintptr_t)element;
}

/* ---- Receive. ---- */

static int try_recv(struct duet_channel *channel, void *element)
{
	struct duet_op *sender = first(channel, DUET_CHANNEL_SEND);

	if (channel->count) {
		memcpy(element, place(channel, 0), channel->element_bytes);
		channel->head = channel->head + 1 == channel->capacity ? 0 : channel->head + 1;
		channel->count--;
		if (sender)
			append(channel, sender->args.wait.with);
	} else if (sender) {
		memcpy(element, sender->args.wait.with, channel->element_bytes);
	} else {
		return channel->closed ? 0 : -EAGAIN;
	}
	if (sender)
		core_wait_end(sender, 0);
	return 1;
}

int duet_channel_try_recv(struct duet_channel *channel, void *element)
{
	core_check_owner(channel->waiters.loop);
	return try_recv(channel, element);
}

static int attempt_recv(struct duet_op *op)
{
	return try_recv(op->args.wait.on, op->args.wait.with);
}

const struct core_wait core_wait_channel_recv = {
	.noun = "channel", .attempt = attempt_recv, .lends = true, .crosses = true};

void duet_op_channel_recv(struct duet_op *op, struct duet_channel *channel, void *element)
{
	if (core_prepare_wait(op, DUET_CHANNEL_RECV, channel))
		op->args.wait.with = element;
}

/* ---- Close. ---- */

/* Who is in line to receive found nothing inside. */
static void close_now(struct duet_channel *channel)
{
	channel->closed = 1;
	core_wait_end_all(&channel->waiters, first(channel, DUET_CHANNEL_SEND) ? -EPIPE : 0);
}

void duet_channel_close(struct duet_channel *channel)
{
	core_check_owner(channel->waiters.loop);
	close_now(channel);
}

static int attempt_close(struct duet_op *op)
{
	close_now(op->args.wait.on);
	return 0;
}

const struct core_wait core_wait_channel_close = {
	.noun = "channel", .attempt = attempt_close, .crosses = true};

void duet_op_channel_close(struct duet_op *op, struct duet_channel *channel)
{
	core_prepare_wait(op, DUET_CHANNEL_CLOSE, channel);
}
