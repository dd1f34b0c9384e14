/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_REFUSE_H
#define TESTS_SUPPORT_REFUSE_H

/* A system call is refused from here on, to this process and what it starts, with a positive errno. Ends
 * the process with 125 where that can't be had. */
void refuse_call(unsigned number, int error);
/* The ring. */
void refuse_rings(int error);

/* As container runtimes do it: io_uring_setup isn't permitted. */
void forbid_ring(void);
/* As a kernel before 5.1 would answer. */
void forget_ring(void);

#endif
