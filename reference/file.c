/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>

#include "reference/internal.h"

/* Files that are open: what is in them. They live as long as the loop. */

/* What is there may be opened so. */
static int may_open(const struct world_file *file, int flags)
{
	if (flags & O_CREAT && flags & O_EXCL)
		return -EEXIST;
	if (file->kind != FILE_DIRECTORY && flags & O_DIRECTORY)
		return -ENOTDIR;
	if (file->kind == FILE_LINK)
		return -ELOOP;
	if (file->kind == FILE_DIRECTORY &&
	    ((flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC)))
		return -EISDIR;
	return 0;
}

/* The file of a path, made if it is to be. */
static int file_for(struct reference *world, int directory, const char *path, int flags,
		    unsigned mode, struct world_file **file)
{
	bool exclusive = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
	unsigned how = (flags & O_CREAT ? WALK_MAKING : 0) |
		       (exclusive || flags & O_NOFOLLOW ? 0 : WALK_FOLLOW);
	struct world_place at;
	int error = world_walk(world, directory, path, how, &at);

	if (error)
		return error;
	*file = at.file;
	if (at.file)
		return may_open(at.file, flags);
	if (!(flags & O_CREAT))
		return -ENOENT;
	return at.slash ? -EISDIR
			: world_make(world, &at, FILE_REGULAR, mode & 01777, file);
}

int world_open(struct reference *world, int directory, const char *path, int flags, unsigned mode)
{
	struct world_node *node = world_node_take(world, NODE_FILE);
	struct world_file *file;
	int error;

	if (!node)
		return -EMFILE;
	error = file_for(world, directory, path, flags, mode, &file);
	if (error) {
		world_node_give(world, node);
		return error;
	}
	if ((flags & O_TRUNC) && (flags & O_ACCMODE) != O_RDONLY)
		file->size_bytes = 0;
	world_file_open(file);
	node->file = file;
	node->open_flags = flags;
	return world_descriptor(world, node);
}

int world_read(struct world_node *node, const struct iovec *pieces, uint32_t count,
	       uint64_t offset_bytes)
{
	uint32_t moved = 0;

	if (node->kind != NODE_FILE)
		return -ESPIPE;
	if ((node->open_flags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	if (node->file->kind == FILE_DIRECTORY)
		return -EISDIR;
	for (uint32_t i = 0; i < count && offset_bytes < node->file->size_bytes; i++) {
		uint32_t part = node->file->size_bytes - (uint32_t)offset_bytes;
		bool lifted;

		if (part > pieces[i].iov_len)
			part = (uint32_t)pieces[i].iov_len;
		lifted = duet_core_guard_lift(pieces[i].iov_base, pieces[i].iov_len);
		memcpy(pieces[i].iov_base, node->file->data + offset_bytes, part);
		duet_core_guard_lower(pieces[i].iov_base, pieces[i].iov_len, lifted);
		offset_bytes += part;
		moved += part;
	}
	return (int)moved;
}

/* A write beyond the end leaves zeroes between. */
static void file_reach(struct world_file *file, uint64_t offset_bytes)
{
	if (offset_bytes > file->size_bytes)
		memset(file->data + file->size_bytes, 0, offset_bytes - file->size_bytes);
}

int world_write(struct world_node *node, const struct iovec *pieces, uint32_t count,
		uint64_t offset_bytes)
{
	uint32_t moved = 0;

	if (node->kind != NODE_FILE)
		return -ESPIPE;
	if ((node->open_flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (offset_bytes >= WORLD_FILE_BYTES)
		return -ENOSPC;
	file_reach(node->file, offset_bytes);
	for (uint32_t i = 0; i < count && offset_bytes < WORLD_FILE_BYTES; i++) {
		uint32_t part = WORLD_FILE_BYTES - (uint32_t)offset_bytes;

		if (part > pieces[i].iov_len)
			part = (uint32_t)pieces[i].iov_len;
		memcpy(node->file->data + offset_bytes, pieces[i].iov_base, part);
		offset_bytes += part;
		moved += part;
	}
	if (moved && offset_bytes > node->file->size_bytes)
		node->file->size_bytes = (uint32_t)offset_bytes;
	return (int)moved;
}

/* ---- At its own position, as a stream. ---- */

int world_file_readable(const struct world_node *node)
{
	if ((node->open_flags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	if (node->file->kind == FILE_DIRECTORY)
		return -EISDIR;
	return node->position_bytes < node->file->size_bytes;
}

static int move_on(struct world_node *node, int result)
{
	if (result > 0)
		node->position_bytes += (uint32_t)result;
	return result;
}

int world_file_recv(struct world_node *node, const struct iovec *pieces, uint32_t count)
{
	return move_on(node, world_read(node, pieces, count, node->position_bytes));
}

int world_file_send(struct world_node *node, const struct iovec *pieces, uint32_t count)
{
	if (node->open_flags & O_APPEND)
		node->position_bytes = node->file->size_bytes;
	return move_on(node, world_write(node, pieces, count, node->position_bytes));
}

/* ---- The size. ---- */

/* What is beyond an end that moves there is all zero. */
static void file_resize(struct world_file *file, uint32_t size_bytes)
{
	file_reach(file, size_bytes);
	file->size_bytes = size_bytes;
}

static bool is_for_writing(const struct world_node *node)
{
	return node->kind == NODE_SOCKET || (node->open_flags & O_ACCMODE) != O_RDONLY;
}

int world_truncate(struct world_node *node, uint64_t length_bytes)
{
	if (node->kind != NODE_FILE || !is_for_writing(node))
		return -EINVAL;
	if (length_bytes > WORLD_FILE_BYTES)
		return -EFBIG;
	file_resize(node->file, (uint32_t)length_bytes);
	return 0;
}

static void punch(struct world_file *file, uint64_t first, uint64_t end)
{
	if (end > file->size_bytes)
		end = file->size_bytes;
	if (first < end)
		memset(file->data + first, 0, end - first);
}

int world_allocate(struct world_node *node, int mode, uint64_t offset_bytes, uint64_t length_bytes)
{
	const int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	uint64_t end = offset_bytes + length_bytes;

	if (mode && mode != FALLOC_FL_KEEP_SIZE && mode != hole)
		return -EOPNOTSUPP;
	if (!is_for_writing(node))
		return -EBADF;
	if (node->kind != NODE_FILE)
		return -ENODEV;
	if (end > INT64_MAX)
		return -EFBIG;
	if (mode == hole)
		punch(node->file, offset_bytes, end);
	else if (end > WORLD_FILE_BYTES)
		return -ENOSPC;
	else if (!mode && end > node->file->size_bytes)
		file_resize(node->file, (uint32_t)end);
	return 0;
}
