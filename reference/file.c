/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "reference/internal.h"

/* Files by path, without directories. They live as long as the loop. */

static struct world_file *file_find(struct reference *world, const char *path)
{
	for (uint32_t i = 0; i < WORLD_FILES; i++) {
		if (strcmp(world->files[i].path, path) == 0)
			return &world->files[i];
	}
	return NULL;
}

static int file_make(struct reference *world, const char *path, struct world_file **file)
{
	if (strlen(path) >= WORLD_PATH_BYTES)
		return -ENAMETOOLONG;
	*file = file_find(world, "");
	if (!*file)
		return -ENOSPC;
	strcpy((*file)->path, path);
	(*file)->size_bytes = 0;
	return 0;
}

int world_open(struct reference *world, const char *path, int flags)
{
	struct world_file *file = *path ? file_find(world, path) : NULL;
	struct world_node *node;
	int error = 0;

	if (file && (flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	if (file && (flags & O_DIRECTORY))
		return -ENOTDIR;
	if (!file && (!*path || !(flags & O_CREAT)))
		return -ENOENT;
	node = world_node_take(world, NODE_FILE);
	if (!node)
		return -EMFILE;
	if (!file)
		error = file_make(world, path, &file);
	if (error) {
		world_node_give(world, node);
		return error;
	}
	if ((flags & O_TRUNC) && (flags & O_ACCMODE) != O_RDONLY)
		file->size_bytes = 0;
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
