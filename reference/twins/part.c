/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/file.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "reference/twins/player.h"

uint64_t hash_bytes(const unsigned char *data, size_t bytes)
{
	uint64_t hash = HASH_BEGIN;

	for (size_t i = 0; i < bytes; i++)
		hash = hash_byte(hash, data[i]);
	return hash;
}

/* ---- What is seen. ---- */

static bool brings_handle(const struct duet_op *op)
{
	return (op->kind == DUET_ACCEPT || op->kind == DUET_OPEN || op->kind == DUET_SOCKET) &&
	       op->disposition == DUET_COMPLETED && op->made.generation;
}

static void see_handle(struct player *player, const struct duet_op *op, struct event *event)
{
	if (!brings_handle(op))
		return;
	event->made = true;
	if (player->made_count < PLAYER_MADE)
		player->made[player->made_count++] = op->made;
}

/* From here on the player holds it. */
static void see_buffer(const struct part *part, struct event *event)
{
	struct player *player = part->player;
	const struct duet_buffer *buffer = &part->op->buffer;
	unsigned pool = part->step->pool;

	event->pool = (uint16_t)pool;
	event->index = buffer->index;
	if (player->held_count[pool] < PLAYER_HELD)
		player->held[pool][player->held_count[pool]++] = *buffer;
}

/* What came after a cancel had freed the memory that it was to be copied to. */
static bool is_handed_over(const struct part *part)
{
	return part->step->memory == MEMORY_THROUGH && part->op->buffer.regime != DUET_REGIME_COPIED;
}

/* Given back whatever came, as what it was: any other is none of the player's, and not in the trace. */
static void see_given(const struct part *part, struct event *event)
{
	const struct duet_buffer *buffer = &part->op->buffer;

	if (part->step->memory == MEMORY_GIVEN && !part->op->more &&
	    buffer->regime == part->buffer.regime && buffer->data == part->buffer.data)
		see_buffer(part, event);
}

static void see_bytes(struct part *part, struct event *event)
{
	const struct duet_op *op = part->op;

	see_given(part, event);
	if (!kind_receives(op->kind) && op->kind != DUET_READ)
		return;
	if (!(op->flags & DUET_POOLED) && !is_handed_over(part)) {
		/* Where there is no memory any more nothing was received: the judge misses the hash. */
		event->hash = op->transferred && part->bytes
				      ? hash_bytes(part->bytes, op->transferred)
				      : 0;
		return;
	}
	if (!op->transferred)
		return;
	event->hash = hash_bytes(op->buffer.data, op->buffer.length_bytes);
	see_buffer(part, event);
}

/* One of the runtime's own goes back, and is never looked at again. */
static void part_over(struct part *part)
{
	part->started = false;
	if (part->op != &part->own)
		duet_op_return(part->op);
	part->op = NULL;
}

static struct event *see_completion(struct part *part)
{
	struct player *player = part->player;
	struct duet_op *op = part->op;
	bool told = op->more && op->kind == DUET_SEND_ZERO_COPY;
	struct event *event = trace_add(player->trace, told       ? EVENT_RESULT
						       : op->more ? EVENT_ITEM
								  : EVENT_END);

	event->id = part->id;
	event->result = op->result;
	event->moved = op->transferred;
	see_handle(player, op, event);
	see_bytes(part, event);
	if (op->more && !told)
		return event;
	event->disposition = op->disposition;
	event->cause = op->cause;
	event->at_ns = duet_loop_now_ns(player->loop);
	part->told = told;
	if (told)
		return event;
	if (op->kind == DUET_CLOSE)
		stage_prop(player, part->step->object)->live = false;
	part_over(part);
	return event;
}

static void part_done(struct duet_op *op)
{
	struct part *part = op->context;
	bool more = op->more;

	see_completion(part);
	if (!more && !part->player->over)
		play_after(part->player, part->id);
}

/* ---- What is done. ---- */

static void lend_data(struct part *part)
{
	const struct step *step = part->step;

	part->bytes = step->memory == MEMORY_OWNED   ? duet_op_buffer(part->op)
		      : step->memory == MEMORY_GIVEN ? part->buffer.data
						     : NULL;
	if (!part->bytes)
		part->bytes = part->data = malloc(step->length_bytes ? step->length_bytes : 1);
	if (!part->bytes)
		abort();
	memset(part->bytes, 0xa5, step->length_bytes);
	for (uint32_t i = 0; i < step->length_bytes && kind_sends(step->kind); i++)
		part->bytes[i] = pattern_sent(step->id, i);
	for (uint32_t i = 0; i < step->length_bytes && step->kind == DUET_WRITE; i++)
		part->bytes[i] = pattern_file(step->object.index, step->offset_bytes + i);
}

