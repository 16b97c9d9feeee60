/*
 * The page tables under virtual areas.
 *
 * init_mm's tables are shared by all CPUs: eight entries of 8 bytes lie in one
 * cache line, so that areas of a few pages share lines with their neighbours,
 * whoever they belong to. A table is made when the first page in its 2 MiB is
 * mapped, under init_mm.page_table_lock, and never freed: one that maps nothing
 * any more is memory that only a later area in the same 2 MiB can use.
 *
 * Invariant: a table is in the ledger exactly while it maps no page.
 * Limit: of a large area only the first and the last line of entries is
 * simulated, the others are nobody else's; their cost is in that of the page.
 * Cost: O(tables of the area) expected.
 */
#include <stdlib.h>
#include "sim/mm/vmap.h"
#include "sim/sync/spinlock.h"

enum { PTE_BYTES = 8, TABLE_SPAN_SHIFT = 21 };

/** struct keyed - objects by number: open addressing, a power of two of slots */
struct keyed {
	struct pool objects;
	uint64_t **slot;		/* of objects, which begin with their key */
	uint64_t used, room;
};

/** struct pte_line - a cache line of page-table entries, by what it maps */
struct pte_line {
	uint64_t key;
	struct line line;
};

/** struct vmap_table - 2 MiB of addresses; @pages: that it maps */
struct vmap_table {
	uint64_t key;
	uint64_t pages;
	struct hold_tag held;		/* while idle: maps nothing, but did */
	bool made, idle;
};

struct vmap_tables {
	struct keyed lines, tables;
	uint64_t line_span;
	struct spinlock lock;		/* init_mm.page_table_lock */
	struct place place;
};

static void keyed_put(struct keyed *k, uint64_t *object)
{
	uint64_t i = *object * 0x9e3779b97f4a7c15ULL >> 20 & (k->room - 1);

	while (k->slot[i])
		i = (i + 1) & (k->room - 1);
	k->slot[i] = object;
}

static void keyed_grow(struct keyed *k)
{
	uint64_t **old = k->slot, room = k->room;

	k->room = room ? 2 * room : 64;
	k->slot = xcalloc(k->room, sizeof(*k->slot));
	for (uint64_t i = 0; i < room; i++)
		if (old[i])
			keyed_put(k, old[i]);
	free(old);
}

/* The object of @key; a zeroed one is made if there is none. */
static void *keyed_get(struct keyed *k, uint64_t key)
{
	uint64_t i, *object;

	if (k->used * 2 >= k->room)
		keyed_grow(k);
	i = key * 0x9e3779b97f4a7c15ULL >> 20 & (k->room - 1);
	for (; (object = k->slot[i]); i = (i + 1) & (k->room - 1))
		if (*object == key)
			return object;
	object = pool_get(&k->objects);
	*object = key;
	k->used++;
	keyed_put(k, object);
	return object;
}

static void keyed_release(struct keyed *k)
{
	free(k->slot);
	pool_release(&k->objects);
}

static void tables_release(void *part)
{
	struct vmap_tables *v = part;

	for (uint64_t i = 0; i < v->lines.room; i++)
		if (v->lines.slot[i])
			line_release(&((struct pte_line *)v->lines.slot[i])->line);
	keyed_release(&v->lines);
	keyed_release(&v->tables);
}

static struct vmap_tables *tables_of(struct kernel *k)
{
	static const char key;
	struct vmap_tables *v = machine_part(k->m, &key, sizeof(*v),
					     tables_release);

	if (v->line_span)
		return v;
	v->line_span = k->m->profile->line_bytes / PTE_BYTES * PAGE_BYTES;
	pool_init(&v->lines.objects, sizeof(struct pte_line));
	pool_init(&v->tables.objects, sizeof(struct vmap_table));
	address_get(address_cache_new(k->m, "init_mm", 64, 64), 0, &v->place);
	spin_init(&v->lock, place_line(k->m, &v->place, 0),
		  metrics_lock(k->metrics, "init_mm.page_table_lock", false));
	return v;
}

static struct line *pte_line(struct vmap_tables *v, uint64_t addr)
{
	struct pte_line *p = keyed_get(&v->lines, addr / v->line_span);

	return &p->line;
}

/* Entries of @r are written: set, or cleared. */
static void write_entries(struct task *t, struct vmap_tables *v, struct range r)
{
	struct line *first = pte_line(v, r.start);
	struct line *last = pte_line(v, r.end - 1);
	struct line_walk w;

	line_walk_begin(t, &w);
	line_walk_write(&w, first);
	if (last != first)
		line_walk_write(&w, last);
	line_walk_end(&w);
}

/* The table of @addr, and where it ends within @r. */
static struct vmap_table *table_at(struct vmap_tables *v, uint64_t addr,
				   struct range r, uint64_t *end)
{
	*end = ((addr >> TABLE_SPAN_SHIFT) + 1) << TABLE_SPAN_SHIFT;
	if (*end - 1 >= r.end)		/* or behind the last address */
		*end = r.end;
	return keyed_get(&v->tables, addr >> TABLE_SPAN_SHIFT);
}

