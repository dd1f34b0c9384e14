/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "reference/internal.h"

/* Descriptors and what they stand for. The lowest free number is not what comes next, but the one
 * given back last: numbers are reused as soon as possible, which is what finds stale ones. */

/* The tree ends the memory of the files. */
#define DISK_BYTES ((size_t)WORLD_DISKS * WORLD_FILE_BYTES + sizeof(struct world_tree))

static void nodes_chain(struct reference *world)
{
	world->node_free = NODE_NONE;
	for (uint32_t i = world->nodes_max; i-- > 0;) {
		world->nodes[i].data = world->socket_memory + (size_t)i * WORLD_SOCKET_BYTES;
		world->nodes[i].next = world->node_free;
		world->node_free = i;
	}
}

/* Zeroed memory that costs nothing until it is used. Not of calloc(), which clears what it has had back
 * from an earlier world, all of it. */
static unsigned char *map(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void unmap(void *memory, size_t bytes)
{
	if (memory)
		munmap(memory, bytes);
}

int world_create(struct reference *world, uint32_t handles_max)
{
	uint32_t max = handles_max < WORLD_NODES_MAX ? handles_max : WORLD_NODES_MAX;

	world->nodes_max = max + WORLD_BACKLOG;
	world->next_port = 20000;
	world->nodes = calloc(world->nodes_max, sizeof(*world->nodes));
	world->socket_memory = map((size_t)world->nodes_max * WORLD_SOCKET_BYTES);
	world->file_memory = map(DISK_BYTES);
	if (!world->nodes || !world->socket_memory || !world->file_memory) {
		world_destroy(world);
		return -ENOMEM;
	}
	nodes_chain(world);
	world->tree = (void *)(world->file_memory + DISK_BYTES - sizeof(struct world_tree));
	for (uint32_t i = 0; i < WORLD_DISKS; i++)
		world->tree->files[i].data = world->file_memory + (size_t)i * WORLD_FILE_BYTES;
	world_tree_begin(world);
	return 0;
}

void world_destroy(struct reference *world)
{
	free(world->nodes);
	unmap(world->socket_memory, (size_t)world->nodes_max * WORLD_SOCKET_BYTES);
	unmap(world->file_memory, DISK_BYTES);
}

struct world_node *world_node(struct reference *world, int fd)
{
	uint32_t index = (uint32_t)fd - WORLD_DESCRIPTOR_BASE;

	if (fd < WORLD_DESCRIPTOR_BASE || index >= world->nodes_max ||
	    world->nodes[index].kind == NODE_FREE)
		return NULL;
	return &world->nodes[index];
}

struct world_node *world_node_take(struct reference *world, enum node_kind kind)
{
	struct world_node *node;
	unsigned char *data;

	if (world->node_free == NODE_NONE)
		return NULL;
	node = &world->nodes[world->node_free];
	world->node_free = node->next;
	world->nodes_used++;
	data = node->data;
	memset(node, 0, sizeof(*node));
	node->data = data;
	node->kind = (uint8_t)kind;
	node->peer = NODE_NONE;
	node->queue_first = node->queue_last = NODE_NONE;
	return node;
}

void world_node_give(struct reference *world, struct world_node *node)
{
	node->kind = NODE_FREE;
	node->next = world->node_free;
	world->node_free = (uint32_t)(node - world->nodes);
	world->nodes_used--;
}

int world_descriptor(const struct reference *world, const struct world_node *node)
{
	return WORLD_DESCRIPTOR_BASE + (int)(node - world->nodes);
}

void world_close(struct reference *world, int fd)
{
	struct world_node *node = world_node(world, fd);

	if (!node)
		return;
	if (node->kind == NODE_SOCKET)
		socket_close(world, node);
	else if (node->kind == NODE_PIPE)
		pipe_close(world, node);
	else if (node->kind == NODE_OUTSIDE)
		outside_close(node);
	else
		world_file_close(node->file);
	world_node_give(world, node);
}