/* By a buffer: one of a pool's, or the player's memory copied through one. */
static void say_buffer(struct player *player, struct part *part, duet_handle handle)
{
	const struct step *step = part->step;
	unsigned flags = step->flags & DUET_WHOLE;

	if (step->memory == MEMORY_THROUGH)
		part->buffer = duet_buffer_copied(part->bytes, step->length_bytes,
			player->pools[step->pool]);
	part->buffer.length_bytes = step->length_bytes;
	if (step->kind == DUET_RECV)
		duet_op_recv_buffer(part->op, handle, part->buffer, flags);
	else if (step->kind == DUET_SEND)
		duet_op_send_buffer(part->op, handle, part->buffer, flags);
	else if (step->kind == DUET_READ)
		duet_op_read_buffer(part->op, handle, part->buffer, step->offset_bytes);
	else
		duet_op_write_buffer(part->op, handle, part->buffer, step->offset_bytes);
}

/* All but the last of them are equally long. */
static void say_pieces(struct part *part, duet_handle handle)
{
	const struct step *step = part->step;
	uint32_t each = step->length_bytes / step->pieces;
	struct iovec vectors[DUET_OP_IOVECS];

	for (unsigned i = 0; i < step->pieces; i++) {
		vectors[i].iov_base = part->bytes + i * each;
		vectors[i].iov_len = each;
	}
	vectors[step->pieces - 1].iov_len += step->length_bytes % step->pieces;
	if (step->kind == DUET_READ)
		duet_op_read_vector(part->op, handle, vectors, step->pieces, step->offset_bytes);
	else if (step->kind == DUET_WRITE)
		duet_op_write_vector(part->op, handle, vectors, step->pieces, step->offset_bytes);
	else if (step->kind == DUET_SEND_ZERO_COPY)
		duet_op_send_zero_copy_vector(part->op, handle, vectors, step->pieces,
			step->flags & DUET_WHOLE);
	else
		duet_op_send_vector(part->op, handle, vectors, step->pieces,
			step->flags & DUET_WHOLE);
}

static void say_transfer(struct player *player, struct part *part, duet_handle handle)
{
	const struct step *step = part->step;
	struct duet_op *op = part->op;

	if (step->flags & DUET_POOLED) {
		duet_op_recv_pooled(op, handle, player->pools[step->pool],
			step->flags & DUET_MULTISHOT);
		return;
	}
	lend_data(part);
	if (script_takes_buffer(step))
		say_buffer(player, part, handle);
	else if (step->pieces)
		say_pieces(part, handle);
	else if (step->kind == DUET_RECV)
		duet_op_recv(op, handle, part->bytes, step->length_bytes, step->flags & DUET_WHOLE);
	else if (step->kind == DUET_SEND)
		duet_op_send(op, handle, part->bytes, step->length_bytes, step->flags & DUET_WHOLE);
	else if (step->kind == DUET_RECVMSG)
		duet_op_recvfrom(op, handle, part->bytes, step->length_bytes, &part->header);
	else if (step->kind == DUET_SENDMSG)
		duet_op_sendto(op, handle, part->bytes, step->length_bytes, &part->header);
	else if (step->kind == DUET_SEND_ZERO_COPY)
		duet_op_send_zero_copy(op, handle, part->bytes, step->length_bytes,
			step->flags & DUET_WHOLE);
	else if (step->kind == DUET_READ)
		duet_op_read(op, handle, part->bytes, step->length_bytes, step->offset_bytes);
	else
		duet_op_write(op, handle, part->bytes, step->length_bytes, step->offset_bytes);
}

static void say_connect(struct player *player, struct part *part, duet_handle handle)
{
	const struct step *step = part->step;
	const struct place *place = &player->deaf_places[player->script->dialers[step->object.index]];

	if (step->target.kind == OBJECT_LISTENER)
		place = &player->listener_places[step->target.index];
	duet_op_connect(part->op, handle, &place->any, place->length);
}

static void say_open(struct player *player, struct part *part)
{
	bool there = part->step->object.kind == OBJECT_FILE;
	const char *path = there ? player->paths[part->step->object.index] : player->nowhere;

	/* The path is lent as any other memory is. */
	if (part->step->memory)
		path = strcpy(duet_op_buffer(part->op), path);

	duet_op_open(part->op, AT_FDCWD, path, O_RDONLY, 0);
}

