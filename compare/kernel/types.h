/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT OR GPL-2.0-only */

/* As much as our programs in the kernel need to know of its types. Only names count here: where a
 * field stands is filled in when they are loaded, from what the running kernel says of itself. So a
 * struct may lack most of its fields, and building needs nothing of any kernel. */
#ifndef COMPARE_KERNEL_TYPES_H
#define COMPARE_KERNEL_TYPES_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;

enum { BPF_MAP_TYPE_PERCPU_ARRAY = 6 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct pid_namespace {
	struct ns_common ns;
};

/* A process id as one pid namespace has it. */
struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;     /* how deep the innermost namespace is */
	struct upid numbers[1]; /* level + 1 of them, the outermost first */
};

struct task_struct {
	unsigned int __state; /* 0: could go on */
	int tgid;
	struct task_struct *group_leader;
	struct pid *thread_pid;
};

struct pt_regs {
	unsigned long orig_ax; /* x86 */
	int syscallno;         /* arm64 */
};

#pragma clang attribute pop

#endif
