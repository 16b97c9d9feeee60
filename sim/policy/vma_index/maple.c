/*
 * vma_index: maple. A B-tree of ranges, 256-byte nodes, 16 slots in a leaf and
 * 10 in an inner node, since 6.1 (lib/maple_tree.c). May be walked
 * under RCU.
 *
 * Costs and memory only. The shape is that of a tree of n areas with a gap
 * beside each: 2n slots in leaves that are full.
 * Invariant: nodes() follows map_count; in RCU mode every store replaces the
 * node it changes, and the old one is held until a grace period has passed.
 * A store that spans leaves, or makes their number change, replaces the whole
 * path to the root (mas_wr_spanning_store(), mas_split()).
 */
#include "sim/mm/mm.h"

enum { MAPLE_NODE_BYTES = 256, LEAF_SLOTS = 16, INNER_SLOTS = 10 };

struct maple_mm {
	bool rcu;
	uint64_t nodes;		/* now in the tree */
	uint64_t reserved;	/* preallocated, not used yet */
	struct hold_tag tag;	/* of what is reserved */
};

static struct maple_mm *mt(const struct mm *mm)
{
	return mm->index_state;
}

/* Nodes of a tree of @areas, and its height. */
static uint64_t shape(uint64_t areas, unsigned *height)
{
	uint64_t level = (2 * areas + LEAF_SLOTS - 1) / LEAF_SLOTS;
	uint64_t nodes = level;

	*height = areas ? 1 : 0;
	while (level > 1) {
		level = (level + INNER_SLOTS - 1) / INNER_SLOTS;
		nodes += level;
		++*height;
	}
	return nodes;
}

static unsigned height_of(const struct mm *mm)
{
	unsigned height;

	shape(mm->map_count, &height);
	return height;
}

static void mt_init(struct mm *mm)
{
	/* 6.4: per-VMA lock readers walk it at any time; before that only
	 * when a second user of the mm appears (seed 3) */
	mt(mm)->rcu = mm->k->cfg.version >= 6004000;
}

static void mt_loaded(struct mm *mm)
{
	unsigned height;

	mt(mm)->nodes = shape(mm->map_count, &height);
}

static void mt_second_user(struct mm *mm)
{
	mt(mm)->rcu = true;
}

static struct vma *mt_find(struct task *t, struct mm *mm, uint64_t addr)
{
	settle(t);
	mm_assert_walk(t, mm);
	line_read(t, mm_line(mm, mm->k->cfg.layout.index));	/* ma_root */
	prim(t, COST_MAPLE_VISIT, height_of(mm));
	settle(t);
	return vma_first_after(mm, addr);
}

/* mas_next() stays in the leaf, mostly */
static struct vma *mt_next(struct task *t, struct mm *mm, struct vma *v)
{
	(void)mm;
	prim(t, COST_LINE_READ, 1);
	settle(t);
	return vma_next(v);
}

static void node_take(struct task *t, struct mm *mm, uint64_t n)
{
	uint64_t have;

	settle(t);
	have = n < mt(mm)->reserved ? n : mt(mm)->reserved;
	mt(mm)->reserved -= have;
	hold(mm->k, HOLD_MAPLE_NODE, &mt(mm)->tag, STAGE_RESERVED, STAGE_NONE,
	     have, MAPLE_NODE_BYTES);
	prim(t, COST_MAPLE_NODE_ALLOC, n - have);
}

/* One write at one place, which makes the tree one of @areas; settled. */
static void mt_write(struct task *t, struct mm *mm, uint64_t areas, bool spans)
{
	struct maple_mm *m = mt(mm);
	/* dup_mmap() clears RCU mode until the child's tree is whole */
	bool rcu = m->rcu && !mm->in_dup;
	uint64_t want, copied = 1, old = m->nodes;
	struct hold_tag tag;
	unsigned height;

	want = shape(areas, &height);
	m->nodes = want;
	prim(t, COST_MAPLE_STORE, 1);
	tag = hold_tag_of(t, mm);
	if (rcu && old) {
		if ((spans || want != old) && height > 1)
			copied = height;
		node_take(t, mm, copied);
		rcu_hold_object(t, mm->k, HOLD_MAPLE_NODE, &tag, copied,
				MAPLE_NODE_BYTES,
				cost_later(mm->k, COST_RCU_CALLBACK, 1));
	}
	if (want > old)
		node_take(t, mm, want - old);
	else if (want < old && rcu)
		rcu_hold_object(t, mm->k, HOLD_MAPLE_NODE, &tag, old - want,
				MAPLE_NODE_BYTES,
				cost_later(mm->k, COST_RCU_CALLBACK, 1));
	settle(t);
}

