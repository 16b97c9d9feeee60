/*
 * vmalloc() and vfree(): the kernel's entry points, and the page tables under
 * the areas.
 *
 * init_mm's tables are shared by all CPUs: eight entries of 8 bytes lie in one
 * cache line, so that areas of a few pages share lines with their neighbours,
 * whoever they belong to. A table is made when the first page in its 2 MiB is
 * mapped, under init_mm.page_table_lock, and never freed.
 *
 * Invariant: made[] covers the spans that have a table.
 * Limit: of a large area only the first and the last line of entries is
 * simulated, the others are nobody else's; their cost is in that of the page.
 * Cost: O(1) expected an area, O(log tables) where a table is made.
 */
#include <stdlib.h>
#include "sim/base/rangemap.h"
#include "sim/mm/vmap.h"
#include "sim/sync/spinlock.h"

enum { PTE_BYTES = 8, TABLE_SPAN_SHIFT = 21 };

/** struct pte_line - a cache line of page-table entries, by what it maps */
struct pte_line {
	uint64_t key;
	struct line line;
};

struct vmap_tables {
	struct rangemap made;
	struct pool lines;
	struct pte_line **slot;		/* open addressing, a power of two */
	uint64_t used, room, line_span;
	struct spinlock lock;		/* init_mm.page_table_lock */
	struct place place;
};

static void tables_release(void *part)
{
	struct vmap_tables *v = part;

	for (uint64_t i = 0; i < v->room; i++)
		if (v->slot[i])
			line_release(&v->slot[i]->line);
	free(v->slot);
	pool_release(&v->lines);
	rangemap_release(&v->made);
}

static struct vmap_tables *tables_of(struct kernel *k)
{
	static const char key;
	struct vmap_tables *v = machine_part(k->m, &key, sizeof(*v),
					     tables_release);

	if (v->line_span)
		return v;
	v->line_span = k->m->profile->line_bytes / PTE_BYTES * PAGE_BYTES;
	pool_init(&v->lines, sizeof(struct pte_line));
	address_get(address_cache_new(k->m, "init_mm", 64, 64), 0, &v->place);
	spin_init(&v->lock, place_line(k->m, &v->place, 0),
		  metrics_lock(k->metrics, "init_mm.page_table_lock", false));
	return v;
}

static void slot_put(struct vmap_tables *v, struct pte_line *p)
{
	uint64_t i = p->key * 0x9e3779b97f4a7c15ULL >> 20 & (v->room - 1);

	while (v->slot[i])
		i = (i + 1) & (v->room - 1);
	v->slot[i] = p;
}

static void slots_grow(struct vmap_tables *v)
{
	struct pte_line **old = v->slot;
	uint64_t room = v->room;

	v->room = room ? 2 * room : 64;
	v->slot = xcalloc(v->room, sizeof(*v->slot));
	for (uint64_t i = 0; i < room; i++)
		if (old[i])
			slot_put(v, old[i]);
	free(old);
}

static struct line *pte_line(struct vmap_tables *v, uint64_t addr)
{
	uint64_t key = addr / v->line_span, i;
	struct pte_line *p;

	if (v->used * 2 >= v->room)
		slots_grow(v);
	i = key * 0x9e3779b97f4a7c15ULL >> 20 & (v->room - 1);
	for (; (p = v->slot[i]); i = (i + 1) & (v->room - 1))
		if (p->key == key)
			return &p->line;
	p = pool_get(&v->lines);
	p->key = key;
	v->used++;
	slot_put(v, p);
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

/* __pte_alloc_kernel() for what has no table; who is second finds it there. */
static void make_tables(struct task *t, struct vmap_tables *v, struct range r)
{
	uint64_t span = 1ULL << TABLE_SPAN_SHIFT, missing;
	struct range s = { r.start & ~(span - 1),
			   (r.end + span - 1) & ~(span - 1) };

	missing = range_bytes(s) - rangemap_bytes(&v->made, s);
	if (!missing)
		return;
	prim(t, COST_PT_ALLOC, missing >> TABLE_SPAN_SHIFT);
	spin_lock(t, &v->lock);
	assert_held(t, &v->lock);
	missing = range_bytes(s) - rangemap_bytes(&v->made, s);
	count_n(kernel_of(t), COUNT_VMAP_PAGE_TABLES,
		missing >> TABLE_SPAN_SHIFT);
	rangemap_set(&v->made, s, 1);
	spin_unlock(t, &v->lock);
}

/* vmalloc() and vmap() leave the last page out, as a guard. */
static struct range mapped(const struct vmap_area *va)
{
	uint64_t guard = va->kind <= VMAP_VMAP ? PAGE_BYTES : 0;

