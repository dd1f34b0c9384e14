/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "reference/explore/scene.h"

/* What the caller and the world can do. Each move is possible at a moment or not, and is over when it
 * returns; while it is under way nothing may be called back, but in a turn. */

static const char *const verbs[VERB_COUNT] = { "start", "cancel", "cancel", "join", "open", "enter",
	"leave", "fail", "defer", "byte", "return", "clock", "shutdown", "post", "turn", "settle" };

/* Who is who in the text of a sequence. */
static const char scope_names[] = "RST", actor_names[] = "abcd", task_names[] = "tu",
		  step_names[] = "xyz";

static const char *names_of(enum verb verb)
{
	switch (verb) {
	case VERB_START:
	case VERB_CANCEL:
		return actor_names;
	case VERB_STOP:
	case VERB_JOIN:
	case VERB_OPEN:
		return scope_names;
	case VERB_ENTER:
	case VERB_LEAVE:
	case VERB_FAIL:
		return task_names;
	case VERB_DEFER:
		return step_names;
	default:
		return NULL;
	}
}

unsigned move_range(enum verb verb)
{
	const char *names = names_of(verb);

	return names ? (unsigned)strlen(names) : 1;
}

void move_write(struct move move, char text[MOVE_TEXT_BYTES])
{
	const char *names = names_of((enum verb)move.verb);

	strcpy(text, verbs[move.verb]);
	if (names)
		strncat(strcat(text, "."), &names[move.who], 1);
	else if (move.verb == VERB_SETTLE)
		strncat(strcat(text, "."), &"012"[move.who], 1);
}

size_t move_read(const char *text, struct move *move)
{
	size_t length = strcspn(text, " :");

	for (unsigned verb = 0; verb < VERB_COUNT; verb++) {
		unsigned range = verb == VERB_SETTLE ? 3 : move_range((enum verb)verb);

		for (unsigned who = 0; who < range; who++) {
			char name[MOVE_TEXT_BYTES];

			*move = (struct move){ (uint8_t)verb, (uint8_t)who };
			move_write(*move, name);
			if (strlen(name) == length && memcmp(name, text, length) == 0)
				return length;
		}
	}
	return 0;
}

/* ---- Possible? ---- */

/* Open, and not at its end: there "only its steps" come in. */
static bool scope_admits(unsigned index)
{
	const struct scope_book *book = &scene.books.scopes[index];

	return book->opened && !book->told && !watch_is_cleaning(index);
}

static bool actor_is_pending(unsigned index)
{
	return scene.books.actors[index].started && !scene.books.actors[index].ended;
}

static bool scope_may_open(unsigned index)
{
	return index != ROOT && cast->scopes[index].there && !cast->scopes[index].late &&
	       !scene.books.scopes[index].opened &&
	       (cast->scopes[index].alone || scope_admits(cast->scopes[index].parent));
}

static bool member_move_possible(struct move move)
{
	const struct task_book *task = &scene.books.tasks[move.who % TASKS];

	switch (move.verb) {
	case VERB_START:
		return cast->actors[move.who].acting && !actor_is_pending(move.who) &&
		       scene.books.actors[move.who].starts < 1 + cast->again &&
		       scope_admits(cast->actors[move.who].scope);
	case VERB_CANCEL:
		return actor_is_pending(move.who);
	case VERB_ENTER:
		return cast->tasks[move.who].there && !task->entered &&
		       scope_admits(cast->tasks[move.who].scope);
	case VERB_LEAVE:
	case VERB_FAIL:
		return task->inside;
	default:
		return false;
	}
}

static bool scope_move_possible(struct move move)
{
	const struct scope_book *book = &scene.books.scopes[move.who % SCOPES];

	switch (move.verb) {
	case VERB_STOP:
		return book->opened && !book->told;
	case VERB_JOIN:
		return book->opened && !book->joining;
	case VERB_OPEN:
		return scope_may_open(move.who);
	case VERB_DEFER:
		book = &scene.books.scopes[cast->steps[move.who].scope];
		return cast->steps[move.who].stepping && book->opened && !book->told &&
		       !scene.books.steps[move.who].place;
	default:
		return member_move_possible(move);
	}
}

/* When something comes by itself: a timer, or the time to ask again. */
static uint64_t next_time_ns(void)
{
	const struct duet_loop *loop = scene.loop;
	uint64_t next_ns = core_timers_next_ns(&loop->timers);

	return loop->owed.first && loop->owed_ns < next_ns ? loop->owed_ns : next_ns;
}

