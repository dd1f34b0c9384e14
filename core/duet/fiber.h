/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_FIBER_H
#define DUET_FIBER_H

#include <duet/api.h>
#include <duet/future.h>
#include <duet/operation.h>
#include <duet/scheduler.h>
#include <duet/scope.h>
#include <duet/site.h>
#include <duet/stack.h>
#include <duet/task.h>
#include <duet/waker.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Fibers, or green threads: tasks with a stack of their own, in which straight-line C waits wherever it
 * is, however deep the calls.
 *
 *	static int greet(struct duet_loop *loop, void *argument)
 *	{
 *		duet_handle peer = *(duet_handle *)argument;
 *		char text[16];
 *		int n = duet_fiber_recv(loop, peer, text, sizeof(text), 0);
 *
 *		if (n > 0)
 *			n = duet_fiber_send(loop, peer, text, (size_t)n, DUET_WHOLE);
 *		duet_fiber_close(loop, peer);
 *		return n;
 *	}
 *
 * A function has no colour: it is given the loop, and doesn't know whether it runs in a fiber. In one,
 * a wait suspends the fiber; outside of any, in main() say, it takes turns of the loop until it is over,
 * as a call that blocks; the very same function can be called both ways. In a callback, or in the step
 * of a task of another model, neither is possible: there it is -EDEADLK, and debug builds stop.
 *
 * Which fiber runs is known to the loop. That is how it is found, and why each call is given the loop: a
 * variable of the thread would be state that hangs off no loop, couldn't tell which of a thread's loops
 * is meant, and wouldn't say outside of a fiber whose turns are to be taken.
 *
 * What a fiber waits for, its stack has: operations, buffers and scopes may be variables of its
 * functions. Floating-point control words and errno are the fiber's own across a wait, and what
 * else is the thread's is not: the signal mask, thread-local variables, locks. Each wait is told its
 * place in the source, for who looks for what holds the loop: see <duet/scheduler.h>. Not for C++ exceptions
 * that leave the function of the fiber; inside of it they are the compiler's.
 */
struct duet_fiber;
struct duet_stack;

typedef int duet_fiber_fn(struct duet_loop *loop, void *argument);

/* The caller's memory, lent from a spawn that returned 0 to task.ended(). */
struct duet_fiber {
	/* Its name, ended() and deadline are the caller's to set between init and spawn; its result is
	 * what fn returned. */
	struct duet_task task;

	/* Its own. */
	duet_fiber_fn *fn;
	void *argument;
	void *context; /* where it goes on; while it runs, where the loop does */
	struct duet_stack *stack;
};

/* Before each spawn. */
DUET_API void duet_fiber_init(struct duet_fiber *fiber, duet_fiber_fn *fn, void *argument);

/*
 * Spawns it with a stack of the pool: fn is called in a turn, never from inside this call. 0; -ENOBUFS (no
 * stack is left); -EBUSY (not idle); the errors of duet_task_spawn(). On an error nothing is lent.
 */
#define duet_fiber_spawn(scheduler, scope, stacks, fiber)                                          \
	duet_fiber_spawn_at(DUET_HERE, scheduler, scope, stacks, fiber)
DUET_API int duet_fiber_spawn_at(const struct duet_site *site, struct duet_scheduler *scheduler,
				 struct duet_scope *scope, struct duet_stacks *stacks,
				 struct duet_fiber *fiber);

/* The fiber that runs on this loop, and so calls; NULL outside of one. */
DUET_API struct duet_fiber *duet_fiber_self(const struct duet_loop *loop);

/* ---- Waits. Each is a macro that adds its place to the function of its name with _at. ---- */

/*
 * Starts op and waits for its end: its result, or the refusal, as duet_task_await() gives it. A request
 * to end the fiber asks op to end, and what became of op is what is returned; every further wait fails
 * at its entry with -ECANCELED or -ETIMEDOUT, and its op is untouched, but in a shield. op must be idle
 * and initialised; done and context of it are the fiber's. What op is a member of may be no
 * scope of the fiber's own: the wait is the fiber's, and ends with it.
 */
#define duet_fiber_await(loop, op) duet_fiber_await_at(DUET_HERE, loop, op)
DUET_API int duet_fiber_await_at(const struct duet_site *site, struct duet_loop *loop,
				 struct duet_op *op);

/*
 * Waits until the future is ready: its result. Asked to end, it polls on by poll_cancel() until then: see
 * duet_task_poll(). -EBUSY: somebody else awaits it.
 */
#define duet_fiber_await_future(loop, future) duet_fiber_await_future_at(DUET_HERE, loop, future)
DUET_API int duet_fiber_await_future_at(const struct duet_site *site, struct duet_loop *loop,
					struct duet_future *future);

