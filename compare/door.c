/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/door.h"

#include <duet/loop.h>
#include <errno.h>
#include <sys/socket.h>

#include "compare/say.h"

/* Who was told to go has so long to read why. What a machine without descriptors may have again after
 * that time, also where no guest of ours is there to leave: others use them, too. */
static const uint64_t LINGER_NS = 2000000000, PAUSE_NS = 100000000;

static void accept_next(struct door *door)
{
	if (!door->free || duet_op_pending(&door->accept))
		return;
	duet_op_accept(&door->accept, door->listener, 0);
	duet_op_start(door->loop, &door->accept);
}

static void on_pause(struct duet_op *op)
{
	if (!op->result)
		accept_next(op->context);
}

static void wait_for_files(struct door *door)
{
	if (!door->short_of_files)
		say_note("serve: no descriptor left for another connection: more wait until one "
			 "ends; raise the limit (ulimit -n) or lower --connections");
	door->short_of_files = true;
	door->refusals++;
	if (duet_op_pending(&door->pause))
		return;
	duet_op_timeout(&door->pause, duet_loop_now_ns(door->loop) + PAUSE_NS);
	duet_op_start(door->loop, &door->pause);
}

static void on_accept(struct duet_op *op)
{
	struct door *door = op->context;
	struct guest *guest = door->free;

	if (op->result == -EMFILE || op->result == -ENFILE) {
		wait_for_files(door);
		return;
	}
	if (!op->result) {
		door->free = guest->next;
		door->connections++;
		door->inside++;
		if (door->inside > door->peak)
			door->peak = door->inside;
		guest->handle = op->made;
		door->enter(guest);
	}
	accept_next(door);
}

void door_init(struct door *door, struct duet_loop *loop, duet_handle listener, door_fn *enter,
	       door_fn *leave)
{
	*door = (struct door){ .loop = loop, .listener = listener, .enter = enter, .leave = leave };
	duet_op_init(&door->accept, on_accept, door);
	duet_op_init(&door->pause, on_pause, door);
}

void door_add_place(struct door *door, struct guest *guest)
{
	duet_op_init(&guest->op, NULL, guest);
	guest->door = door;
	guest->next = door->free;
	door->free = guest;
}

int door_open(struct door *door)
{
	duet_op_accept(&door->accept, door->listener, 0);
	return duet_op_start(door->loop, &door->accept);
}

/* ---- Out again. ---- */

static void on_close(struct duet_op *op)
{
	struct guest *guest = op->context;
	struct door *door = guest->door;

	door->inside--;
	door->leave(guest);
	guest->next = door->free;
	door->free = guest;
	accept_next(door);
}

void guest_leave(struct guest *guest)
{
	guest->op.done = on_close;
	duet_op_close(&guest->op, guest->handle);
	duet_op_start(guest->door->loop, &guest->op);
}

void guest_start(struct guest *guest, duet_done_fn *done, uint64_t patience_ns)
{
	struct duet_loop *loop = guest->door->loop;

	guest->op.done = done;
	if (patience_ns)
		duet_op_deadline(&guest->op, duet_loop_now_ns(loop) + patience_ns);
	if (duet_op_start(loop, &guest->op))
		guest_leave(guest);
}

static void drain(struct guest *guest);

static void on_drained(struct duet_op *op)
{
	struct guest *guest = op->context;

	if (op->result <= 0)
		guest_leave(guest);
	else
		drain(guest);
}

static void drain(struct guest *guest)
{
	duet_op_recv(&guest->op, guest->handle, guest->room, guest->room_bytes, 0);
	duet_op_deadline(&guest->op, guest->due_ns);
	guest_start(guest, on_drained, 0);
}

static void on_shut(struct duet_op *op)
{
	drain(op->context);
}

/* Closing while bytes still come would be a reset, which may overtake the answer: TCP throws away what
 * the other side hasn't read yet. */
void guest_dismiss(struct guest *guest, void *room, size_t room_bytes)
{
	guest->room = room;
	guest->room_bytes = room_bytes;
	guest->due_ns = duet_loop_now_ns(guest->door->loop) + LINGER_NS;
	duet_op_shutdown(&guest->op, guest->handle, SHUT_WR);
	guest_start(guest, on_shut, 0);
}