bool move_possible(struct move move)
{
	uint64_t next_ns;

	switch (move.verb) {
	case VERB_BYTE:
		return scene.books.sent < cast->bytes;
	case VERB_RETURN:
		return scene.books.held;
	case VERB_CLOCK:
		next_ns = next_time_ns();
		return next_ns != UINT64_MAX && next_ns > scene_world()->now_ns;
	case VERB_SHUTDOWN:
		return cast->shutdown && !scene.books.shutdown;
	case VERB_POST:
		return cast->post && !scene.books.posted && !scene.books.scopes[ROOT].told;
	case VERB_TURN:
		return true;
	default:
		return scope_move_possible(move);
	}
}

/* ---- Made. ---- */

static void prepare_actor(struct actor *actor, unsigned index)
{
	struct duet_op *op = &actor->op;
	uint64_t due_ns = (1 + (uint64_t)cast->actors[index].due) * 1000000000u;

	duet_op_init(op, watch_done, actor);
	switch (cast->actors[index].acting) {
	case ACTING_RECV:
		duet_op_recv(op, scene.stream, actor->data, 1, 0);
		break;
	case ACTING_WHOLE:
		duet_op_recv(op, scene.stream, actor->data, 2, DUET_WHOLE);
		break;
	case ACTING_ITEMS:
		duet_op_recv_pooled(op, scene.stream, scene.pool, DUET_MULTISHOT);
		break;
	case ACTING_RELEASE:
		duet_op_send_zero_copy(op, scene.stream, actor->data, 1, 0);
		break;
	case ACTING_SHUT:
		duet_op_shutdown(op, scene.stream, SHUT_WR);
		break;
	case ACTING_TIMEOUT:
		duet_op_timeout(op, due_ns);
		return;
	default:
		duet_op_nop(op);
	}
	if (cast->actors[index].due)
		duet_op_deadline(op, due_ns);
}

static void prepare_step(struct actor *actor, unsigned index)
{
	struct duet_op *op = &actor->op;

	duet_op_init(op, watch_done, actor);
	switch (cast->steps[index].stepping) {
	case STEPPING_STUCK:
		duet_op_recv(op, scene.stream, actor->data, 1, 0);
		break;
	case STEPPING_CLOSE:
		duet_op_close(op, scene.stream);
		break;
	case STEPPING_INLINE:
		duet_op_close(op, scene.stream);
		duet_op_inline(op);
		break;
	default:
		duet_op_nop(op);
	}
}

int scene_start_actor(unsigned index, unsigned scope)
{
	struct actor *actor = &scene.actors[index];
	struct actor_book *book = &scene.books.actors[index];
	int answer;

	if (index < ACTORS)
		prepare_actor(actor, index);
	else
		prepare_step(actor, index - ACTORS);
	*book = (struct actor_book){ .starts = (uint8_t)(book->starts + 1), .started = 1 };
	book->sheltered = watch_is_cleaning(scope);
	scene.books.inside++;
	answer = duet_scope_start(&scene.scopes[scope], &actor->member, &actor->op);
	scene.books.inside--;
	if (answer)
		book->ended = 1;
	return answer;
}

int scene_open_scope(unsigned index)
{
	struct scope_book *book = &scene.books.scopes[index];
	unsigned parent = cast->scopes[index].parent;
	struct duet_scope_options options;
	int error;

	duet_scope_options_init(&options);
	options.policy = cast->scopes[index].policy;
	options.shield = cast->scopes[index].shield;
	options.first = options.policy == DUET_FIRST ? watch_first : NULL;
	if (cast->scopes[index].deadline)
		options.deadline_ns = (1 + (uint64_t)cast->scopes[index].deadline) * 1000000000u;
	book->sheltered = options.shield ||
			  (cast_has_parent(cast, index) && (scene.books.scopes[parent].sheltered ||
						    watch_is_cleaning(parent)));
	scene.books.inside++;
	error = duet_scope_open(&scene.scopes[index], scene.loop,
		cast_has_parent(cast, index) ? &scene.scopes[parent] : NULL, &options);
	scene.books.inside--;
	book->opened = !error;
	return error;
}

void scene_join_scope(unsigned index)
{
	int error;

	scene.books.scopes[index].joining = 1;
	scene.books.inside++;
	error = duet_scope_join(&scene.scopes[index], watch_joined);
	scene.books.inside--;
	if (error)
		violate("join of scope %c is refused: %s", scope_names[index], duet_error_name(error));
}

static void stop_scope(unsigned index)
{
	int check = duet_scope_check(&scene.scopes[index]);

	scene.books.inside++;
	duet_scope_cancel(&scene.scopes[index]);
	scene.books.inside--;
	if (check == 0 && !watch_is_cleaning(index))
		scene.books.scopes[index].cancelled = 1;
}

