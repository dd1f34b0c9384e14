/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "reference/internal.h"

/*
 * The tree of names: directories, hard and symbolic links. A file is there as long as it has a name
 * or somebody has it open.
 *
 * A world begins empty, and programs name places that have always been there: "/var/tmp/x". So the
 * directories above the first thing that is made under "/" are there when they are needed (`implied`),
 * until something is made in them by itself; what was not made in one of those is missing.
 */

#define WALK_BYTES 4096u
#define WALK_LINKS 40u
#define WALK_NAME_BYTES 255u

struct walk {
	struct reference *world;
	struct world_place *at;
	uint32_t links; /* followed */
	bool follow;    /* also the last one */
	bool making;    /* implied directories come to be */
	char rest[WALK_BYTES];
};

/* ---- Files and their names. ---- */

static struct world_file *file_at(struct reference *world, uint32_t index)
{
	return &world->tree->files[index];
}

static uint32_t index_of(const struct reference *world, const struct world_file *file)
{
	return (uint32_t)(file - world->tree->files);
}

static struct world_name *name_find(struct reference *world, uint32_t directory, const char *text)
{
	for (uint32_t i = 0; i < world->tree->names_used; i++) {
		struct world_name *name = &world->tree->names[i];

		if (name->file && name->directory == directory && strcmp(name->text, text) == 0)
			return name;
	}
	return NULL;
}

static bool is_empty(struct reference *world, uint32_t directory)
{
	for (uint32_t i = 0; i < world->tree->names_used; i++)
		if (world->tree->names[i].file && world->tree->names[i].directory == directory)
			return false;
	return true;
}

static struct world_name *name_take(struct reference *world)
{
	struct world_tree *tree = world->tree;

	for (uint32_t i = 0; i < tree->names_used; i++)
		if (!tree->names[i].file)
			return &tree->names[i];
	return tree->names_used < WORLD_NAMES ? &tree->names[tree->names_used++] : NULL;
}

/* The first two are the roots, and never free. */
static struct world_file *file_take(struct reference *world, enum file_kind kind)
{
	uint32_t end = kind == FILE_REGULAR ? WORLD_DISKS : WORLD_FILES;

	for (uint32_t i = kind == FILE_REGULAR ? 0 : WORLD_DISKS; i < end; i++) {
		struct world_file *file = file_at(world, i);

		if (file->kind != FILE_FREE)
			continue;
		file->kind = (uint8_t)kind;
		file->implied = false;
		file->links = file->opens = file->size_bytes = 0;
		return file;
	}
	return NULL;
}

static void file_let_go(struct world_file *file)
{
	if (!file->links && !file->opens)
		file->kind = FILE_FREE;
}

void world_file_open(struct world_file *file)
{
	file->opens++;
}

void world_file_close(struct world_file *file)
{
	file->opens--;
	file_let_go(file);
}

/* Gives what is at a place that name. */
static int name_give(struct reference *world, const struct world_place *at, struct world_file *file)
{
	struct world_name *name = name_take(world);

	if (!name)
		return -ENOSPC;
	name->directory = at->directory;
	name->file = index_of(world, file) + 1;
	strcpy(name->text, at->text);
	file->links++;
	return 0;
}

static void name_drop(struct reference *world, struct world_name *name)
{
	struct world_file *file = file_at(world, name->file - 1);

	name->file = 0;
	file->links--;
	file_let_go(file);
}

int world_make(struct reference *world, const struct world_place *at, enum file_kind kind,
	       unsigned mode, struct world_file **made)
{
	struct world_file *directory = file_at(world, at->directory);
	int error;

	if (!directory->links)
		return -ENOENT;
	*made = file_take(world, kind);
	if (!*made)
		return -ENOSPC;
	(*made)->mode = (uint16_t)mode;
	(*made)->parent = at->directory;
	error = name_give(world, at, *made);
	if (error)
		(*made)->kind = FILE_FREE;
	else
		directory->implied = false;
	return error;
}

void world_tree_begin(struct reference *world)
{
	for (uint32_t root = WORLD_ROOT; root <= WORLD_CURRENT; root++)
		*file_at(world, root) = (struct world_file){.kind = FILE_DIRECTORY,
							    .links = 1,
							    .mode = 0755,
							    .parent = WORLD_ROOT,
							    .implied = root == WORLD_ROOT};
}