static int mt_prealloc(struct task *t, struct mm *mm, unsigned n)
{
	if (mm->in_dup && dup_out_of_memory(mm->k))
		return -ENOMEM;		/* mas_alloc_nodes() has freed the first ones */
	prim(t, COST_MAPLE_NODE_ALLOC, n);
	settle(t);
	if (!mt(mm)->reserved)
		mt(mm)->tag = hold_tag_of(t, mm);
	hold(mm->k, HOLD_MAPLE_NODE, &mt(mm)->tag, STAGE_NONE, STAGE_RESERVED,
	     n, MAPLE_NODE_BYTES);
	mt(mm)->reserved += n;
	return 0;
}

/* mas_destroy(): what the reservation did not need */
static void mt_unreserve(struct task *t, struct mm *mm)
{
	uint64_t n;

	settle(t);
	n = mt(mm)->reserved;
	mt(mm)->reserved = 0;	/* with mm_lock: range another may write at once */
	hold(mm->k, HOLD_MAPLE_NODE, &mt(mm)->tag, STAGE_RESERVED, STAGE_NONE,
	     n, MAPLE_NODE_BYTES);
	prim(t, COST_VMA_FREE, n);
}

/*
 * mas_preallocate(): up to 6.5 for the worst case of any write, three nodes a
 * level and a new root, of which a plain one uses one; from 6.6 for the write
 * that is meant (maple_tree: refine mas_preallocate() node calculations, Jul
 * 2023). Under fork the whole copy was reserved at once.
 */
static void write_reserved(struct task *t, struct mm *mm, uint64_t areas,
			   bool spans)
{
	bool worst_case = mm->k->cfg.version < 6006000 && !mm->in_dup;

	if (worst_case)
		mt_prealloc(t, mm, 1 + 3 * height_of(mm));
	mt_write(t, mm, areas, spans);
	if (worst_case)
		mt_unreserve(t, mm);
}

static void mt_store(struct task *t, struct mm *mm, struct vma *v)
{
	settle(t);
	prim(t, COST_MAPLE_VISIT, height_of(mm));
	settle(t);
	write_reserved(t, mm, mm->map_count + (v->detached ? 1 : 0), false);
}

/* The state of the last store is at hand: no walk (mas_store, bulk). */
static void mt_append(struct task *t, struct mm *mm, struct vma *v)
{
	uint64_t want;
	unsigned height;

	(void)v;
	settle(t);
	prim(t, COST_MAPLE_STORE, 1);
	want = shape(mm->map_count + 1, &height);
	if (want > mt(mm)->nodes)
		node_take(t, mm, want - mt(mm)->nodes);
	mt(mm)->nodes = want;
	settle(t);
}

/* One range store of NULL, however many areas are inside. */
static void mt_erase(struct task *t, struct mm *mm, struct range r)
{
	const struct vma *v;
	uint64_t n = 0;

	settle(t);
	prim(t, COST_MAPLE_VISIT, height_of(mm));
	settle(t);
	for (v = vma_first_after(mm, r.start); v && v->r.start < r.end;
	     v = vma_next(v))
		n++;
	write_reserved(t, mm, mm->map_count - n, 2 * n > LEAF_SLOTS);
}

/* __mt_dup(): copy node by node, depth first (6.8) */
static int mt_dup(struct task *t, struct mm *from, struct mm *to)
{
	settle(t);
	if (dup_out_of_memory(to->k))
		return -ENOMEM;		/* mt_free_bulk() of what was copied */
	prim(t, COST_MAPLE_NODE_COPY, mt(from)->nodes);
	settle(t);
	mt(to)->nodes = mt(from)->nodes;
	return 0;
}

static void mt_destroy(struct task *t, struct mm *mm)
{
	struct maple_mm *m = mt(mm);

	settle(t);
	hold(mm->k, HOLD_MAPLE_NODE, &mt(mm)->tag, STAGE_RESERVED, STAGE_NONE,
	     m->reserved, MAPLE_NODE_BYTES);
	/* no reader is left: freed at once, in bulk */
	m->nodes = m->reserved = 0;
}

const struct index_ops vma_index_maple = {
	.head = {
		.abi = POLICY_ABI, .size = sizeof(struct index_ops),
		.axis = "vma_index", .name = "maple",
		.models = "mm_mt, maple tree of areas since 6.1",
		.source = "lib/maple_tree.c; maple tree v10 cover (nodes, fan-out); RCU mode: seed 3",
		.provides = TRAIT_MAPLE | TRAIT_RCU_WALK,
	},
	.mm_bytes = sizeof(struct maple_mm),
	.init = mt_init, .loaded = mt_loaded, .second_user = mt_second_user,
	.find = mt_find, .next = mt_next, .prealloc = mt_prealloc,
	.unreserve = mt_unreserve, .store = mt_store, .append = mt_append,
	.erase = mt_erase, .dup = mt_dup, .destroy = mt_destroy,
};
