/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/kernel/calls.h"

#include <stdio.h>
#include <sys/syscall.h>

struct call {
	unsigned int number;
	const char *name;
};

/* Those that not every architecture has stand apart. */
static const struct call CALLS[] = {
#ifdef SYS_epoll_wait
	{ SYS_epoll_wait, "epoll_wait" },
	{ SYS_poll, "poll" },
	{ SYS_select, "select" },
	{ SYS_open, "open" },
#endif
#ifdef SYS_epoll_pwait2
	{ SYS_epoll_pwait2, "epoll_pwait2" },
#endif
#ifdef SYS_newfstatat
	{ SYS_newfstatat, "newfstatat" },
#endif
	{ SYS_epoll_pwait, "epoll_pwait" },
	{ SYS_epoll_ctl, "epoll_ctl" },
	{ SYS_epoll_create1, "epoll_create1" },
	{ SYS_ppoll, "ppoll" },
	{ SYS_io_uring_enter, "io_uring_enter" },
	{ SYS_io_uring_register, "io_uring_register" },
	{ SYS_io_uring_setup, "io_uring_setup" },
	{ SYS_read, "read" },
	{ SYS_readv, "readv" },
	{ SYS_pread64, "pread64" },
	{ SYS_preadv, "preadv" },
	{ SYS_preadv2, "preadv2" },
	{ SYS_write, "write" },
	{ SYS_writev, "writev" },
	{ SYS_pwrite64, "pwrite64" },
	{ SYS_pwritev, "pwritev" },
	{ SYS_pwritev2, "pwritev2" },
	{ SYS_fsync, "fsync" },
	{ SYS_fdatasync, "fdatasync" },
	{ SYS_recvfrom, "recvfrom" },
	{ SYS_recvmsg, "recvmsg" },
	{ SYS_recvmmsg, "recvmmsg" },
	{ SYS_sendto, "sendto" },
	{ SYS_sendmsg, "sendmsg" },
	{ SYS_sendmmsg, "sendmmsg" },
	{ SYS_accept, "accept" },
	{ SYS_accept4, "accept4" },
	{ SYS_socket, "socket" },
	{ SYS_connect, "connect" },
	{ SYS_shutdown, "shutdown" },
	{ SYS_setsockopt, "setsockopt" },
	{ SYS_getsockopt, "getsockopt" },
	{ SYS_getsockname, "getsockname" },
	{ SYS_openat, "openat" },
	{ SYS_close, "close" },
	{ SYS_fcntl, "fcntl" },
	{ SYS_ioctl, "ioctl" },
	{ SYS_statx, "statx" },
	{ SYS_getdents64, "getdents64" },
	{ SYS_fstat, "fstat" },
	{ SYS_lseek, "lseek" },
	{ SYS_futex, "futex" },
	{ SYS_sched_yield, "sched_yield" },
	{ SYS_nanosleep, "nanosleep" },
	{ SYS_clock_nanosleep, "clock_nanosleep" },
	{ SYS_clock_gettime, "clock_gettime" },
	{ SYS_timerfd_settime, "timerfd_settime" },
	{ SYS_eventfd2, "eventfd2" },
	{ SYS_rt_sigreturn, "rt_sigreturn" },
	{ SYS_rt_sigprocmask, "rt_sigprocmask" },
	{ SYS_rt_sigaction, "rt_sigaction" },
	{ SYS_restart_syscall, "restart_syscall" },
	{ SYS_mmap, "mmap" },
	{ SYS_munmap, "munmap" },
	{ SYS_mprotect, "mprotect" },
	{ SYS_madvise, "madvise" },
	{ SYS_brk, "brk" },
	{ SYS_getpid, "getpid" },
	{ SYS_getppid, "getppid" },
	{ SYS_getrandom, "getrandom" },
	{ SYS_getrusage, "getrusage" },
	{ SYS_clone3, "clone3" },
	{ SYS_rseq, "rseq" },
	{ SYS_set_robust_list, "set_robust_list" },
};

void calls_name(unsigned int number, char *name, size_t size)
{
	for (size_t i = 0; i < sizeof(CALLS) / sizeof(*CALLS); i++) {
		if (CALLS[i].number == number) {
			snprintf(name, size, "%s", CALLS[i].name);
			return;
		}
	}
	snprintf(name, size, "call %u", number);
}
