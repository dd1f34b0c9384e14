/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_MUTANT_H
#define CORE_MUTANT_H

/*
 * Deliberate faults, one switched on at a time, to see that the tests bite. Only a build with
 * DUET_MUTANTS has them, chosen by the environment variable DUET_MUTANT; in every other build
 * MUTANT(x) is the constant 0.
 */
#define MUTANTS(X)                                                                                 \
	X(accept_cancel_silent, "a cancelled accept never completes on one twin")                  \
	X(cancel_dropped_when_full, "a cancel is dropped when the queue to the kernel is full")    \
	X(cancel_by_pointer, "a cancel by bare identity hits the re-armed successor")              \
	X(released_at_result, "the memory of a zero-copy send is back with its result")            \
	X(late_bytes_discarded, "bytes of a cancelled or timed-out recv are thrown away")          \
	X(late_accept_leaks, "the descriptor of a late accept is leaked")                          \
	X(failed_buffer_kept, "a pool buffer inside a failed completion is not returned")          \
	X(stale_event_delivered, "an event of a closed number reaches the number's next owner")    \
	X(memory_back_at_request, "memory is handed back at the request")                          \
	X(destroy_trusts_close, "destroy trusts closing the mechanism")                            \
	X(waiter_starved, "a waiter is starved after another waiter's cancel")                     \
	X(polls_not_rearmed, "a poll that the kernel ends early isn't armed again")                 \
	X(events_after_request, "events are told to who has asked for the end")                    \
	X(late_status_forgotten, "the exit status of a cancelled wait is thrown away")             \
	X(lookup_not_freed, "addresses that nobody waits for any more are kept")                   \
	X(timer_order_swapped, "the order of timers differs between the twins")                    \
	X(already_is_ending, "EALREADY is taken for an ending")                                    \
	X(short_read_is_empty, "a short read before urgent or ancillary data is taken for empty")  \
	X(follower_after_partial, "a follower is sent after a partial send")                       \
	X(input_line_stands, "who receives behind a splice that has ended isn't looked at")        \
	X(splice_overtakes, "a splice doesn't wait for the receives before it")                    \
	X(splice_not_heard, "a handle is closed before the splice from it was told")               \
	X(buffer_returned_twice, "a pool buffer can be returned twice")                            \
	X(busy_starves_quiet, "a busy handle starves a quiet one")                                 \
	X(wake_lost, "a wake is lost with a full queue")                                           \
	X(deadline_beats_result, "a deadline beats a result of the same turn")                     \
	X(close_does_not_drain, "close does not wait for what is pending")                         \
	X(end_of_file_early, "a short count from the cache is taken for the end of the file")      \
	X(pieces_start_over, "a short count goes on in the first piece, not where it stopped")      \
	X(position_left_behind, "what was read from a file as a stream is read again")             \
	X(terminal_left_nonblocking, "a shared terminal is left with O_NONBLOCK")                  \
	X(short_answer_is_whole, "a send of the short way that stops short is told as whole")      \
	X(arrival_becomes_the_end, "an arrival overwrites the end that overtook it")               \
	X(scope_joins_early, "a scope joins when its first member has ended")                      \
	X(shield_leaks, "a request from outside comes into a shield")                              \
	X(cleanup_first_in_first_out, "cleanup runs in the order of registration")                 \
	X(request_is_edge, "a scope that was asked to end lets the next start in")                 \
	X(scope_not_woken, "a scope whose clock was taken back isn't looked at again")             \
	X(step_without_shelter, "a shutdown refuses what a step of a cleanup polls itself")        \
	X(late_step_without_budget, "a step registered at the end of a cleanup has no time limit") \
	X(deadline_in_a_shelter, "a task's deadline comes into the shield that it opens")          \
	X(overdue_is_idle, "a loop doesn't wait for a cleanup that is overdue")                    \
	X(race_without_losers, "a race doesn't ask its losers to end")                             \
	X(overlap_unnoticed, "two operations write to the same memory")                            \
	X(staging_leaked, "what stood in for copied memory doesn't go back to its pool")           \
	X(moved_back_at_request, "a moved buffer is the caller's again at the request")            \
	X(loan_kept_in_line, "what is cancelled in line is not taken off the ledger")              \
	X(operation_move_missing, "a legal move of an operation's state is none")                  \
	X(operation_move_added, "an operation that has ended is issued again")                     \
	X(scope_move_missing, "a legal move of a scope's state is none")                           \
	X(scope_move_added, "a scope ends without its cleanup")                                    \
	X(abandoned_bytes_forgotten, "bytes for what was abandoned are not counted")               \
	X(abandoned_not_asked, "what was abandoned isn't asked to end")                            \
	X(cleanup_lets_strangers_in, "between the steps of a cleanup a start comes in from outside") \
	X(shutdown_in_a_shelter, "a shutdown asks what is in a shelter")                           \
	X(line_not_looked_at, "who stood behind a stopped wait isn't looked at")                   \
	X(waiter_overtaken, "who comes later overtakes who is in line")                            \
	X(grant_thrown_away, "what was granted on another loop is lost when a cancel meets it")    \
	X(children_not_asked, "a request to one task doesn't reach what that has spawned")         \
	X(task_shield_leaks, "a request comes into the cleanup of a task")                         \
	X(taken_letter_withdrawn, "a letter that its actor is reading is given back")              \
	X(restart_too_late, "a scope joins between the end of a task and its next beginning")      \
	X(future_ready_too_soon, "a future that is asked is ready before its operation has ended") \
	X(limit_forgets_its_timer, "a timeout is ready while its timer is pending")                \
	X(child_keeps_the_poll, "a child that wakes itself is polled again in the same poll")      \
	X(share_outlives_its_task, "a share in a waker wakes what has ended")                      \
	X(crowd_keeps_events_out, "a turn has no end as long as tasks are runnable")               \
	X(newest_keeps_the_line, "two tasks that wake each other keep all others waiting")         \
	X(inline_without_end, "a task that always finds data never waits its turn")                \
	X(deadline_between_steps, "what is started after a step inherits that task's deadline")    \
	X(shield_swallows_request, "who polls isn't asked again after a shield")                   \
	X(shield_keeps_request, "what a task has opened isn't asked after its shield")             \
	X(request_from_within_lost, "a request from inside a poll isn't found by who was polled")  \
	X(future_forgets_who_asked, "a future's operation says cancel, whatever its task was told")\
	X(work_error_is_a_stop, "work that fails with ECANCELED counts as stopped")                \
	X(errno_of_another_fiber, "errno is another fiber's after a wait")                         \
	X(fiber_waits_in_vain, "a fiber that joins a scope isn't woken by its end")                \
	X(asked_fiber_keeps_handle, "a fiber that was asked to end doesn't close its handle")

#ifdef DUET_MUTANTS
enum core_mutant {
#define MUTANT_ENUM(name, text) MUTANT_##name,
	MUTANTS(MUTANT_ENUM)
#undef MUTANT_ENUM
	MUTANT_COUNT
};
int duet_core_mutant(enum core_mutant mutant) __attribute__((visibility("default")));
#define MUTANT(name) __builtin_expect(duet_core_mutant(MUTANT_##name), 0)
#else
#define MUTANT(name) 0
#endif

#endif