static void cancel_actor(unsigned index)
{
	scene.books.actors[index].cancelled = 1;
	scene.books.inside++;
	duet_op_cancel(&scene.actors[index].op);
	scene.books.inside--;
}

static bool uses_stream(unsigned actor)
{
	uint8_t acting = cast->actors[actor].acting;

	return acting != ACTING_NOP && acting != ACTING_TIMEOUT;
}

/* What the answer of a start must be. */
static int expect_start(unsigned index)
{
	unsigned scope = cast->actors[index].scope;
	int check = duet_scope_check(&scene.scopes[scope]);

	if (check)
		return check;
	if (scene.books.shutdown && !scene.books.scopes[scope].sheltered)
		return -ESHUTDOWN;
	if (watch_is_closing() && uses_stream(index))
		return -EBADF;
	return scene.loop->pending + scene.loop->kept == scene.loop->operations_max ? -ENOBUFS : 0;
}

static void start_actor(unsigned index)
{
	int expected = expect_start(index);
	int answer = scene_start_actor(index, cast->actors[index].scope);

	if (answer != expected)
		violate("the start of %c answers %d, and not %d", actor_names[index], answer,
			expected);
}

static void enter_task(unsigned index)
{
	unsigned scope = cast->tasks[index].scope;
	int error;

	scene.books.tasks[index].entered = 1;
	scene.books.inside++;
	error = duet_scope_enter(&scene.scopes[scope], &scene.tasks[index], watch_ask);
	scene.books.inside--;
	scene.books.tasks[index].inside = !error;
}

static void leave_task(unsigned index, bool failed)
{
	struct scope_book *book = &scene.books.scopes[cast->tasks[index].scope];

	scene.books.tasks[index].inside = 0;
	if (failed)
		book->failed++;
	else
		book->completed++;
	scene.books.inside++;
	duet_member_leave(&scene.tasks[index], failed ? -EPROTO : 0);
	scene.books.inside--;
}

static void defer_step(unsigned index)
{
	struct step *step = &scene.steps[index];
	int error;

	step->cleanup.run = watch_run;
	step->index = (uint8_t)index;
	scene.books.steps[index].place = ++scene.books.steps_placed;
	scene.books.inside++;
	error = duet_scope_defer(&scene.scopes[cast->steps[index].scope], &step->cleanup);
	scene.books.inside--;
	if (error)
		violate("defer of %c is refused: %s", step_names[index], duet_error_name(error));
}

static void send_byte(void)
{
	struct reference *world = scene_world();
	const struct iovec piece = { .iov_base = "x", .iov_len = 1 };

	/* Once the stream is closed it goes to nobody. */
	if (world->nodes[scene.near_end].kind == NODE_FREE ||
	    world_send(world, &world->nodes[scene.far_end], &piece, 1) == 1)
		scene.books.sent++;
	world->idle = false;
}

static void return_buffer(void)
{
	scene.books.held--;
	scene.books.inside++;
	if (duet_buffer_return(scene.loop, &scene.buffer))
		violate("the buffer is held, and can't be returned");
	scene.books.inside--;
}

static void post_cancel(void)
{
	scene.books.posted = 1;
	duet_scope_post_cancel(&scene.scopes[ROOT], &scene.request);
}

static void turn(void)
{
	int error = duet_loop_turn(scene.loop, 0);

	if (error < 0)
		violate("a turn failed: %s", duet_error_name(error));
}

/* With no time given it is the request, and one turn. */
static void shut_down(void)
{
	scene.books.shutdown = 1;
	duet_loop_shutdown(scene.loop, 0);
}

void move_make(struct move move)
{
	switch (move.verb) {
	case VERB_START:
		start_actor(move.who);
		break;
	case VERB_CANCEL:
		cancel_actor(move.who);
		break;
	case VERB_STOP:
		stop_scope(move.who);
		break;
	case VERB_JOIN:
		scene_join_scope(move.who);
		break;
	case VERB_OPEN:
		scene_open_scope(move.who);
		break;
	case VERB_ENTER:
		enter_task(move.who);
		break;
	case VERB_LEAVE:
	case VERB_FAIL:
		leave_task(move.who, move.verb == VERB_FAIL);
		break;
	case VERB_DEFER:
		defer_step(move.who);
		break;
	case VERB_BYTE:
		send_byte();
		break;
	case VERB_RETURN:
		return_buffer();
		break;
	case VERB_CLOCK:
		scene_world()->now_ns = next_time_ns();
		break;
	case VERB_SHUTDOWN:
		shut_down();
		break;
	case VERB_POST:
		post_cancel();
		break;
	case VERB_SETTLE:
		scene_settle();
		break;
	default:
		turn();
	}
}
