/* Addresses, numbers and names under a key, see disguise.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "traces/edit/disguise.h"

enum {
	GIB_SHIFT = 30, HUGE_SHIFT = 21,
	GIB_HUGE = 1 << (GIB_SHIFT - HUGE_SHIFT),
	FIRST_TID = 1000,
};

#define USER_END (1ULL << 56)		/* five levels of page tables */
#define USER_END_4 (1ULL << 47)
#define KERNEL_START (1ULL << 63)
#define KERNEL_CODE 0xffffffff80000000ULL

static uint64_t keyed(const struct disguise *d, const char *what, uint64_t n)
{
	char text[48];
	int bytes = snprintf(text, sizeof(text), "%s %llx", what,
			     (unsigned long long)n);

	return siphash(d->key, text, (size_t)bytes);
}

void disguise_note(struct disguise *d, uint64_t addr, uint64_t len_bytes)
{
	uint64_t last;

	if (!addr || addr >= USER_END)
		return;
	last = len_bytes && len_bytes <= USER_END - addr ?
	       addr + len_bytes - 1 : addr;
	/* the value is set when all are known: one run of equals is one span */
	rangemap_set(&d->used, (struct range){ addr >> GIB_SHIFT,
		     (last >> GIB_SHIFT) + 1 }, 0);
}

static int by_value(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return a < b ? -1 : a > b;
}

static void settle_tids(struct disguise *d, const struct trace_header *h)
{
	uint32_t kept = 0;

	d->tids = xcalloc((size_t)h->task_count * 2 + 1, sizeof(*d->tids));
	for (uint32_t i = 0; i < h->task_count; i++) {
		d->tids[d->tid_count++] = h->tasks[i].tid;
		d->tids[d->tid_count++] = h->tasks[i].tgid;
	}
	qsort(d->tids, d->tid_count, sizeof(*d->tids), by_value);
	for (uint32_t i = 0; i < d->tid_count; i++) {
		if (!kept || d->tids[kept - 1] != d->tids[i])
			d->tids[kept++] = d->tids[i];
	}
	d->tid_count = kept;
}

/*
 * Spans in their order, each with a share of the free space before it:
 *
 *   old  |AA   BBB                         C|
 *   new  |AA           BBB            C     |
 *
 * A span takes one GiB more than it has, for its move within a GiB.
 */
void disguise_settle(struct disguise *d, const struct trace_header *h)
{
	uint64_t end = USER_END_4 >> GIB_SHIFT, taken = 0, weights = 1, at = 0;
	struct rangemap placed = { 0 };
	struct range_run run;
	uint64_t free_gib;

	settle_tids(d, h);
	for (uint64_t i = 0; rangemap_next(&d->used, i, &run); i = run.r.end) {
		taken += range_bytes(run.r) + 2;
		weights += 1 + (keyed(d, "gap", run.r.start) >> 44);
		if (run.r.end > end)
			end = USER_END >> GIB_SHIFT;
	}
	free_gib = end > taken ? end - taken : 0;
	for (uint64_t i = 0; rangemap_next(&d->used, i, &run); i = run.r.end) {
		uint64_t to;

		at += (uint64_t)((unsigned __int128)free_gib *
		      (1 + (keyed(d, "gap", run.r.start) >> 44)) / weights);
		to = (at + 1) * GIB_HUGE +
		     keyed(d, "move", run.r.start) % GIB_HUGE;
		if (!run.r.start)
			to = at = 0;
		rangemap_set(&placed, run.r, to - run.r.start * GIB_HUGE);
		at += range_bytes(run.r) + 2;
	}
	rangemap_release(&d->used);
	d->used = placed;
}

void disguise_release(struct disguise *d)
{
	rangemap_release(&d->used);
	free(d->tids);
}

uint64_t disguise_addr(const struct disguise *d, uint64_t addr)
{
	struct range_run run;

	if (!addr || addr == UINT64_MAX)
		return addr;
	if (addr >= KERNEL_CODE)
		return addr - (keyed(d, "code", 0) % GIB_HUGE << HUGE_SHIFT);
	if (addr >= KERNEL_START)
		return addr - (keyed(d, "kernel", 0) % (1 << 14) << GIB_SHIFT);
	if (addr >= USER_END)	/* not canonical */
		return USER_END | (keyed(d, "wild", addr) >> 20);
	if (!rangemap_find(&d->used, addr >> GIB_SHIFT, &run))
		return 0;
	return addr + (run.value << HUGE_SHIFT);
}

uint64_t disguise_id(const struct disguise *d, uint64_t id)
{
	return id && id != UINT64_MAX ? keyed(d, "id", id) : id;
}

uint32_t disguise_tid(const struct disguise *d, uint32_t tid)
{
	const uint32_t *at = bsearch(&tid, d->tids, d->tid_count,
				     sizeof(*d->tids), by_value);

	return at ? FIRST_TID + (uint32_t)(at - d->tids) : 0;
}

void disguise_name(const struct disguise *d, const char *prefix, char *name,
		   size_t bytes)
{
	uint64_t hash;

	if (!name[0])
		return;
	hash = siphash(d->key, name, strnlen(name, bytes));
	memset(name, 0, bytes);
	snprintf(name, bytes, "%s-%08x", prefix, (unsigned)(hash >> 32));
}
