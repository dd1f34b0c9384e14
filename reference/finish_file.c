/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/internal.h"

/* Ends of what is asked for on names, and of the size of a file: see finish.c. */

static struct world_node *op_node(struct duet_loop *loop, const struct duet_op *op)
{
	return world_node(reference_of(loop), duet_core_op_slot(loop, op)->fd);
}

static struct world_names names_of(const struct duet_op *op)
{
	return (struct world_names){.from_directory = op->args.rename.from_directory,
				    .to_directory = op->args.rename.to_directory,
				    .from = op->args.rename.from,
				    .to = op->args.rename.to};
}

int finish_statx(struct duet_loop *loop, struct duet_op *op)
{
	int result;

	duet_core_guard_lift_op(op);
	result = world_statx(reference_of(loop), op);
	duet_core_guard_lower_op(op);
	return result;
}

int finish_mkdir(struct duet_loop *loop, struct duet_op *op)
{
	return world_mkdir(reference_of(loop), op->args.open.directory, op->args.open.path,
		op->args.open.mode);
}

int finish_unlink(struct duet_loop *loop, struct duet_op *op)
{
	return world_unlink(reference_of(loop), op->args.open.directory, op->args.open.path,
		op->args.open.flags);
}

int finish_rename(struct duet_loop *loop, struct duet_op *op)
{
	struct world_names names = names_of(op);

	return world_rename(reference_of(loop), &names, op->args.rename.flags);
}

int finish_link(struct duet_loop *loop, struct duet_op *op)
{
	struct world_names names = names_of(op);

	return world_link(reference_of(loop), &names, (int)op->args.rename.flags);
}

int finish_symlink(struct duet_loop *loop, struct duet_op *op)
{
	return world_symlink(reference_of(loop), op->args.rename.from,
		op->args.rename.to_directory, op->args.rename.to);
}

int finish_truncate(struct duet_loop *loop, struct duet_op *op)
{
	return world_truncate(op_node(loop, op), op->args.extent.length_bytes);
}

int finish_allocate(struct duet_loop *loop, struct duet_op *op)
{
	return world_allocate(op_node(loop, op), op->args.extent.mode,
		op->args.extent.offset_bytes, op->args.extent.length_bytes);
}