	return (struct range){ va->r.start, va->r.end - guard };
}

static void set_entries(struct task *t, struct range r)
{
	struct vmap_tables *v = tables_of(kernel_of(t));

	settle(t);
	make_tables(t, v, r);
	write_entries(t, v, r);
}

void vmap_set(struct task *t, struct range r)
{
	body(t, COST_VMAP_PTE, range_pages(r));
	set_entries(t, r);
}

void vmap_clear(struct task *t, struct range r)
{
	body(t, COST_VMAP_PTE, range_pages(r));
	write_entries(t, tables_of(kernel_of(t)), r);
}

static void vmap_map(struct task *t, const struct vmap_area *va)
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
	write_entries(t, tables_of(kernel_of(t)), r);
}

/* The caller is in the kernel already: its system call is an op of its own. */
void vmap_enter(struct task *t)
{
	task_set_mode(t, MODE_SYSTEM);
	kop_segment(t, KOP_PRE);
}

void vmap_count_end(struct kernel *k)
{
	struct vmap_stat s = { 0 };

	k->vmap->stat(k, &s);
	count_n(k, COUNT_VMAP_END_LAZY_PAGES, s.nr_lazy_pages);
	count_n(k, COUNT_VMAP_END_POOLED_PAGES, s.pooled_pages);
	count_n(k, COUNT_VMAP_LAZY_MAX_PAGES, s.lazy_max_pages);
	count_n(k, COUNT_VMAP_END_FREE_BLOCKS, s.free_blocks);
	if (s.free_nr_lazy) {
		count_n(k, COUNT_VMAP_FREE_NR_LAZY_P50,
			(uint64_t)hist_quantile(s.free_nr_lazy, 50, 100));
		count_n(k, COUNT_VMAP_FREE_NR_LAZY_P90,
			(uint64_t)hist_quantile(s.free_nr_lazy, 90, 100));
		count_n(k, COUNT_VMAP_FREE_NR_LAZY_MAX,
			(uint64_t)s.free_nr_lazy->max);
	}
	count_n(k, COUNT_VMAP_END_OBJECT_BYTES, s.object_bytes);
	count_n(k, COUNT_VMAP_END_LARGEST_FREE, s.largest_free_bytes >> PAGE_SHIFT);
}

void vmap_hold(struct kernel *k, struct vmap_area *va, uint32_t from,
	       uint32_t to)
{
	for (unsigned i = 0; i < VMAP_KINDS; i++) {
		struct vmap_freed *f = &va->freed[i];
		struct hold_tag tag = { f->asked_ns, HOLD_NO_MM, k->vmap_op[i] };

		hold_merged(k, HOLD_VMAP, &tag, from, to, f->objects, f->bytes);
		if (to == STAGE_NONE)
			*f = (struct vmap_freed){ 0 };
	}
}

void vmap_freed(struct kernel *k, struct vmap_area *va)
{
	va->areas = 1;
	va->freed[va->kind] = (struct vmap_freed){
		1, range_bytes(va->r), k->m->engine.now_ns };
	vmap_hold(k, va, STAGE_NONE, STAGE_VMAP_LAZY);
}

