/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include <duet/loop.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "compare/proxy/relay.h"
#include "compare/say.h"

static void try_next(struct relay *relay);

/* A part of a message waits for nothing: whoever sent it knew why. */
static void hurry(const struct relay *relay, duet_handle handle)
{
	int fd = duet_handle_fd(relay->server->door.loop, handle), yes = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

static void refuse(struct relay *relay)
{
	relay->server->refused++;
	relay_abort(relay, relay->guest.handle);
	guest_leave(&relay->guest);
}

/* ---- The next address. ---- */

static void on_closed(struct duet_op *op)
{
	try_next(op->context);
}

static void on_connected(struct duet_op *op)
{
	struct relay *relay = op->context;

	if (op->result) {
		duet_op_close(&relay->guest.op, relay->target);
		guest_start(&relay->guest, on_closed, 0);
		return;
	}
	relay->server->target.first = relay->address;
	hurry(relay, relay->target);
	hurry(relay, relay->guest.handle);
	relay_begin(relay);
}

static void say_short(struct proxy_server *server)
{
	if (!server->short_of_files)
		say_note("serve: no descriptor left for a connection to the target: such clients "
			 "are refused; raise the limit (ulimit -n) or lower --connections");
	server->short_of_files = true;
}

static void on_socket(struct duet_op *op)
{
	struct relay *relay = op->context;
	const struct target *target = &relay->server->target;
	const struct target_address *address = &target->addresses[relay->address];

	if (op->result) {
		if (op->result == -EMFILE || op->result == -ENFILE) {
			say_short(relay->server);
			refuse(relay);
		} else { /* as of a family that this machine doesn't have */
			try_next(relay);
		}
		return;
	}
	relay->target = op->made;
	duet_op_connect(&relay->guest.op, relay->target,
			(const struct sockaddr *)&address->storage, address->length);
	duet_op_deadline(&relay->guest.op, relay->due_ns);
	guest_start(&relay->guest, on_connected, 0);
}

static void try_next(struct relay *relay)
{
	struct target *target = &relay->server->target;

	if (relay->tried >= target->count ||
	    duet_loop_now_ns(target->loop) >= relay->due_ns) {
		target_ask_again(target);
		refuse(relay);
		return;
	}
	relay->address = (target->first + relay->tried++) % target->count;
	duet_op_socket(&relay->guest.op, target->addresses[relay->address].storage.ss_family,
		       SOCK_STREAM, 0);
	guest_start(&relay->guest, on_socket, 0);
}

void relay_reach(struct relay *relay)
{
	const struct proxy_server *server = relay->server;

	relay->tried = 0;
	relay->due_ns = duet_loop_now_ns(server->door.loop) + server->options->patience_ns;
	try_next(relay);
}