/* ---- The walk along a path. ---- */

static int base_of(struct reference *world, int directory, uint32_t *base)
{
	const struct world_node *node;

	*base = WORLD_CURRENT;
	if (directory == AT_FDCWD)
		return 0;
	node = world_node(world, directory);
	if (!node)
		return -EBADF;
	if (node->kind != NODE_FILE || node->file->kind != FILE_DIRECTORY)
		return -ENOTDIR;
	*base = index_of(world, node->file);
	return 0;
}

/* Takes the next component off the rest. at->last says whether it was the last one. */
static int take_component(struct walk *walk)
{
	char *rest = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(rest, "/");
	size_t slashes = strspn(rest + length, "/");

	if (length > WALK_NAME_BYTES)
		return -ENAMETOOLONG;
	memcpy(walk->at->text, rest, length);
	walk->at->text[length] = '\0';
	walk->at->slash = slashes > 0;
	walk->at->last = !rest[length + slashes];
	memmove(walk->rest, rest + length + slashes, strlen(rest + length + slashes) + 1);
	return 0;
}

static bool is_dots(const char *text)
{
	return !*text || strcmp(text, ".") == 0 || strcmp(text, "..") == 0;
}

/* What the component that was taken names, if anything. */
static void look_up(struct walk *walk)
{
	struct world_place *at = walk->at;

	at->name = NULL;
	if (is_dots(at->text)) {
		if (strcmp(at->text, "..") == 0)
			at->directory = file_at(walk->world, at->directory)->parent;
		at->file = file_at(walk->world, at->directory);
		return;
	}
	at->name = name_find(walk->world, at->directory, at->text);
	at->file = at->name ? file_at(walk->world, at->name->file - 1) : NULL;
}

/* Puts what a link leads to in front of the rest. */
static int follow_link(struct walk *walk)
{
	const char *target = walk->at->file->target;
	size_t length = strlen(target);
	size_t slash = walk->at->slash;
	size_t rest = strlen(walk->rest) + 1;

	if (++walk->links > WALK_LINKS)
		return -ELOOP;
	if (length + slash + rest > WALK_BYTES)
		return -ENAMETOOLONG;
	memmove(walk->rest + length + slash, walk->rest, rest);
	memset(walk->rest + length, '/', slash);
	memcpy(walk->rest, target, length);
	if (*target == '/')
		walk->at->directory = WORLD_ROOT;
	return 0;
}

/* Into a directory that was named on the way. */
static int descend(struct walk *walk)
{
	struct world_place *at = walk->at;
	int error;

	if (!at->file) {
		if (!walk->making || !file_at(walk->world, at->directory)->implied)
			return -ENOENT;
		error = world_make(walk->world, at, FILE_DIRECTORY, 0755, &at->file);
		if (error)
			return error;
		file_at(walk->world, at->directory)->implied = at->file->implied = true;
	}
	if (at->file->kind != FILE_DIRECTORY)
		return -ENOTDIR;
	at->directory = index_of(walk->world, at->file);
	return 0;
}

static int walk_on(struct walk *walk)
{
	struct world_place *at = walk->at;
	int error;

	do {
		error = take_component(walk);
		if (error)
			return error;
		look_up(walk);
		if (at->file && at->file->kind == FILE_LINK &&
		    (!at->last || walk->follow || at->slash)) {
			error = follow_link(walk);
			at->last = false;
		} else if (!at->last) {
			error = descend(walk);
		}
	} while (!error && !at->last);
	if (!error && at->slash && at->file && at->file->kind != FILE_DIRECTORY)
		return -ENOTDIR;
	return error;
}

int world_walk(struct reference *world, int directory, const char *path, unsigned how,
	       struct world_place *at)
{
	struct walk walk = {.world = world,
			    .at = at,
			    .follow = how & WALK_FOLLOW,
			    .making = how & WALK_MAKING};
	int error;

	if (!*path)
		return -ENOENT;
	if (strlen(path) >= WALK_BYTES)
		return -ENAMETOOLONG;
	strcpy(walk.rest, path);
	at->directory = WORLD_ROOT;
	error = *path == '/' ? 0 : base_of(world, directory, &at->directory);
	return error ? error : walk_on(&walk);
}