/*
 * Waits until its waker is woken: for whatever is neither an operation nor a future. A wake that came
 * since the fiber last went on is not lost, and one may come for nothing, so who waits asks first, and
 * again:
 *
 *	while (!is_there(thing, duet_fiber_waker(loop)))
 *		duet_fiber_park(loop);
 *
 * 0, or -ECANCELED, -ETIMEDOUT: it was asked to end before or meanwhile, or its deadline has come. With
 * one the wait is an operation, too: -ENOBUFS where the loop has no room for that, and -ECANCELED,
 * -ESHUTDOWN if the loop shuts down. Outside of a fiber it is one turn. The waker is good until the next
 * wait for something else.
 */
#define duet_fiber_park(loop) duet_fiber_park_at(DUET_HERE, loop)
DUET_API int duet_fiber_park_at(const struct duet_site *site, struct duet_loop *loop);
DUET_API struct duet_waker *duet_fiber_waker(struct duet_loop *loop);

/* Lets those in line have their turn. 0, or the request to end, which it hears at its entry. */
#define duet_fiber_yield(loop) duet_fiber_yield_at(DUET_HERE, loop)
DUET_API int duet_fiber_yield_at(const struct duet_site *site, struct duet_loop *loop);

/* The checkpoint and the shields of the fiber that runs: see <duet/task.h>. Outside of one there is
 * nobody to ask, and these do nothing. */
DUET_API int duet_fiber_check(const struct duet_loop *loop);
DUET_API uint64_t duet_fiber_shield(struct duet_loop *loop, uint64_t budget_ns);
DUET_API void duet_fiber_unshield(struct duet_loop *loop, uint64_t outer_ns);

/* ---- Scopes on the stack. ---- */

/*
 * Opens a scope for what the function spawns and starts, and joins: a variable of it, as a rule. In a
 * fiber it is duet_task_scope_open(): a request that reaches the fiber reaches the scope. Outside of one it
 * has no parent. The errors of duet_scope_open(), and at its entry the request to end.
 */
DUET_API int duet_fiber_open(struct duet_loop *loop, struct duet_scope *scope,
			     const struct duet_scope_options *options);

/*
 * Waits until the scope has ended, and never returns before that: asked to end meanwhile, the fiber waits
 * on; the fiber's deadline is the scope's, but for a shield. It goes on where that end is told, and needs
 * no operation for it. The scope's result; -ESHUTDOWN if it isn't open; -EALREADY if it is being joined;
 * -EINVAL if another has opened it. Who returns with a scope open on its stack is stopped, in every
 * build: the scope would outlive its memory.
 */
#define duet_fiber_join(scope) duet_fiber_join_at(DUET_HERE, scope)
DUET_API int duet_fiber_join_at(const struct duet_site *site, struct duet_scope *scope);

/* ---- The usual operations, each as duet_op_NAME() and duet_fiber_await(). ---- */

/* Transfers give the bytes moved, also where a request cut them short: the next call hears of that.
 * What had moved before an error of its own is only in the operation: who wants to know awaits one. */
#define duet_fiber_recv(loop, handle, data, length_bytes, flags)                                   \
	duet_fiber_recv_at(DUET_HERE, loop, handle, data, length_bytes, flags)
DUET_API int duet_fiber_recv_at(const struct duet_site *site, struct duet_loop *loop,
				duet_handle handle, void *data, size_t length_bytes,
				unsigned flags);
#define duet_fiber_send(loop, handle, data, length_bytes, flags)                                   \
	duet_fiber_send_at(DUET_HERE, loop, handle, data, length_bytes, flags)
DUET_API int duet_fiber_send_at(const struct duet_site *site, struct duet_loop *loop,
				duet_handle handle, const void *data, size_t length_bytes,
				unsigned flags);
/* With a message's header, which is lent meanwhile: see <duet/msghdr.h>. */
#define duet_fiber_recvfrom(loop, handle, data, length_bytes, header)                              \
	duet_fiber_recvfrom_at(DUET_HERE, loop, handle, data, length_bytes, header)
DUET_API int duet_fiber_recvfrom_at(const struct duet_site *site, struct duet_loop *loop,
				    duet_handle handle, void *data, size_t length_bytes,
				    struct duet_msghdr *header);
#define duet_fiber_sendto(loop, handle, data, length_bytes, header)                                \
	duet_fiber_sendto_at(DUET_HERE, loop, handle, data, length_bytes, header)
DUET_API int duet_fiber_sendto_at(const struct duet_site *site, struct duet_loop *loop,
				  duet_handle handle, const void *data, size_t length_bytes,
				  struct duet_msghdr *header);
