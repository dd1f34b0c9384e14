/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT OR GPL-2.0-only */

/* Runs in the kernel: counts the system calls, wakeups and switches of one process, and nothing of
 * any other. The one who reads writes the variables through a mapping: opening and closing the
 * window costs no system call. */
#include "compare/kernel/types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>
#include <stddef.h>

#include "compare/kernel/counts.h"

enum { NOTHING_THERE = 11 }; /* EAGAIN */

char LICENSE[] SEC("license") = "Dual MIT/GPL";

__u32 subject; /* whose thread group, as its reader calls it */
__u32 watching;

/* The inode of the reader's pid namespace, or 0 if that is the machine's own, where the number of a
 * thread group is the one that the kernel uses. */
const volatile __u32 nested_in;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counts);
} counted SEC(".maps");

/* Its number in the innermost namespace that it is in, if that is the reader's: what the reader has
 * started and watches lives there. 0 if not, and for a task that is already being taken apart. */
static __always_inline __u32 nested_number(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	struct upid number = {};
	unsigned int level;

	if (!pid)
		return 0;
	level = BPF_CORE_READ(pid, level);
	if (bpf_probe_read_kernel(&number, sizeof(number),
				  (void *)&pid->numbers + level * sizeof(number)))
		return 0;
	return BPF_CORE_READ(number.ns, ns.inum) == nested_in ? (__u32)number.nr : 0;
}

/* Where a task is counted, or NULL for one that isn't. */
static __always_inline struct counts *place_of(struct task_struct *task)
{
	const __u32 key = 0;

	if (!watching)
		return NULL;
	if ((nested_in ? nested_number(task) : (__u32)task->tgid) != subject)
		return NULL;
	return bpf_map_lookup_elem(&counted, &key);
}

/* The compiler must not know more of the number than the verifier does: it would leave out the
 * comparison that the verifier wants to see. */
static __always_inline void add(unsigned long long *places, unsigned long number)
{
	if (number >= COUNTS_CALLS_MAX)
		number = COUNTS_CALLS_MAX - 1;
	asm volatile("" : "+r"(number));
	if (number < COUNTS_CALLS_MAX)
		__sync_fetch_and_add(&places[number], 1);
}

/* The number of the call that ends: each architecture keeps it in a field of its own. */
static __always_inline unsigned long number_of(struct pt_regs *registers)
{
	if (bpf_core_field_exists(registers->orig_ax))
		return registers->orig_ax;
	if (bpf_core_field_exists(registers->syscallno))
		return (unsigned long)registers->syscallno;
	return COUNTS_CALLS_MAX;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(duet_call, struct pt_regs *registers, long number)
{
	struct counts *counts = place_of(bpf_get_current_task_btf());

	if (counts)
		add(counts->calls, (unsigned long)number);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(duet_return, struct pt_regs *registers, long result)
{
	struct counts *counts;

	if (result != -NOTHING_THERE)
		return 0;
	counts = place_of(bpf_get_current_task_btf());
	if (counts)
		add(counts->wasted, number_of(registers));
	return 0;
}

/* In the context of whoever wakes: the task is the one that is woken. */
SEC("tp_btf/sched_wakeup")
int BPF_PROG(duet_wakeup, struct task_struct *task)
{
	struct counts *counts = place_of(task);

	if (counts)
		__sync_fetch_and_add(&counts->wakeups, 1);
	return 0;
}

/* As the kernel itself tells the two apart. The state is read from the task and not from the fourth
 * argument, which older kernels don't have: the run queue is locked here, it can't change. */
SEC("tp_btf/sched_switch")
int BPF_PROG(duet_switch, bool preempted, struct task_struct *before)
{
	struct counts *counts = place_of(before);

	if (!counts)
		return 0;
	if (!preempted && before->__state)
		__sync_fetch_and_add(&counts->voluntary, 1);
	else
		__sync_fetch_and_add(&counts->involuntary, 1);
	return 0;
}