/* ---- What can be done with names. ---- */

/* Where something new is to be named: -EEXIST if there is something. */
static int walk_new(struct reference *world, int directory, const char *path, bool directories,
		    struct world_place *at)
{
	int error = world_walk(world, directory, path, WALK_MAKING, at);

	if (error == -ENOTDIR && at->last && at->file)
		return -EEXIST;
	if (error)
		return error;
	if (at->file)
		return -EEXIST;
	return at->slash && !directories ? -ENOENT : 0;
}

int world_mkdir(struct reference *world, int directory, const char *path, unsigned mode)
{
	struct world_place at;
	struct world_file *made;
	int error = walk_new(world, directory, path, true, &at);

	return error ? error : world_make(world, &at, FILE_DIRECTORY, mode & 01777, &made);
}

int world_symlink(struct reference *world, const char *target, int directory, const char *path)
{
	struct world_place at;
	struct world_file *made;
	int error;

	if (!*target)
		return -ENOENT;
	if (strlen(target) >= WORLD_PATH_BYTES)
		return -ENAMETOOLONG;
	error = walk_new(world, directory, path, false, &at);
	if (!error)
		error = world_make(world, &at, FILE_LINK, 0777, &made);
	if (error)
		return error;
	strcpy(made->target, target);
	made->size_bytes = (uint32_t)strlen(target);
	return 0;
}

static int remove_directory(struct reference *world, const struct world_place *at)
{
	if (!at->name)
		return strcmp(at->text, "..") == 0 ? -ENOTEMPTY : *at->text ? -EINVAL : -EBUSY;
	if (at->file->kind != FILE_DIRECTORY)
		return -ENOTDIR;
	if (!is_empty(world, index_of(world, at->file)))
		return -ENOTEMPTY;
	name_drop(world, at->name);
	return 0;
}

int world_unlink(struct reference *world, int directory, const char *path, int flags)
{
	struct world_place at;
	int error;

	if (flags & ~AT_REMOVEDIR)
		return -EINVAL;
	error = world_walk(world, directory, path, 0, &at);
	if (error)
		return error;
	if (!at.file)
		return -ENOENT;
	if (flags & AT_REMOVEDIR)
		return remove_directory(world, &at);
	if (at.file->kind == FILE_DIRECTORY)
		return -EISDIR;
	name_drop(world, at.name);
	return 0;
}

/* What a path names, or, if that is allowed, what a descriptor itself is. */
static int walk_to_file(struct reference *world, int directory, const char *path, int flags,
			unsigned how, struct world_file **file)
{
	struct world_place at;
	const struct world_node *node;
	int error;

	if (!*path && flags & AT_EMPTY_PATH && directory != AT_FDCWD) {
		node = world_node(world, directory);
		*file = node ? node->file : NULL;
		return node ? 0 : -EBADF;
	}
	error = world_walk(world, directory, *path || !(flags & AT_EMPTY_PATH) ? path : ".", how,
			   &at);
	if (error)
		return error;
	*file = at.file;
	return at.file ? 0 : -ENOENT;
}

int world_link(struct reference *world, const struct world_names *names, int flags)
{
	struct world_place to;
	struct world_file *file;
	int error;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	error = walk_to_file(world, names->from_directory, names->from, flags,
			     flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0, &file);
	if (!error)
		error = walk_new(world, names->to_directory, names->to, false, &to);
	if (error)
		return error;
	if (!file || file->kind == FILE_DIRECTORY)
		return -EPERM;
	if (!file->links || !file_at(world, to.directory)->links)
		return -ENOENT;
	file_at(world, to.directory)->implied = false;
	return name_give(world, &to, file);
}

/* Is a directory that one, or above it? */
static bool is_above(struct reference *world, const struct world_file *file, uint32_t directory)
{
	uint32_t above = index_of(world, file);

	while (directory != above && directory != WORLD_ROOT)
		directory = file_at(world, directory)->parent;
	return directory == above;
}