void vmap_dirty(struct kernel *k, struct vmap_freed *f, uint64_t bytes)
{
	sim_ns now = k->m->engine.now_ns;
	struct hold_tag tag = { now, HOLD_NO_MM, k->vmap_op[VMAP_BLOCK] };

	f->objects++;
	f->bytes += bytes;
	f->asked_ns += now;
	hold(k, HOLD_VMAP, &tag, STAGE_NONE, STAGE_VMAP_DIRTY, 1, bytes);
}

void vmap_block_freed(struct kernel *k, struct vmap_area *va,
		      const struct vmap_freed *dirty)
{
	BUG_ON(dirty->bytes != range_bytes(va->r));
	va->areas = 1;
	va->freed[VMAP_BLOCK] = *dirty;
	vmap_hold(k, va, STAGE_VMAP_DIRTY, STAGE_VMAP_LAZY);
}

void kernel_vmap_frees(struct kernel *k, uint8_t vfree, uint8_t vunmap,
		       uint8_t vm_unmap_ram)
{
	k->vmap_op[VMAP_VMALLOC] = vfree;
	k->vmap_op[VMAP_VMAP] = vunmap;
	k->vmap_op[VMAP_RAM] = k->vmap_op[VMAP_BLOCK] = vm_unmap_ram;
	k->vmap_op[VMAP_OLD] = KERNEL_OP_WORKER;
}

void kernel_vmap_backlog(struct kernel *k, uint64_t pages, uint64_t area_pages)
{
	enum { AREAS_MAX = 1 << 16 };
	uint64_t most = range_pages((struct range){ VMALLOC_START,
						    VMALLOC_END }) / 8;

	if (k->cfg.null_kernel)
		return;
	if (pages > most)
		pages = most;
	if (area_pages < pages / AREAS_MAX + 1)
		area_pages = pages / AREAS_MAX + 1;
	while (pages) {
		uint64_t n = pages < area_pages ? pages : area_pages;

		if (!k->vmap->old_lazy(k, n))
			return;
		pages -= n;
	}
}

static int64_t area_new(struct task *t, const struct vmap_request *rq,
			enum vmap_kind kind, struct vmap_area **out)
{
	struct kernel *k = kernel_of(t);
	struct vmap_request r = *rq;
	int err;

	*out = NULL;
	if (k->cfg.null_kernel)
		return 0;
	r.kind = kind;
	if (!r.vstart && !r.vend) {
		r.vstart = VMALLOC_START;
		r.vend = VMALLOC_END;
	}
	if (r.align < PAGE_BYTES)
		r.align = PAGE_BYTES;
	r.size = page_up(r.size);
	vmap_enter(t);
	err = r.size ? k->vmap->alloc(t, &r, out) : -EINVAL;
	if (!err) {
		(*out)->kind = kind;
		vmap_map(t, *out);
	} else {
		count(t, COUNT_VMAP_ALLOC_FAILED);
	}
	return sys_exit(t, err);
}

/* The pages are free at once, or stay; what is held from now is addresses. */
static void area_free(struct task *t, struct vmap_area *va)
{
	struct kernel *k = kernel_of(t);

	if (k->cfg.null_kernel || !va)
		return;
	vmap_enter(t);
	settle(t);
	vmap_freed(k, va);
	k->vmap->free(t, va);
	sys_exit(t, 0);
}

int64_t do_vmalloc(struct task *t, const struct vmap_request *rq,
		   struct vmap_area **out)
{
	return area_new(t, rq, VMAP_VMALLOC, out);
}

void do_vfree(struct task *t, struct vmap_area *va)
{
	area_free(t, va);
}

int64_t do_vmap(struct task *t, const struct vmap_request *rq,
		struct vmap_area **out)
{
	return area_new(t, rq, VMAP_VMAP, out);
}

void do_vunmap(struct task *t, struct vmap_area *va)
{
	area_free(t, va);
}
