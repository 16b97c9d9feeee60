/*
 * Uses of pages, in leaves of 512 pages, cut into 32 parts of 16. The slot
 * `whole` stands for all 512 pages, so that populating a large range costs one
 * slot per 2 MiB. A part is nothing, a run, or spread:
 *
 *   leaf:    whole | part 0 | part 1 | ... | part 31
 *   run:     pages first .. last, used one after the other by consecutive
 *            records of one task: the ref of the first of them
 *   spread:  page 0 | page 1 | ... | page 15
 *
 * Memory that is touched for the first time is touched page after page, so
 * most parts are a run, and stay one until something else uses a page of it.
 * A page of a spread part holds nothing (0), one use (ref + 1) or a list of
 * uses by several tasks (LIST | index of a node).
 *
 * Invariant: a list has at most one node per task. Cost: O(log leaves) to
 * find a leaf, O(1) for the one of a task's last page; a clear or walk is O(pages) of
 * parts that are used. Memory: 304 bytes per 2 MiB in which a page was used
 * and not yet changed, and 128 bytes per 64 KiB of it that is spread, so it
 * follows what is mapped, not the length of the trace.
 */
#include <stdlib.h>
#include <string.h>
#include "sim/base/errbuf.h"
#include "sim/replay/uses.h"

#define LIST (1ULL << 63)

enum { PART_PAGES = 16, PARTS = PMD_PAGES / PART_PAGES };

_Static_assert(PARTS == 32, "a bit of a leaf's maps is a part");

struct use_part {
	uint64_t page[PART_PAGES];
};

/** struct use_leaf - @runs, @spread: a bit a part; neither: nothing */
struct use_leaf {
	uint64_t whole;
	uint32_t runs, spread;
	union {
		uint64_t ref;		/* run: of page first */
		struct use_part *pages;	/* spread */
	} part[PARTS];
	struct {
		uint8_t first, last;	/* run */
	} at[PARTS];
};

void use_store_init(struct use_store *s)
{
	*s = (struct use_store){ 0 };
	pool_init(&s->leaves, sizeof(struct use_leaf));
	pool_init(&s->parts, sizeof(struct use_part));
}

void use_store_release(struct use_store *s)
{
	pool_release(&s->leaves);
	pool_release(&s->parts);
	free(s->nodes);
}

static uint32_t node_get(struct use_store *s, uint64_t ref, uint32_t next)
{
	uint32_t i = s->free_list;

	if (i) {
		s->free_list = s->nodes[i].next;
	} else {
		if (s->used == s->room) {
			BUG_ON(s->room > UINT32_MAX / 2);
			s->room = s->room ? s->room * 2 : 64;
			s->nodes = xrealloc(s->nodes, s->room,
					    sizeof(*s->nodes));
		}
		s->used += !s->used;	/* 0 ends a list */
		i = s->used++;
	}
	s->nodes[i] = (struct use_node){ .ref = ref, .next = next };
	return i;
}

static void slot_clear(struct use_store *s, uint64_t *slot)
{
	uint32_t i, next;

	if (*slot & LIST) {
		for (i = (uint32_t)*slot; i; i = next) {
			next = s->nodes[i].next;
			s->nodes[i].next = s->free_list;
			s->free_list = i;
		}
	}
	*slot = 0;
}

static inline void slot_add(struct use_store *s, uint64_t *slot, uint64_t ref)
{
	uint32_t task = (uint32_t)(ref >> 32), i;

	if (!*slot || (!(*slot & LIST) && (*slot - 1) >> 32 == task)) {
		if (*slot < ref + 1)
			*slot = ref + 1;
		return;
	}
	if (!(*slot & LIST))
		*slot = LIST | node_get(s, *slot - 1, 0);
	for (i = (uint32_t)*slot; i; i = s->nodes[i].next) {
		if (s->nodes[i].ref >> 32 == task) {
			if (s->nodes[i].ref < ref)
				s->nodes[i].ref = ref;
			return;
		}
	}
	*slot = LIST | node_get(s, ref, (uint32_t)*slot);
}

static void slot_each(const struct use_store *s, uint64_t slot,
		      void (*fn)(void *arg, uint64_t ref), void *arg)
{
	if (!(slot & LIST)) {
		if (slot)
			fn(arg, slot - 1);
		return;
	}
	for (uint32_t i = (uint32_t)slot; i; i = s->nodes[i].next)
		fn(arg, s->nodes[i].ref);
}