/* The path of an object, as lent as any other memory is: the how-many-th of its operation. */
static const char *path_of(struct player *player, struct part *part, struct object object,
			   unsigned place)
{
	const char *path = object.kind == OBJECT_FILE ? player->paths[object.index]
						      : player->names[object.index];

	if (!part->step->memory)
		return path;
	return strcpy((char *)duet_op_buffer(part->op) + place * PLAYER_PATH_BYTES, path);
}

static void say_statx(struct player *player, struct part *part)
{
	struct statx *into = duet_op_buffer(part->op);

	if (!part->step->memory)
		part->data = (void *)(into = malloc(sizeof(*into)));
	if (!into)
		abort();
	duet_op_statx(part->op, AT_FDCWD, path_of(player, part, part->step->object, 4), 0,
		STATX_BASIC_STATS, into);
}

static void say_two_names(struct player *player, struct part *part)
{
	const char *one = path_of(player, part, part->step->object, 0);
	const char *other = path_of(player, part, part->step->target, 1);

	if (part->step->kind == DUET_RENAME)
		duet_op_rename(part->op, AT_FDCWD, one, AT_FDCWD, other, 0);
	else if (part->step->kind == DUET_LINK)
		duet_op_link(part->op, AT_FDCWD, one, AT_FDCWD, other, 0);
	else
		duet_op_symlink(part->op, other, AT_FDCWD, one);
}

static void say_name(struct player *player, struct part *part)
{
	const struct step *step = part->step;

	switch (step->kind) {
	case DUET_STATX:
		say_statx(player, part);
		break;
	case DUET_MKDIR:
		duet_op_mkdir(part->op, AT_FDCWD, path_of(player, part, step->object, 0), 0700);
		break;
	case DUET_UNLINK:
		duet_op_unlink(part->op, AT_FDCWD, path_of(player, part, step->object, 0),
			step->value ? AT_REMOVEDIR : 0);
		break;
	default:
		say_two_names(player, part);
		break;
	}
}

/* Neither changes what is within the size that the file was made with. */
static void say_size(struct player *player, struct part *part, duet_handle handle)
{
	uint32_t bytes = player->script->file_bytes[part->step->object.index];

	if (part->step->kind == DUET_TRUNCATE)
		duet_op_truncate(part->op, handle, bytes);
	else
		duet_op_allocate(part->op, handle, FALLOC_FL_KEEP_SIZE, 0, bytes);
}

static void say_poll(struct part *part, duet_handle handle)
{
	if (part->step->flags & DUET_MULTISHOT)
		duet_op_poll_multishot(part->op, handle, part->step->value);
	else
		duet_op_poll(part->op, handle, part->step->value);
}

static void say_bind(struct player *player, struct part *part, duet_handle handle)
{
	struct place place;

	place_anywhere(player->script->dialers[part->step->object.index], &place);
	duet_op_bind(part->op, handle, &place.any, place.length);
}

static void say(struct player *player, struct part *part)
{
	const struct step *step = part->step;
	struct prop *prop = stage_prop(player, step->object);
	duet_handle handle = prop ? prop->handle : DUET_HANDLE_NONE;

	switch (step->kind) {
	case DUET_NOP:
		duet_op_nop(part->op);
		break;
	case DUET_TIMEOUT:
		duet_op_timeout(part->op, part->due_ns);
		break;
	case DUET_POLL:
		say_poll(part, handle);
		break;
	case DUET_ACCEPT:
		duet_op_accept(part->op, handle, step->flags & DUET_MULTISHOT);
		break;
	case DUET_CONNECT:
		say_connect(player, part, handle);
		break;
	case DUET_OPEN:
		say_open(player, part);
		break;
	case DUET_FSYNC:
		duet_op_fsync(part->op, handle, step->flags & DUET_DATA_ONLY);
		break;
	case DUET_SHUTDOWN:
		duet_op_shutdown(part->op, handle, SHUT_WR);
		break;
	case DUET_CLOSE:
		duet_op_close(part->op, handle);
		break;
	case DUET_SOCKET:
		duet_op_socket(part->op, step->value == FAMILY_TCP ? AF_INET : AF_UNIX,
			SOCK_STREAM, 0);
		break;
	case DUET_BIND:
		say_bind(player, part, handle);
		break;
	case DUET_LISTEN:
		duet_op_listen(part->op, handle, 4);
		break;
	case DUET_RECV:
	case DUET_SEND:
	case DUET_SEND_ZERO_COPY:
	case DUET_RECVMSG:
	case DUET_SENDMSG:
	case DUET_READ:
	case DUET_WRITE:
		say_transfer(player, part, handle);
		break;
	case DUET_TRUNCATE:
	case DUET_ALLOCATE:
		say_size(player, part, handle);
		break;
	default:
		say_name(player, part);
		break;
	}
}

