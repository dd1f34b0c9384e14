/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_REFERENCE_H
#define DUET_REFERENCE_H

#include <duet/api.h>
#include <duet/handle.h>
#include <duet/loop.h>
#include <duet/operation.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The reference backend: the contract carried out in memory, without a kernel, in virtual time.
 * Everything that the contract leaves open (the order of completions, how much a transfer moves,
 * who wins when a cancel meets a result, which error strikes) is drawn from a seed, so a run can
 * be repeated exactly.
 *
 * Tuning keys. Each of N is of 1000, so that 0 and 1000 demand what else is left to chance:
 *   seed=N           what is drawn, default 1
 *   fault=N          operations that fail with an injected error of their kind, default 0
 *   short=N          transfers, of sockets and files, that move less than they could, default 250;
 *                    a file operation goes on until it is whole, a turn later
 *   late=N           cancels that lose against the result, if there is one in time, default 500
 *   later=N          of the others, those that stop their target in a later turn, default 500
 *   again=N          answers to a cancel that say "not stopped, ask again", default 50
 *   room=N           cancels for which there is no room: core asks again, default 20
 *   buffer=N         stopped pooled receives that had taken a buffer, default 500
 *   stop=N           cancelled file operations (and open, fsync, shutdown) that had not begun and
 *                    are stopped, default 500; the others run to their end
 *   behind=N         stopped connects whose socket goes on connecting, default 500
 *   hold=N           zero-copy sends whose memory is kept after their result, and then for one turn more,
 *                    three times at the most, default 500; the others were copied. What is kept is
 *                    read again when it is released: a change in between reaches the peer
 *   fault-KIND=N:E   the Nth operation of that kind fails with E: "fault-recv=3:ECONNRESET". N
 *                    counts what the backend is handed: an operation in line when its turn comes,
 *                    and each piece of a whole transfer.
 * Sockets are of TCP, UDP and the unix family. A message has 8,000 bytes at most (-EMSGSIZE), no control
 * data, and none is urgent; UDP loses what its receiver has no room for, and nothing else.
 *
 * again and room put off the cancel of one operation three times at the most.
 *
 * Signals and processes have no likeness in memory: those of the program are asked for, in every
 * turn, and end a sleep. They take no part in virtual time: where a timer or deadline stands beside
 * a wait for one, its time comes as soon as nothing else moves. A foreign loop that carries this one
 * isn't told of them, and is asked to turn without waiting instead.
 */
DUET_API const struct duet_backend *duet_reference(void);

/* Descriptors in use in the world of a loop on this backend: those of handles, and connections
 * that nobody has accepted yet. What a leak test counts. */
DUET_API uint32_t duet_reference_descriptors(const struct duet_loop *loop);

/* The same as fault-KIND, with a positive errno, counted from now. -EINVAL; -ENOSPC: sixteen have
 * been demanded. A recv or send that is struck by ECONNRESET leaves its connection reset. */
DUET_API int duet_reference_fault(struct duet_loop *loop, enum duet_kind kind, uint32_t number,
				  int error);

/* While sheltered (1) nothing is struck and nothing counted: to set up and to clear away what a test
 * is not about. */
DUET_API void duet_reference_shelter(struct duet_loop *loop, int sheltered);

#ifdef __cplusplus
}
#endif

#endif