static struct range leaf_range(uint64_t addr)
{
	uint64_t start = addr & ~(PMD_BYTES - 1);

	return (struct range){ start, start + PMD_BYTES };
}

static struct use_leaf *leaf_get(struct use_store *s, struct use_map *m,
				 uint64_t addr, uint32_t *near)
{
	struct range_run run;
	struct use_leaf *l;

	if (rangemap_find_near(&m->leaves, addr, &run, near))
		return (struct use_leaf *)(uintptr_t)run.value;
	l = pool_get(&s->leaves);
	rangemap_set(&m->leaves, leaf_range(addr), (uint64_t)(uintptr_t)l);
	return l;
}

/* The pages of the leaf at @start that lie in @r, as [*first, *end). */
static bool leaf_pages(uint64_t start, struct range r, uint32_t *first,
		       uint32_t *end)
{
	uint64_t from = r.start > start ? r.start - start : 0;
	uint64_t to = r.end - start < PMD_BYTES ? r.end - start : PMD_BYTES;

	*first = (uint32_t)(from >> PAGE_SHIFT);
	*end = (uint32_t)(page_up(to) >> PAGE_SHIFT);
	return *first == 0 && *end == PMD_PAGES;
}

/* A run as pages of their own. */
static struct use_part *spread(struct use_store *s, struct use_leaf *l,
			       uint32_t part)
{
	struct use_part *p;
	uint64_t ref = l->part[part].ref + 1;

	if (l->spread >> part & 1)
		return l->part[part].pages;
	p = pool_get(&s->parts);
	if (l->runs >> part & 1)
		for (uint32_t i = l->at[part].first; i <= l->at[part].last; i++)
			p->page[i] = ref++;
	l->runs &= ~(1u << part);
	l->spread |= 1u << part;
	l->part[part].pages = p;
	return p;
}

static void page_add(struct use_store *s, struct use_leaf *l, uint32_t i,
		     uint64_t ref)
{
	uint32_t part = i / PART_PAGES, page = i % PART_PAGES;

	if (l->runs >> part & 1 && page == l->at[part].last + 1u &&
	    ref - l->part[part].ref == page - l->at[part].first) {
		l->at[part].last = (uint8_t)page;
	} else if ((l->runs | l->spread) >> part & 1) {
		slot_add(s, &spread(s, l, part)->page[page], ref);
	} else {
		l->runs |= 1u << part;
		l->part[part].ref = ref;
		l->at[part].first = l->at[part].last = (uint8_t)page;
	}
}

void uses_add(struct use_store *s, struct use_map *m, struct range r,
	      uint64_t ref)
{
	uint32_t first, end, near = 0;

	for (uint64_t a = r.start; a < r.end; a = leaf_range(a).end) {
		struct use_leaf *l = leaf_get(s, m, a, &near);

		if (leaf_pages(leaf_range(a).start, r, &first, &end)) {
			slot_add(s, &l->whole, ref);
			continue;
		}
		for (uint32_t i = first; i < end; i++)
			page_add(s, l, i, ref);
	}
}

void uses_add_page(struct use_store *s, struct use_map *m, uint64_t page,
		   uint64_t ref, uint32_t *near)
{
	page_add(s, leaf_get(s, m, page, near),
		 page >> PAGE_SHIFT & (PMD_PAGES - 1), ref);
}

/* The uses of the pages [@first, @end) of one part. */
static void part_each(const struct use_store *s, const struct use_leaf *l,
		      uint32_t part, uint32_t first, uint32_t end,
		      void (*fn)(void *arg, uint64_t ref), void *arg)
{
	if (l->spread >> part & 1) {
		for (uint32_t i = first; i < end; i++)
			slot_each(s, l->part[part].pages->page[i], fn, arg);
	} else if (l->runs >> part & 1) {
		uint32_t from = l->at[part].first, to = l->at[part].last + 1u;

		for (uint32_t i = first > from ? first : from;
		     i < (end < to ? end : to); i++)
			fn(arg, l->part[part].ref + i - from);
	}
}

