/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The door of a service: it lets in as many guests as there are places, and no more; who comes beyond
 * waits outside, in the backlog. What each service says to its guests is its own. */
#ifndef COMPARE_DOOR_H
#define COMPARE_DOOR_H

#include <duet/handle.h>
#include <duet/operation.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct door;

/* A connection, or a place for one: the first member of the service's own. Its one operation does one
 * thing after the other. */
struct guest {
	struct duet_op op;
	duet_handle handle;
	struct door *door;
	struct guest *next; /* while the place is free */
	uint64_t due_ns;    /* of who was told to go */
	void *room;         /* where what still comes from him is thrown */
	size_t room_bytes;
};

typedef void door_fn(struct guest *guest);

struct door {
	struct duet_loop *loop;
	duet_handle listener;
	door_fn *enter, *leave; /* told of who came, and of whose connection is closed */
	struct guest *free;
	struct duet_op accept, pause;
	bool short_of_files; /* has been said */

	uint64_t connections, inside, peak;
	uint64_t refusals; /* by the machine: an accept found no descriptor left */
};

void door_init(struct door *door, struct duet_loop *loop, duet_handle listener, door_fn *enter,
	       door_fn *leave);

/* One place more, before the door is opened. */
void door_add_place(struct door *door, struct guest *guest);

/* 0 or a negative errno. */
int door_open(struct door *door);

/* Starts what the guest's operation was told to do, with so much time from now; 0: without a bound.
 * What can't begin, as when all ends, has no use for its connection. */
void guest_start(struct guest *guest, duet_done_fn *done, uint64_t patience_ns);

/* The connection is closed at once. */
void guest_leave(struct guest *guest);

/* The connection is closed when the other side has read what it was sent, or a while later. room is
 * lent until then: what still comes goes there, unread. */
void guest_dismiss(struct guest *guest, void *room, size_t room_bytes);

#endif