static uint64_t vmap_tables_missing(struct vmap_tables *v, struct range r)
{
	uint64_t end, missing = 0;

	for (uint64_t at = r.start; at < r.end; at = end)
		missing += !table_at(v, at, r, &end)->made;
	return missing;
}

/* __pte_alloc_kernel() for what has no table; who is second finds it there. */
static void make_tables(struct task *t, struct vmap_tables *v, struct range r)
{
	uint64_t end, missing = vmap_tables_missing(v, r);

	if (!missing)
		return;
	prim(t, COST_PT_ALLOC, missing);
	spin_lock(t, &v->lock);
	assert_held(t, &v->lock);
	count_n(kernel_of(t), COUNT_VMAP_PAGE_TABLES, vmap_tables_missing(v, r));
	for (uint64_t at = r.start; at < r.end; at = end)
		table_at(v, at, r, &end)->made = true;
	spin_unlock(t, &v->lock);
	settle(t);
}

/* A table that maps something again leaves the ledger, one that maps nothing
 * any more enters it: what is decided is done in the same instant, settled. */
static void table_maps(struct task *t, struct vmap_table *table, uint64_t pages)
{
	table->pages += pages;
	if (!table->idle)
		return;
	table->idle = false;
	hold(kernel_of(t), HOLD_VMAP_TABLE, &table->held, STAGE_RESERVED,
	     STAGE_NONE, 1, PAGE_BYTES);
}

static void table_unmaps(struct task *t, struct vmap_table *table,
			 uint64_t pages)
{
	BUG_ON(table->pages < pages);
	table->pages -= pages;
	if (table->pages)
		return;
	table->idle = true;
	table->held = hold_tag_of(t, NULL);
	hold(kernel_of(t), HOLD_VMAP_TABLE, &table->held, STAGE_NONE,
	     STAGE_RESERVED, 1, PAGE_BYTES);
}

static void tables_map(struct task *t, struct vmap_tables *v, struct range r,
		       bool map)
{
	uint64_t end;

	for (uint64_t at = r.start; at < r.end; at = end) {
		struct vmap_table *table = table_at(v, at, r, &end);

		if (map)
			table_maps(t, table, (end - at) >> PAGE_SHIFT);
		else
			table_unmaps(t, table, (end - at) >> PAGE_SHIFT);
	}
}

/* vmalloc() and vmap() leave the last page out, as a guard. */
static struct range mapped(const struct vmap_area *va)
{
	uint64_t guard = va->kind <= VMAP_VMAP ? PAGE_BYTES : 0;

	return (struct range){ va->r.start, va->r.end - guard };
}

static void set_entries(struct task *t, struct range r)
{
	struct vmap_tables *v;

	settle(t);
	v = tables_of(kernel_of(t));
	make_tables(t, v, r);
	tables_map(t, v, r, true);
	write_entries(t, v, r);
}

void vmap_set(struct task *t, struct range r)
{
	body(t, COST_VMAP_PTE, range_pages(r));
	set_entries(t, r);
}

static void clear_entries(struct task *t, struct range r)
{
	struct vmap_tables *v = tables_of(kernel_of(t));

	write_entries(t, v, r);
	settle(t);
	tables_map(t, v, r, false);
}

void vmap_clear(struct task *t, struct range r)
{
	body(t, COST_VMAP_PTE, range_pages(r));
	clear_entries(t, r);
}

void vmap_map(struct task *t, const struct vmap_area *va)
{
	struct range r = mapped(va);

	if (r.start >= r.end)
		return;
	if (va->kind != VMAP_VMALLOC) {
		vmap_set(t, r);
		return;
	}
	body(t, COST_VMAP_MAP_PAGE, range_pages(r));
	set_entries(t, r);
}

void vmap_unmap(struct task *t, const struct vmap_area *va)
{
	struct range r = mapped(va);

	if (r.start >= r.end || va->kind == VMAP_BLOCK)
		return;
	if (va->kind != VMAP_VMALLOC) {
		vmap_clear(t, r);
		return;
	}
	body(t, COST_VMAP_UNMAP_PAGE, range_pages(r));
	clear_entries(t, r);
}


void vmap_check_tables(const struct kernel *k)
{
	const struct keyed *t = &tables_of((struct kernel *)(uintptr_t)k)->tables;
	uint64_t idle = 0;

	for (uint64_t i = 0; i < t->room; i++) {
		const struct vmap_table *table = (const void *)t->slot[i];

		BUG_ON(table && table->idle && table->pages);
		idle += table && table->idle;
	}
	BUG_ON(k->metrics->holds[k->hold[HOLD_VMAP_TABLE]].objects != idle);
}
