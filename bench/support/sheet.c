/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 */
#include "sheet.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { CELL_BYTES = 32, LIST_BYTES = 256, SHEET_COLUMNS = 80 };

enum standing { AHEAD, LEVEL, BEHIND, STANDINGS };

bool sheet_void(const struct sheet_row *row)
{
	return !row->there || row->errors > 0;
}

static const char *ratio_cell(char cell[CELL_BYTES], struct estimate ratio)
{
	if (isnan(ratio.middle))
		snprintf(cell, CELL_BYTES, "-");
	else if (isfinite(ratio.high) && ratio.low < ratio.high)
		snprintf(cell, CELL_BYTES, "%.3f %.3f-%.3f", ratio.middle, ratio.low, ratio.high);
	else
		snprintf(cell, CELL_BYTES, "%.3f", ratio.middle);
	return cell;
}

static const char *count_cell(char cell[CELL_BYTES], double count, int digits)
{
	if (isnan(count))
		snprintf(cell, CELL_BYTES, "-");
	else
		snprintf(cell, CELL_BYTES, "%.*f", digits, count);
	return cell;
}

static void print_row(const struct sheet_row *row)
{
	char first[CELL_BYTES], second[CELL_BYTES], instructions[CELL_BYTES], calls[CELL_BYTES];

	if (row->errors > 0) {
		printf("%-16s void: its client counts %" PRIu64 " errors\n", row->name, row->errors);
		return;
	}
	if (!row->there) {
		printf("%-16s void: it could not be started, or broke off\n", row->name);
		return;
	}
	printf("%-16s %8" PRIu64 " %6.0f %17s %17s %5s %5s\n", row->name, row->messages, row->cpu_ns,
	       ratio_cell(first, row->ratios[0]), ratio_cell(second, row->ratios[1]),
	       count_cell(instructions, row->instructions, 0), count_cell(calls, row->calls, 2));
}

/* The largest effect that a twin against its own copy showed: nothing smaller is claimed. */
static double own_floor(const struct sheet *sheet, unsigned int twin)
{
	double floor = 0;

	for (unsigned int index = 0; index < sheet->count; index++) {
		const struct sheet_row *row = &sheet->rows[index];
		struct estimate itself = row->ratios[twin];

		if (row->again && !sheet_void(row) && row->command == sheet->rows[twin].command)
			floor = fmax(fabs(log(itself.low)), fabs(log(itself.high)));
	}
	return floor;
}

static enum standing stand(struct estimate ratio, double floor)
{
	bool claimed = fabs(log(ratio.middle)) > floor;

	if (ratio.high < 1 && claimed)
		return AHEAD;
	return ratio.low > 1 && claimed ? BEHIND : LEVEL;
}

/* "polling: ahead of a, b; level with c" as far as there is something to say. */
static void print_standing(const struct sheet *sheet, unsigned int twin)
{
	static const char *const words[STANDINGS] = { "ahead of", "level with", "behind" };
	double floor = own_floor(sheet, twin);
	const char *mark = ":";

	if (sheet_void(&sheet->rows[twin]))
		return;
	printf("%s", sheet->rows[twin].name);
	for (unsigned int standing = AHEAD; standing < STANDINGS; standing++) {
		const char *before = words[standing];

		for (unsigned int index = SHEET_TWINS; index < sheet->count; index++) {
			const struct sheet_row *row = &sheet->rows[index];

			if (row->again || sheet_void(row) ||
			    stand(row->ratios[twin], floor) != standing)
				continue;
			printf("%s %s%s%s", mark, before, before[0] ? " " : "", row->name);
			before = "";
			mark = ",";
		}
		mark = before[0] ? mark : ";";
	}
	printf("\n");
}

void sheet_print(const struct sheet *sheet)
{
	printf("%s, rounds: %u\n%16s %8s %6s %17s %17s %5s %5s\n", sheet->title, sheet->rounds, "",
	       "", "CPU", "polling", "completion", "user", "");
	printf("%-16s %8s %6s %17s %17s %5s %5s\n", "server", "messages", "ns", "÷ it    ",
	       "÷ it    ", "instr", "calls");
	for (unsigned int index = 0; index < sheet->count; index++)
		print_row(&sheet->rows[index]);
	for (unsigned int twin = 0; sheet->judged && twin < SHEET_TWINS; twin++)
		print_standing(sheet, twin);
	printf("\n");
	fflush(stdout);
}

static void write_text(FILE *out, const char *key, const char *text)
{
	fprintf(out, "\"%s\": \"", key);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		if ((unsigned char)*text >= ' ')
			fputc(*text, out);
	}
	fputc('"', out);
}

static void write_number(FILE *out, const char *key, double value)
{
	if (isfinite(value))
		fprintf(out, ", \"%s\": %.6g", key, value);
	else
		fprintf(out, ", \"%s\": null", key);
}

static void write_row(FILE *out, const struct sheet *sheet, const struct sheet_row *row)
{
	bool counts = !sheet_void(row);

	fprintf(out, "  {");
	write_text(out, "server", row->name);
	fprintf(out, ", ");
	write_text(out, "command", row->command);
	fprintf(out, ", \"again\": %s, \"void\": %s, \"messages\": %" PRIu64 ", \"errors\": %" PRIu64,
		row->again ? "true" : "false", counts ? "false" : "true", row->messages, row->errors);
	write_number(out, "cpu_ns", counts ? row->cpu_ns : NAN);
	write_number(out, "user_instructions", counts ? row->instructions : NAN);
	write_number(out, "calls", counts ? row->calls : NAN);
	fprintf(out, ", \"ratios\": [");
	for (unsigned int twin = 0; twin < SHEET_TWINS; twin++) {
		fprintf(out, "%s{", twin ? ", " : "");
		write_text(out, "twin", sheet->rows[twin].name);
		write_number(out, "middle", counts ? row->ratios[twin].middle : NAN);
		write_number(out, "low", counts ? row->ratios[twin].low : NAN);
		write_number(out, "high", counts ? row->ratios[twin].high : NAN);
		fprintf(out, "}");
	}
	fprintf(out, "]}");
}

static void write_head(FILE *out, const struct sheet *sheet)
{
	struct utsname system;

	fprintf(out, "{\"schema\": 1, \"bench\": \"beside\", ");
	write_text(out, "case", sheet->title);
	fprintf(out, ", \"rounds\": %u, \"judged\": %s", sheet->rounds,
		sheet->judged ? "true" : "false");
	if (uname(&system) == 0)
		fprintf(out, ", \"kernel\": \"%s %s\", \"machine\": \"%s\"", system.sysname,
			system.release, system.machine);
	fprintf(out, ", \"processors\": %ld, \"rows\": [\n", sysconf(_SC_NPROCESSORS_ONLN));
}

int sheet_write(const struct sheet *sheet, const char *path)
{
	FILE *out = fopen(path, "w");

	if (!out)
		return -errno;
	write_head(out, sheet);
	for (unsigned int index = 0; index < sheet->count; index++) {
		write_row(out, sheet, &sheet->rows[index]);
		fputs(index + 1 < sheet->count ? ",\n" : "\n", out);
	}
	fputs("]}\n", out);
	return fclose(out) ? -errno : 0;
}
