/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/proxy/relay.h"

#include <duet/loop.h>
#include <sys/socket.h>

static void lane_receive(struct lane *lane);
static void lane_send(struct lane *lane);

static struct lane *other_lane(struct lane *lane)
{
	return &lane->relay->lanes[lane == lane->relay->lanes];
}

/* ---- The end. ---- */

void relay_abort(const struct relay *relay, duet_handle handle)
{
	int fd = duet_handle_fd(relay->server->door.loop, handle);
	struct linger at_once = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void on_target_closed(struct duet_op *op)
{
	guest_leave(op->context);
}

static void leave(struct relay *relay)
{
	if (relay->stage != RELAY_WHOLE) {
		relay_abort(relay, relay->target);
		relay_abort(relay, relay->guest.handle);
	}
	duet_op_close(&relay->guest.op, relay->target);
	guest_start(&relay->guest, on_target_closed, 0);
}

static void give_back(struct lane *lane)
{
	if (lane->buffer.data)
		duet_buffer_return(lane->relay->server->door.loop, &lane->buffer);
	lane->buffer.data = NULL;
}

static void lane_end(struct lane *lane)
{
	give_back(lane);
	lane->over = true;
	if (other_lane(lane)->over)
		leave(lane->relay);
}

/* The other lane hears of it by the end of what it is doing. */
static void fail(struct lane *lane, enum relay_stage stage, uint64_t *counter)
{
	struct relay *relay = lane->relay;

	if (relay->stage == RELAY_WHOLE) {
		++*counter;
		relay->due_ns = duet_loop_now_ns(relay->server->door.loop) +
				relay->server->options->patience_ns;
	}
	if (relay->stage < stage)
		relay->stage = stage;
	duet_op_cancel(&other_lane(lane)->op);
	lane_end(lane);
}

/* ---- Time. ---- */

/* Of the relay: a lane may be silent for as long as the other isn't. */
static uint64_t relay_due_ns(const struct relay *relay)
{
	const struct proxy_options *options = relay->server->options;

	if (relay->stage != RELAY_WHOLE)
		return relay->due_ns;
	return options->idle_ns ? relay->moved_ns + options->idle_ns : DUET_NO_DEADLINE;
}

/* What ended without having moved anything was started with a deadline that may have moved on since,
 * or learns that there is another now. A buffer that isn't taken in time is taken away only if no other
 * is free: who waits for one may have nothing to receive, but that can't be told before it has. */
static bool has_time(const struct lane *lane)
{
	const struct relay *relay = lane->relay;
	bool stopped = lane->op.cause == DUET_CAUSE_DEADLINE || lane->op.cause == DUET_CAUSE_CANCEL;

	return stopped && relay->stage != RELAY_BROKEN &&
	       duet_loop_now_ns(relay->server->door.loop) < relay_due_ns(relay) &&
	       !(lane->op.cause == DUET_CAUSE_DEADLINE && lane->buffer.data &&
		 !duet_pool_free_count(relay->server->pool));
}

/* What a lane can't do is over by its time, or because one side is gone. */
static void lane_fail(struct lane *lane, enum relay_stage stage)
{
	struct proxy_server *server = lane->relay->server;

	if (lane->op.cause == DUET_CAUSE_DEADLINE)
		fail(lane, RELAY_BROKEN, &server->late);
	else
		fail(lane, stage, &server->cut);
}

static void lane_start(struct lane *lane, duet_done_fn *done, uint64_t due_ns)
{
	const struct relay *relay = lane->relay;

	lane->op.done = done;
	duet_op_deadline(&lane->op, due_ns);
	if (relay->stage == RELAY_BROKEN || duet_op_start(relay->server->door.loop, &lane->op))
		lane_end(lane);
}

static void count_moved(struct lane *lane, uint32_t bytes)
{
	struct relay *relay = lane->relay;

	relay->moved_ns = duet_loop_now_ns(relay->server->door.loop);
	relay->server->lane_bytes[lane - relay->lanes] += bytes;
}

/* ---- A lane. ---- */

static void on_shut(struct duet_op *op)
{
	lane_end(op->context);
}

static void lane_shut(struct lane *lane)
{
	duet_op_shutdown(&lane->op, lane->to, SHUT_WR);
	lane_start(lane, on_shut, DUET_NO_DEADLINE);
}

static void on_sent(struct duet_op *op)
{
	struct lane *lane = op->context;

	lane->sent_bytes += op->transferred;
	if (op->transferred)
		count_moved(lane, op->transferred);
	else if (!has_time(lane)) {
		lane_fail(lane, RELAY_DRAINING);
		return;
	}
	if (lane->sent_bytes < lane->buffer.length_bytes) {
		lane_send(lane);
	} else {
		give_back(lane);
		lane_receive(lane);
	}
}

/* Any part is a sign of life: so it isn't asked for the whole. */
static void lane_send(struct lane *lane)
{
	const struct proxy_server *server = lane->relay->server;
	uint64_t due_ns = relay_due_ns(lane->relay);
	uint64_t patience_ns = duet_loop_now_ns(server->door.loop) + server->options->patience_ns;

	duet_op_send(&lane->op, lane->to, lane->buffer.data + lane->sent_bytes,
		     lane->buffer.length_bytes - lane->sent_bytes, 0);
	lane_start(lane, on_sent, due_ns < patience_ns ? due_ns : patience_ns);
}

/* An empty pool is no end: the receive waits in line for the next buffer that comes back. */
static void on_received(struct duet_op *op)
{
	struct lane *lane = op->context;

	if (op->more)
		return;
	if (op->transferred) {
		lane->buffer = op->buffer;
		lane->sent_bytes = 0;
		lane->relay->moved_ns = duet_loop_now_ns(lane->relay->server->door.loop);
		lane_send(lane);
	} else if (!op->result) {
		lane_shut(lane);
	} else if (has_time(lane)) {
		lane_receive(lane);
	} else {
		lane_fail(lane, RELAY_BROKEN);
	}
}

static void lane_receive(struct lane *lane)
{
	const struct relay *relay = lane->relay;

	duet_op_recv_pooled(&lane->op, lane->from, relay->server->pool, 0);
	lane_start(lane, on_received, relay_due_ns(relay));
}

void relay_begin(struct relay *relay)
{
	relay->stage = RELAY_WHOLE;
	relay->moved_ns = duet_loop_now_ns(relay->server->door.loop);
	relay->lanes[0].from = relay->lanes[1].to = relay->guest.handle;
	relay->lanes[0].to = relay->lanes[1].from = relay->target;
	for (int i = 0; i < 2; i++)
		relay->lanes[i].over = false;
	for (int i = 0; i < 2; i++)
		lane_receive(&relay->lanes[i]);
}