/* May what is at `from` take the place of what is at `to`? */
static int may_replace(struct reference *world, const struct world_place *from,
		       const struct world_place *to)
{
	bool directory = from->file->kind == FILE_DIRECTORY;

	if (directory && to->file->kind != FILE_DIRECTORY)
		return -ENOTDIR;
	if (!directory && to->file->kind == FILE_DIRECTORY)
		return -EISDIR;
	return directory && !is_empty(world, index_of(world, to->file)) ? -ENOTEMPTY : 0;
}

static void move_name(struct reference *world, const struct world_place *from,
		      const struct world_place *to)
{
	from->name->directory = to->directory;
	strcpy(from->name->text, to->text);
	if (from->file->kind == FILE_DIRECTORY)
		from->file->parent = to->directory;
	file_at(world, to->directory)->implied = false;
}

static int exchange(struct reference *world, struct world_place *from, struct world_place *to)
{
	uint32_t file = from->name->file;

	if (is_above(world, to->file, from->directory))
		return -EINVAL;
	from->name->file = to->name->file;
	to->name->file = file;
	from->file->parent = to->directory;
	to->file->parent = from->directory;
	return 0;
}

static int rename_onto(struct reference *world, struct world_place *from, struct world_place *to,
		       unsigned flags)
{
	int error;

	if (flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (to->file == from->file)
		return 0;
	if (flags & RENAME_EXCHANGE)
		return exchange(world, from, to);
	if (is_above(world, to->file, from->directory))
		return -ENOTEMPTY;
	error = may_replace(world, from, to);
	if (error)
		return error;
	name_drop(world, to->name);
	move_name(world, from, to);
	return 0;
}

static int rename_places(struct reference *world, struct world_place *from, struct world_place *to,
			 unsigned flags)
{
	bool directory;

	if ((from->file && !from->name) || (to->file && !to->name))
		return -EBUSY;
	if (!from->file)
		return -ENOENT;
	directory = from->file->kind == FILE_DIRECTORY;
	if (directory && is_above(world, from->file, to->directory))
		return -EINVAL;
	if (!directory && to->slash && !(flags & RENAME_EXCHANGE))
		return -ENOTDIR;
	if (to->file)
		return rename_onto(world, from, to, flags);
	if (flags & RENAME_EXCHANGE || !file_at(world, to->directory)->links)
		return -ENOENT;
	move_name(world, from, to);
	return 0;
}

int world_rename(struct reference *world, const struct world_names *names, unsigned flags)
{
	struct world_place from;
	struct world_place to;
	int error;

	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	error = world_walk(world, names->from_directory, names->from, 0, &from);
	if (!error)
		error = world_walk(world, names->to_directory, names->to, WALK_MAKING, &to);
	return error ? error : rename_places(world, &from, &to, flags);
}

/* ---- Looking at a file. ---- */

static const uint16_t types[] = {
	[FILE_REGULAR] = S_IFREG, [FILE_DIRECTORY] = S_IFDIR, [FILE_LINK] = S_IFLNK};

/* Of a socket (no file) nothing but that is told; there is no time here but that of the loop. */
static void describe(const struct reference *world, const struct world_file *file,
		     struct statx *into)
{
	*into = (struct statx){.stx_mask = STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_INO |
					   STATX_SIZE | STATX_BLOCKS,
			       .stx_blksize = 4096,
			       .stx_nlink = 1,
			       .stx_mode = S_IFSOCK | 0777};
	if (!file)
		return;
	into->stx_mode = types[file->kind] | file->mode;
	into->stx_nlink = file->links + (file->kind == FILE_DIRECTORY);
	into->stx_ino = index_of(world, file) + 1;
	into->stx_size = file->size_bytes;
	into->stx_blocks = (file->size_bytes + 511) / 512;
}

int world_statx(struct reference *world, const struct duet_op *op)
{
	const int known = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;
	int flags = op->args.statx.flags;
	struct world_file *file;
	int error;

	if (flags & ~known || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE ||
	    op->args.statx.mask & STATX__RESERVED)
		return -EINVAL;
	error = walk_to_file(world, op->args.statx.directory, op->args.statx.path, flags,
			     flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW, &file);
	if (!error)
		describe(world, file, op->args.statx.into);
	return error;
}
