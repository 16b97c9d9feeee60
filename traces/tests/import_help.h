#ifndef MMREPLAY_TRACES_TESTS_IMPORT_HELP_H
#define MMREPLAY_TRACES_TESTS_IMPORT_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "traces/format/mmt.h"
#include "traces/import/import.h"

/* What the tests of import share: text in, records out. */

enum { IMPORTED_MAX = 512 };

struct imported {
	struct import_account acct;
	struct errbuf e;
	int ret;
	struct mmt_reader *r;
	struct op op[IMPORTED_MAX];
	struct op_segment seg[IMPORTED_MAX][OP_SEGS_MAX];
	unsigned count;
	char out[32];
};

static void imported_read(struct imported *im)
{
	struct mmt_cursor *c;
	struct op op;

	im->r = mmt_open(im->out, MMT_MEASUREMENTS, 0, &im->e);
	assert_non_null(im->r);
	c = mmt_merged(im->r);
	while (im->count < IMPORTED_MAX && mmt_next(c, &op, &im->e) > 0) {
		im->op[im->count] = op;
		if (op.segs)
			memcpy(im->seg[im->count], op.seg,
			       op.segs * sizeof(*op.seg));
		im->op[im->count].seg = im->seg[im->count];
		im->count++;
	}
	mmt_cursor_free(c);
}

static struct imported *import_options(struct import_options *o)
{
	struct imported *im = calloc(1, sizeof(*im));
	int fd;

	strcpy(im->out, "/tmp/t_import.XXXXXX");
	fd = mkstemp(im->out);
	assert_true(fd >= 0);
	close(fd);
	o->output = im->out;
	im->ret = import_run(o, &im->acct, &im->e);
	assert_true(im->ret || import_balanced(&im->acct));
	if (!im->ret)
		imported_read(im);
	return im;
}

static inline struct imported *import_file(const char *path)
{
	const char *inputs[] = { path };
	struct import_options o = { .inputs = inputs, .input_count = 1 };

	return import_options(&o);
}

/* a file of traces/tests/data */
static inline struct imported *import_data(const char *name)
{
	const char *root = getenv("MMREPLAY_DATA");
	char path[512];

	snprintf(path, sizeof(path), "%s/traces/tests/data/%s",
		 root && *root ? root : ".", name);
	return import_file(path);
}

/* @bytes of @text, with all else as @o says */
static inline struct imported *import_bytes_as(struct import_options *o,
					       const char *text, size_t bytes)
{
	char path[] = "/tmp/t_import_text.XXXXXX";
	const char *inputs[] = { path };
	int fd = mkstemp(path);
	struct imported *im;

	assert_int_equal(write(fd, text, bytes), (ssize_t)bytes);
	close(fd);
	o->inputs = inputs;
	o->input_count = 1;
	im = import_options(o);
	unlink(path);
	return im;
}

static inline struct imported *import_bytes(const char *text, size_t bytes)
{
	struct import_options o = { 0 };

	return import_bytes_as(&o, text, bytes);
}

static inline struct imported *import_text(const char *text)
{
	return import_bytes(text, strlen(text));
}

/* The areas of mm @mm, a line each: start-end, rights, a if they are assumed,
 * resident pages as far as they are known. */
static inline void expect_layout(const struct imported *im, uint32_t mm,
				 const char *want)
{
	const struct trace_mm *m = &mmt_header(im->r)->mms[mm];
	char got[1024] = "";

	for (uint32_t i = 0; i < m->area_count; i++) {
		const struct trace_area *a = &m->areas[i];
		size_t n = strlen(got);

		n += (size_t)snprintf(got + n, sizeof(got) - n, "%jx-%jx %s%s%s%s",
			(uintmax_t)a->start, (uintmax_t)a->end,
			a->flags & AREA_READ ? "r" : "-",
			a->flags & AREA_WRITE ? "w" : "-",
			a->flags & AREA_EXEC ? "x" : "-",
			a->flags & AREA_ASSUMED ? "a" : "");
		if (a->resident_pages != UINT64_MAX)
			n += (size_t)snprintf(got + n, sizeof(got) - n, " %ju",
					      (uintmax_t)a->resident_pages);
		snprintf(got + n, sizeof(got) - n, "\n");
	}
	assert_string_equal(got, want);
}

static inline void imported_free(struct imported *im)
{
	mmt_close(im->r);
	unlink(im->out);
	import_account_release(&im->acct);
	free(im);
}

/* the @n-th record of a kind, from 0 */
static inline const struct op *nth(const struct imported *im, enum op_kind kind,
				   unsigned n)
{
	for (unsigned i = 0; i < im->count; i++) {
		if (im->op[i].kind == kind && !n--)
			return &im->op[i];
	}
	fail_msg("no record of kind %s", op_kinds[kind].name);
	return NULL;
}

static inline uint64_t lost(const struct imported *im, const char *name)
{
	for (unsigned i = 0; i < im->acct.losses; i++) {
		if (!strcmp(im->acct.loss[i].name, name))
			return im->acct.loss[i].lines;
	}
	return 0;
}

#endif
