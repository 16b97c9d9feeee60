/*
 * vma_index: rbtree. Augmented red-black tree with the gap sizes, a list, and
 * a four-entry cache per thread, to 6.0 (mm/mmap.c, mm/vmacache.c).
 *
 * Costs only: a walk visits about log2(n) + 1 nodes. Areas are looked up in
 * the true tree after the walk is paid.
 * Invariant: a cached pointer is used only while the mm's sequence number is
 * what it was when it was cached; every removal raises it.
 */
#include "sim/mm/mm.h"

struct rb_mm {
	uint64_t vmacache_seq;
};

static struct rb_mm *rb_mm(const struct mm *mm)
{
	return mm->index_state;
}

static uint64_t rb_depth(const struct mm *mm)
{
	uint32_t n = mm->map_count + 1;

	return 32 - (uint64_t)__builtin_clz(n);
}

static unsigned vmacache_slot(uint64_t addr)
{
	return (unsigned)(addr >> PMD_SHIFT) % VMACACHE_SLOTS;
}

static bool vmacache_valid(const struct ktask *kt, const struct mm *mm)
{
	return kt->vmacache_mm == mm->id + 1 &&
	       kt->vmacache_seq == rb_mm(mm)->vmacache_seq;
}

static struct vma *vmacache_find(const struct ktask *kt, const struct mm *mm,
				 uint64_t addr)
{
	if (!vmacache_valid(kt, mm))
		return NULL;
	for (unsigned i = 0; i < VMACACHE_SLOTS; i++) {
		struct vma *v = kt->vmacache[i];

		if (v && v->r.start <= addr && addr < v->r.end)
			return v;
	}
	return NULL;
}

static void vmacache_update(struct ktask *kt, const struct mm *mm,
			    uint64_t addr, struct vma *v)
{
	if (!vmacache_valid(kt, mm)) {
		memset(kt->vmacache, 0, sizeof(kt->vmacache));
		kt->vmacache_mm = mm->id + 1;
		kt->vmacache_seq = rb_mm(mm)->vmacache_seq;
	}
	kt->vmacache[vmacache_slot(addr)] = v;
}

static struct vma *rb_find(struct task *t, struct mm *mm, uint64_t addr)
{
	struct vma *v;

	settle(t);
	mm_assert_walk(t, mm);
	line_read(t, mm_line(mm, mm->k->cfg.layout.index));	/* vmacache_seqnum */
	settle(t);
	v = vmacache_find(ktask_of(t), mm, addr);
	if (v) {
		prim(t, COST_VMACACHE_HIT, 1);
		settle(t);
		count(t, COUNT_VMACACHE_HIT);
		return v;
	}
	prim(t, COST_RB_NODE_VISIT, rb_depth(mm));
	settle(t);
	v = vma_first_after(mm, addr);
	if (v && t->address_space == mm)
		vmacache_update(ktask_of(t), mm, addr, v);
	return v;
}

/* Changed bounds propagate gaps to the root; a new area is linked besides. */
static void rb_store(struct task *t, struct mm *mm, struct vma *v)
{
	prim(t, COST_RB_NODE_VISIT, rb_depth(mm));
	if (v->detached)
		prim(t, COST_RB_LINK, 1);
	settle(t);
	if (!v->detached)	/* it may have swallowed a neighbour */
		rb_mm(mm)->vmacache_seq++;
}

/* dup_mmap() remembers where the last one was linked: no search. */
static void rb_append(struct task *t, struct mm *mm, struct vma *v)
{
	(void)mm;
	(void)v;
	prim(t, COST_RB_LINK, 1);
}

static void rb_erase(struct task *t, struct mm *mm, struct range r)
{
	const struct vma *v;
	uint64_t n = 0;

	settle(t);
	for (v = vma_first_after(mm, r.start); v && v->r.start < r.end;
	     v = vma_next(v))
		n++;
	prim(t, COST_RB_LINK, n);
	settle(t);
	rb_mm(mm)->vmacache_seq++;
}

/* vm_next of the list */
static struct vma *rb_next(struct task *t, struct mm *mm, struct vma *v)
{
	(void)mm;
	prim(t, COST_LINE_READ, 1);
	settle(t);
	return vma_next(v);
}

static void rb_destroy(struct task *t, struct mm *mm)
{
	(void)t;
	rb_mm(mm)->vmacache_seq++;
}

const struct index_ops vma_index_rbtree = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct index_ops),
		.axis = "vma_index", .name = "rbtree",
		.models = "mm_rb, vm_next and vmacache to 6.0",
		.source = "mm/mmap.c and mm/vmacache.c to 6.0 (from memory)",
		.provides = TRAIT_RBTREE,
	},
	.mm_bytes = sizeof(struct rb_mm),
	.find = rb_find, .store = rb_store, .append = rb_append,
	.erase = rb_erase, .next = rb_next, .destroy = rb_destroy,
};