static void part_say(struct player *player, struct part *part)
{
	const struct step *step = part->step;
	uint64_t now_ns = duet_loop_now_ns(player->loop);

	if (step->kind == DUET_TIMEOUT)
		part->due_ns = now_ns + step->value * 1000ull;
	else if (step->deadline_us != SCRIPT_NO_DEADLINE)
		part->due_ns = now_ns + step->deadline_us * 1000ull;
	say(player, part);
	if (step->memory == MEMORY_COPIED)
		duet_op_copy_through(part->op);
	if (step->deadline_us != SCRIPT_NO_DEADLINE && step->kind != DUET_TIMEOUT)
		duet_op_deadline(part->op, part->due_ns);
	if (step->flags & DUET_INLINE)
		duet_op_inline(part->op);
}

/* There are as many of the runtime's own as a script has operations. */
static void part_init(struct player *player, struct part *part, const struct step *step)
{
	part->player = player;
	part->step = step;
	part->id = step->id;
	part->op = &part->own;
	duet_op_init(&part->own, part_done, part);
	if (step->memory && duet_op_take(player->loop, part_done, part, &part->op))
		abort();
}

static int hand_over(struct player *player, struct part *part)
{
	if (!part->step->scope)
		return duet_op_start(player->loop, part->op);
	return duet_scope_start(&player->acts[part->step->scope - 1].scope, &part->member,
		part->op);
}

/* What is copied when it starts is the player's again as soon as it has. */
static void free_copied(struct part *part)
{
	if (part->step->memory != MEMORY_THROUGH)
		return;
	free(part->data);
	part->data = part->bytes = NULL;
}

static struct event *see_start(struct part *part, int error)
{
	struct player *player = part->player;
	struct event *event = trace_add(player->trace, error < 0 ? EVENT_REFUSE : EVENT_START);

	event->id = part->id;
	event->at_ns = duet_loop_now_ns(player->loop);
	event->result = error < 0 ? error : 0;
	if (error >= 0 && part->step->memory == MEMORY_GIVEN) {
		event->pool = part->step->pool;
		event->index = part->buffer.index;
	}
	return event;
}

/* What was taken for it is nobody's. */
static void part_refused(struct part *part, bool taken)
{
	if (taken)
		duet_buffer_return(part->player->loop, &part->buffer);
	part_over(part);
}

void part_start(struct player *player, const struct step *step)
{
	struct part *part = &player->parts[step->id];
	bool given = step->memory == MEMORY_GIVEN;
	int error = 0;

	part_init(player, part, step);
	if (given)
		error = duet_buffer_take(player->pools[step->pool], &part->buffer);
	given = given && !error;
	if (!error) {
		part_say(player, part);
		error = hand_over(player, part);
	}
	see_start(part, error)->due_ns = error < 0 ? 0 : part->due_ns;
	if (error < 0) {
		part_refused(part, given);
		return;
	}
	part->started = error == 0;
	if (error > 0)
		see_completion(part)->at_once = true;
	else if (step->kind == DUET_CLOSE)
		stage_prop(player, step->object)->closing = true;
	if (kind_sends(step->kind) || step->kind == DUET_WRITE)
		free_copied(part);
}

bool part_pending(const struct part *part)
{
	return part->started && duet_op_pending(part->op);
}

void part_cancel(struct player *player, uint16_t id)
{
	struct part *part = &player->parts[id];
	struct event *event;

	if (!part_pending(part))
		return;
	part->asked = true;
	event = trace_add(player->trace, EVENT_CANCEL);
	event->id = id;
	event->at_ns = duet_loop_now_ns(player->loop);
	duet_op_cancel(part->op);
	free_copied(part);
}

/* What was copied through is the player's again at once: it is freed while the runtime goes on. */
void part_abandon(struct player *player, uint16_t id)
{
	struct part *part = &player->parts[id];
	struct event *event;

	if (!part_pending(part))
		return;
	event = trace_add(player->trace, EVENT_ABANDON);
	event->id = id;
	event->at_ns = duet_loop_now_ns(player->loop);
	event->result = duet_op_abandon(part->op);
	if (event->result)
		return;
	part->started = false;
	part->op = NULL;
	free(part->data);
	part->data = NULL;
}

static void return_buffer(struct player *player, unsigned pool, const struct duet_buffer *buffer)
{
	struct event *event = trace_add(player->trace, EVENT_RETURN);

	event->pool = (uint16_t)pool;
	event->index = buffer->index;
	event->result = duet_buffer_return(player->loop, buffer);
}