/* The end of @i's part, or @end if that is before. */
static uint32_t part_end(uint32_t i, uint32_t end)
{
	uint32_t next = (i / PART_PAGES + 1) * PART_PAGES;

	return next < end ? next : end;
}

void uses_each(const struct use_store *s, const struct use_map *m,
	       struct range r, void (*fn)(void *arg, uint64_t ref), void *arg)
{
	struct range_run run;
	uint32_t first, end;

	for (uint64_t a = r.start;
	     a < r.end && rangemap_next(&m->leaves, a, &run) &&
	     run.r.start < r.end; a = run.r.end) {
		const struct use_leaf *l = (void *)(uintptr_t)run.value;

		slot_each(s, l->whole, fn, arg);
		leaf_pages(run.r.start, r, &first, &end);
		for (uint32_t i = first; i < end; i = part_end(i, end))
			part_each(s, l, i / PART_PAGES, i % PART_PAGES,
				  (part_end(i, end) - 1) % PART_PAGES + 1, fn, arg);
	}
}

static void part_free(struct use_store *s, struct use_leaf *l, uint32_t part)
{
	struct use_part *p = l->part[part].pages;

	if (l->spread >> part & 1) {
		for (uint32_t i = 0; i < PART_PAGES; i++)
			slot_clear(s, &p->page[i]);
		pool_put(&s->parts, p);
	}
	l->runs &= ~(1u << part);
	l->spread &= ~(1u << part);
}

static void leaf_free(struct use_store *s, struct use_map *m,
		      struct range_run *run)
{
	struct use_leaf *l = (void *)(uintptr_t)run->value;

	slot_clear(s, &l->whole);
	for (uint32_t i = 0; i < PARTS; i++)
		part_free(s, l, i);
	rangemap_clear(&m->leaves, run->r);
	pool_put(&s->leaves, l);
}

struct push {
	struct use_store *s;
	struct use_leaf *l;
};

static void push_down(void *arg, uint64_t ref)
{
	struct push *p = arg;

	for (uint32_t i = 0; i < PMD_PAGES; i++)
		page_add(p->s, p->l, i, ref);
}

/* Return: nothing is left in the part. */
static bool part_empty(const struct use_part *p)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < PART_PAGES; i++)
		any |= p->page[i];
	return !any;
}

/* Forget the uses of the pages [@first, @end) of one part. */
static void part_clear(struct use_store *s, struct use_leaf *l, uint32_t part,
		       uint32_t first, uint32_t end)
{
	bool run = l->runs >> part & 1;
	struct use_part *p;

	if (!run && !(l->spread >> part & 1))
		return;
	if (first <= (run ? l->at[part].first : 0) &&
	    end > (run ? l->at[part].last : PART_PAGES - 1)) {
		part_free(s, l, part);
		return;
	}
	p = spread(s, l, part);
	for (uint32_t i = first; i < end; i++)
		slot_clear(s, &p->page[i]);
	if (part_empty(p))
		part_free(s, l, part);
}

/* Return: nothing is left in the leaf. */
static bool clear_pages(struct use_store *s, struct use_leaf *l,
			uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i = part_end(i, end))
		part_clear(s, l, i / PART_PAGES, i % PART_PAGES,
			   (part_end(i, end) - 1) % PART_PAGES + 1);
	return !(l->runs | l->spread);
}

void uses_clear(struct use_store *s, struct use_map *m, struct range r)
{
	struct range_run run;
	uint32_t first, end;

	for (uint64_t a = r.start;
	     a < r.end && rangemap_next(&m->leaves, a, &run) &&
	     run.r.start < r.end; a = run.r.end) {
		struct use_leaf *l = (void *)(uintptr_t)run.value;

		if (leaf_pages(run.r.start, r, &first, &end)) {
			leaf_free(s, m, &run);
			continue;
		}
		/* what was true of all pages stays true of the others */
		slot_each(s, l->whole, push_down,
			  &(struct push){ .s = s, .l = l });
		slot_clear(s, &l->whole);
		if (clear_pages(s, l, first, end))
			leaf_free(s, m, &run);
	}
}

void uses_release(struct use_store *s, struct use_map *m)
{
	struct range_run run;

	while (rangemap_next(&m->leaves, 0, &run))
		leaf_free(s, m, &run);
	rangemap_release(&m->leaves);
}
