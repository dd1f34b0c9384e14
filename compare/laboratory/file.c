/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/file.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compare/laboratory/leg.h"

enum { RECORDS = 4, RECORD_BYTES = 16 };

/* What is next. Each body begins with the header, as a program that was started again. */
enum stage {
	STAGE_OPEN,   /* reads the header. -> RECORD; BACK: all are there */
	STAGE_RECORD, /* writes the next record behind the others. -> COUNT */
	STAGE_COUNT,  /* writes the header that counts it. -> SYNC */
	STAGE_SYNC,   /* makes it durable. -> RECORD, BACK */
	STAGE_BACK,   /* reads all of it. -> DONE */
	STAGE_DONE,
};

struct header {
	uint32_t records;
	uint32_t record_bytes;
};

struct file {
	const struct policy *policy;
	struct duet_lab *lab;
	struct duet_scope *scope;
	duet_handle handle;
	struct leg leg;
	enum stage stage;
	uint32_t written; /* of our records: the file counts them, as far as we know */
	struct header header, next;
	unsigned char record[RECORD_BYTES];
	unsigned char all[RECORDS * RECORD_BYTES];
};

static void fill(unsigned char *record, uint32_t number)
{
	for (uint32_t i = 0; i < RECORD_BYTES; i++)
		record[i] = (unsigned char)(number * 37 + i * 11 + 1);
}

static uint64_t offset_of(uint32_t record)
{
	return sizeof(struct header) + (uint64_t)record * RECORD_BYTES;
}

/* ---- Starts: one for each stage. ---- */

static void read_header(struct file *file)
{
	duet_op_read(&file->leg.op, file->handle, &file->header, sizeof(file->header), 0);
}

static void write_record(struct file *file)
{
	fill(file->record, file->written);
	duet_op_write(&file->leg.op, file->handle, file->record, RECORD_BYTES,
		      offset_of(file->header.records));
}

static void write_header(struct file *file)
{
	file->next = (struct header){ file->header.records + 1, RECORD_BYTES };
	duet_op_write(&file->leg.op, file->handle, &file->next, sizeof(file->next), 0);
}

static void make_durable(struct file *file)
{
	duet_op_fsync(&file->leg.op, file->handle, DUET_DATA_ONLY);
}

static void read_back(struct file *file)
{
	duet_op_read(&file->leg.op, file->handle, file->all, sizeof(file->all), offset_of(0));
}

/* ---- Ends. ---- */

static void ended(struct leg *leg);

static void go_on(struct file *file)
{
	static void (*const starts[STAGE_DONE])(struct file *file) = {
		read_header, write_record, write_header, make_durable, read_back,
	};

	if (file->stage == STAGE_DONE) {
		duet_lab_finish(file->lab);
		return;
	}
	leg_init(&file->leg, file->policy, ended, file);
	starts[file->stage](file);
	leg_start(&file->leg, file->scope);
}

static enum stage next_stage(struct file *file)
{
	switch (file->stage) {
	case STAGE_RECORD:
		return STAGE_COUNT;
	case STAGE_COUNT:
		file->header = file->next;
		file->written++;
		return STAGE_SYNC;
	case STAGE_OPEN:
	case STAGE_SYNC:
		return file->written < RECORDS ? STAGE_RECORD : STAGE_BACK;
	default:
		return STAGE_DONE;
	}
}

/* What was not whole is done again in its own place. */
static void ended(struct leg *leg)
{
	struct file *file = leg->context;
	bool done = file->stage == STAGE_SYNC ? leg->op.disposition == DUET_COMPLETED
					      : leg->bytes == leg->op.args.io.length_bytes;

	if (done)
		file->stage = next_stage(file);
	go_on(file);
}

/* ---- The workload. ---- */

/* In memory: what a disk does takes its own time, and a sweep knows none. */
static int set_up(struct duet_lab *lab, void *state)
{
	static const struct header empty = { 0, RECORD_BYTES };
	struct file *file = state;
	int fd = memfd_create("duet-laboratory", MFD_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	error = pwrite(fd, &empty, sizeof(empty), 0) == sizeof(empty) ? 0 : -ENOSPC;
	if (!error)
		error = duet_handle_adopt(duet_lab_loop(lab), fd, 0, &file->handle);
	if (error)
		close(fd);
	file->lab = lab;
	file->policy = duet_lab_context(lab);
	return error;
}

static void body(struct duet_lab *lab, struct duet_scope *scope, void *state)
{
	struct file *file = state;

	(void)lab;
	file->scope = scope;
	if (file->stage != STAGE_DONE)
		file->stage = STAGE_OPEN;
	go_on(file);
}

/* The file itself, and not what the workload has made of it. */
static const char *check(struct duet_lab *lab, void *state)
{
	struct file *file = state;
	int fd = duet_handle_fd(duet_lab_loop(lab), file->handle);
	struct header header = { 0, 0 };
	unsigned char there[RECORD_BYTES], wanted[RECORD_BYTES];

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) || header.records != RECORDS)
		return "the file counts more records than were written, or fewer";
	for (uint32_t i = 0; i < RECORDS; i++) {
		fill(wanted, i);
		if (pread(fd, there, sizeof(there), (off_t)offset_of(i)) != sizeof(there) ||
		    memcmp(there, wanted, sizeof(there)) != 0 ||
		    memcmp(file->all + i * RECORD_BYTES, wanted, sizeof(wanted)) != 0)
			return "a record of the file is another one";
	}
	return NULL;
}

void file_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = (struct duet_lab_workload){ .name = "file", .state_bytes = sizeof(struct file),
						.set_up = set_up, .body = body, .check = check,
						.context = policy };
}