/* Where misuse is refused. A debug build stops at it instead. */
#ifdef DUET_DEBUG
#define MISUSE_IS_REFUSED false
#else
#define MISUSE_IS_REFUSED true
#endif

void parts_return(struct player *player, unsigned pool, uint32_t count, bool twice)
{
	while (count-- && player->held_count[pool]) {
		struct duet_buffer buffer = player->held[pool][0];
		uint32_t left = --player->held_count[pool];

		memmove(player->held[pool], player->held[pool] + 1, left * sizeof(buffer));
		return_buffer(player, pool, &buffer);
		if (twice && MISUSE_IS_REFUSED)
			return_buffer(player, pool, &buffer);
	}
}

/* ---- Waiting. ---- */

/* Sends and connects in front of it: a shutdown waits for them, and they for a reader. */
static bool writes_in_front(const struct player *player, const struct part *part)
{
	for (unsigned i = 0; i < SCRIPT_IDS; i++) {
		const struct part *other = &player->parts[i];

		if (part_pending(other) && object_same(other->step->object, part->step->object) &&
		    (kind_sends(other->step->kind) || other->step->kind == DUET_CONNECT))
			return true;
	}
	return false;
}

/* Will it end without anybody's doing? */
static bool part_busy(struct player *player, const struct part *part)
{
	struct prop *prop;

	if (!part_pending(part))
		return false;
	prop = stage_prop(player, part->step->object);
	if (part->asked || part->told || (prop && prop->closing) || act_asked(player, part->step->scope) ||
	    (part->due_ns && part->due_ns <= duet_loop_now_ns(player->loop) + PLAYER_SOON_NS))
		return true;
	switch (part->step->kind) {
	case DUET_NOP:
	case DUET_OPEN:
	case DUET_READ:
	case DUET_WRITE:
	case DUET_FSYNC:
	case DUET_CLOSE:
	case DUET_SOCKET:
	case DUET_BIND:
	case DUET_LISTEN:
	case DUET_STATX:
	case DUET_MKDIR:
	case DUET_UNLINK:
	case DUET_RENAME:
	case DUET_LINK:
	case DUET_SYMLINK:
	case DUET_TRUNCATE:
	case DUET_ALLOCATE:
		return true;
	case DUET_SHUTDOWN:
		return !writes_in_front(player, part);
	default:
		return false;
	}
}

/* More than the parts and a place for each scope: what was abandoned has not ended. */
static bool leftovers_busy(struct player *player)
{
	uint32_t known = acts_open(player);

	for (unsigned i = 0; i < SCRIPT_IDS; i++)
		known += part_pending(&player->parts[i]);
	return duet_loop_pending(player->loop) > known;
}

/* The first if nobody in particular is. */
static const struct part *first_busy(struct player *player)
{
	if (leftovers_busy(player) || acts_busy(player))
		return &player->parts[0];
	for (unsigned i = 0; i < SCRIPT_IDS; i++) {
		if (part_busy(player, &player->parts[i]))
			return &player->parts[i];
	}
	return NULL;
}

static void part_stuck(struct player *player, const struct part *part)
{
	player->stuck = true;
	trace_add(player->trace, EVENT_STUCK)->id = part->id;
}

/* As many turns without a completion mean that nothing more is coming. */
#define QUIET_TURNS 3

void parts_settle(struct player *player)
{
	unsigned quiet = 0;
	const struct part *busy;

	for (unsigned i = 0; quiet < QUIET_TURNS; i++) {
		int moved = duet_loop_turn(player->loop, 0);

		quiet = moved ? 0 : quiet + 1;
		busy = quiet == QUIET_TURNS ? first_busy(player) : NULL;
		if (busy && i > PLAYER_PATIENCE) {
			part_stuck(player, busy);
			return;
		}
		if (busy) {
			duet_loop_turn(player->loop, 1000000);
			quiet = 0;
		}
	}
}

void parts_end(struct player *player)
{
	acts_end(player);
	for (uint16_t i = 0; i < SCRIPT_IDS && !player->stuck; i++) {
		if (!part_pending(&player->parts[i]) ||
		    player->parts[i].step->kind == DUET_CLOSE)
			continue;
		part_cancel(player, i);
		/* The next of its line begins now, and may have had an effect. */
		if (player->script->calm)
			parts_settle(player);
	}
	if (!player->stuck)
		parts_settle(player);
	for (unsigned i = 0; i < SCRIPT_POOLS; i++)
		parts_return(player, i, PLAYER_HELD, false);
}
