/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_H
#define DUET_H

/*
 * Duet: one operation API over two I/O mechanisms.
 *
 * Read in this order; each header is short and stands alone.
 *
 *   operation.h     one request for I/O: who owns it, how it ends, what the end says
 *   loop.h          the thread's runtime: create it on a backend, run it, stop it
 *   handle.h        a descriptor as the loop knows it
 *   msghdr.h        messages with a header: datagrams, addresses, descriptors that are passed
 *   buffer.h        memory out of your hands: pools, loans and the ledger
 *   file.h          files: vectors, sizes, names
 *   splice.h        from one handle to another, past the program's memory
 *   signal.h        signals to wait for
 *   process.h       the end of a process to wait for
 *   resolve.h       names to addresses
 *   owned.h         operations of the loop's own: memory that you can walk away from
 *   scope.h         a parent that does not end before its children have; cancel, deadline, cleanup
 *   combinator.h    join, race, timeout, retry: what is done with operations and scopes time and again
 *   continuation.h  be resumed with a result (ready, suspend, resume)
 *   waker.h         whom to wake, also from other threads
 *   task.h          one of many things done at the same time: what all programming models share
 *   scheduler.h     whose turn it is among the tasks of a loop
 *   watchdog.h      tells of a task that holds its loop
 *   shards.h        several loops, a thread each
 *   future.h        be woken and ask again (poll, poll_cancel), over any operation; a task of futures
 *   stream.h        receive after receive, of which each poll gives the next
 *   futures.h       several futures as one: join, race, select, then, timeout, shield, a set
 *   readiness.h     wait for readiness alone, which lends nothing
 *   naive.h         to be compared with: ask all children at each poll, or ask without waiting
 *   frame.h         memory for coroutines that have no place of their own
 *   coroutine.h     stackless tasks: straight-line C that waits in the middle
 *   stack.h         stacks for fibers, with guards and high-water marks
 *   fiber.h         tasks with a stack: functions that wait, and need no colour for it
 *   message.h       what is said to a loop from elsewhere
 *   waiters.h       what follows: waiting for one another, in order, cancel-safe, in every model
 *   semaphore.h     so many at a time
 *   mutex.h         one at a time
 *   channel.h       elements from one to another, bounded, or by rendezvous
 *   oneshot.h       one value, once
 *   notify.h        wake one, or all
 *   barrier.h       all go on when all are there
 *   wait_group.h    until nothing is under way
 *   join.h          until a task or a scope has ended
 *   mailbox.h       letters to a task, and their answers
 *   actor.h         a task with a mailbox
 *   supervisor.h    tasks that are started again when they fail
 *
 * A backend is a value that you pass to duet_loop_create(). Each has a header, a function and a
 * library of its name: <duet/NAME.h>, duet_NAME() and libduet-NAME.
 */
#include <duet/actor.h>
#include <duet/api.h>
#include <duet/barrier.h>
#include <duet/buffer.h>
#include <duet/channel.h>
#include <duet/combinator.h>
#include <duet/continuation.h>
#include <duet/coroutine.h>
#include <duet/debug.h>
#include <duet/fiber.h>
#include <duet/file.h>
#include <duet/frame.h>
#include <duet/future.h>
#include <duet/futures.h>
#include <duet/handle.h>
#include <duet/join.h>
#include <duet/loop.h>
#include <duet/mailbox.h>
#include <duet/message.h>
#include <duet/msghdr.h>
#include <duet/mutex.h>
#include <duet/naive.h>
#include <duet/notify.h>
#include <duet/oneshot.h>
#include <duet/operation.h>
#include <duet/owned.h>
#include <duet/process.h>
#include <duet/readiness.h>
#include <duet/resolve.h>
#include <duet/scheduler.h>
#include <duet/scope.h>
#include <duet/semaphore.h>
#include <duet/shards.h>
#include <duet/signal.h>
#include <duet/splice.h>
#include <duet/stream.h>
#include <duet/stack.h>
#include <duet/supervisor.h>
#include <duet/task.h>
#include <duet/wait_group.h>
#include <duet/waiters.h>
#include <duet/waker.h>
#include <duet/watchdog.h>

#endif