#define duet_fiber_read(loop, handle, data, length_bytes, offset_bytes)                            \
	duet_fiber_read_at(DUET_HERE, loop, handle, data, length_bytes, offset_bytes)
DUET_API int duet_fiber_read_at(const struct duet_site *site, struct duet_loop *loop,
				duet_handle handle, void *data, size_t length_bytes,
				uint64_t offset_bytes);
#define duet_fiber_write(loop, handle, data, length_bytes, offset_bytes)                           \
	duet_fiber_write_at(DUET_HERE, loop, handle, data, length_bytes, offset_bytes)
DUET_API int duet_fiber_write_at(const struct duet_site *site, struct duet_loop *loop,
				 duet_handle handle, const void *data, size_t length_bytes,
				 uint64_t offset_bytes);

/* 0 and *made is the new handle, the caller's to close, or an error and it is none. */
#define duet_fiber_accept(loop, listener, made)                                                    \
	duet_fiber_accept_at(DUET_HERE, loop, listener, made)
DUET_API int duet_fiber_accept_at(const struct duet_site *site, struct duet_loop *loop,
				  duet_handle listener, duet_handle *made);
#define duet_fiber_open_file(loop, directory, path, flags, mode, made)                             \
	duet_fiber_open_file_at(DUET_HERE, loop, directory, path, flags, mode, made)
DUET_API int duet_fiber_open_file_at(const struct duet_site *site, struct duet_loop *loop,
				     int directory, const char *path, int flags, unsigned mode,
				     duet_handle *made);
#define duet_fiber_socket(loop, domain, type, protocol, made)                                      \
	duet_fiber_socket_at(DUET_HERE, loop, domain, type, protocol, made)
DUET_API int duet_fiber_socket_at(const struct duet_site *site, struct duet_loop *loop, int domain,
				  int type, int protocol, duet_handle *made);

#define duet_fiber_connect(loop, handle, address, length)                                          \
	duet_fiber_connect_at(DUET_HERE, loop, handle, address, length)
DUET_API int duet_fiber_connect_at(const struct duet_site *site, struct duet_loop *loop,
				   duet_handle handle, const struct sockaddr *address,
				   socklen_t length);
#define duet_fiber_poll(loop, handle, events) duet_fiber_poll_at(DUET_HERE, loop, handle, events)
DUET_API int duet_fiber_poll_at(const struct duet_site *site, struct duet_loop *loop,
				duet_handle handle, uint32_t events);
#define duet_fiber_fsync(loop, handle, flags) duet_fiber_fsync_at(DUET_HERE, loop, handle, flags)
DUET_API int duet_fiber_fsync_at(const struct duet_site *site, struct duet_loop *loop,
				 duet_handle handle, unsigned flags);
#define duet_fiber_shutdown(loop, handle, how) duet_fiber_shutdown_at(DUET_HERE, loop, handle, how)
DUET_API int duet_fiber_shutdown_at(const struct duet_site *site, struct duet_loop *loop,
				    duet_handle handle, int how);
/* Until due_ns on the loop's clock. */
#define duet_fiber_sleep_until(loop, due_ns) duet_fiber_sleep_until_at(DUET_HERE, loop, due_ns)
DUET_API int duet_fiber_sleep_until_at(const struct duet_site *site, struct duet_loop *loop,
				       uint64_t due_ns);

/* Cleanup itself: also after a request to end it closes, and returns when that is done. */
#define duet_fiber_close(loop, handle) duet_fiber_close_at(DUET_HERE, loop, handle)
DUET_API int duet_fiber_close_at(const struct duet_site *site, struct duet_loop *loop,
				 duet_handle handle);

/* ---- Overflow. ---- */

/*
 * A fiber that needs more stack than it has faults in the guard below it. From here on such a fault
 * of a fiber of this loop is named on standard error before it ends the process as any fault does: which
 * fiber, how large its stack is, where it was spawned. For that a handler of SIGSEGV and an alternate
 * stack of this thread are installed, which nothing else in this library does; a fault of another
 * kind, or of another thread, goes to the action that was there before. Signals are the process's: there is
 * no way for a handler to be told of a loop but by a variable of the thread, and the handler is there until
 * the last loop of all threads is released.
 *
 * On the loop's thread, once a loop; undone by _release(), before the loop is destroyed, and for several
 * loops of one thread in the reverse order of the calls. 0; -EALREADY; -ENOMEM or another error of the kernel's.
 */
DUET_API int duet_overflow_catch(struct duet_loop *loop);
DUET_API void duet_overflow_release(struct duet_loop *loop);

#ifdef __cplusplus
}
#endif

#endif
