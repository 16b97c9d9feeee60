/*
 * Locks of the reverse map: who maps a file (i_mmap_rwsem of its mapping), and who
 * may map an anonymous page (the root of a tree of anon_vmas).
 *
 *   parent  area -- anon_vma 7, the root: its rwsem is the lock of the tree
 *             fork     |
 *   child   area -- anon_vma 7' --- fork --- 7'' .. a grandchild's
 *
 * Every change of an area's place in them is made with the lock held for writing:
 * first fault (beside a neighbour), split, merge, fork (clone, then link), stack
 * growth, unmapping, exit. So relatives by fork, and threads, meet here although
 * each holds an mmap_lock of its own.
 *
 * Invariant: behind mmap_lock, before page-table locks; i_mmap before anon_vma.
 * Limits: held for writing only, since readers (reclaim, migration, truncation)
 * are not simulated. A trace does not say which file is mapped: each mapping
 * counts as a file of its own, known to relatives by fork alone, unless
 * bottlenecks.i_mmap_files says how many there are. A huge tree of anon_vmas
 * costs what a small one does.
 */
#include "sim/machine/mutation.h"
#include "sim/mm/resource.h"

enum { UNLINK_BATCH_MAX = 8 };	/* since 6.11 (3577dbb19241) */

static const struct bottlenecks *rules(const struct mm *mm)
{
	return &mm->k->cfg.bottlenecks;
}

/* Key of the lock of @file; 0: none that anybody else could ask for. Threads
 * of ours cannot: who changes an area of it has mmap_lock for writing. */
static uint64_t file_key(const struct mm *mm, uint32_t file)
{
	uint32_t files = rules(mm)->i_mmap_files;

	if (!file || !rules(mm)->i_mmap_lock || mutated(MUTATE_NO_I_MMAP))
		return 0;
	if (files)
		return 1 + file % files;
	return mm_shares_pages(mm) ? file : 0;
}

/* Relatives, and threads of ours: first faults, and zaps after a downgrade. */
static uint64_t anon_key(const struct mm *mm, uint32_t anon_vma)
{
	if (!anon_vma || !rules(mm)->anon_vma_lock ||
	    mutated(MUTATE_NO_ANON_VMA))
		return 0;
	return mm->users > 1 || mm_shares_pages(mm) ? anon_vma : 0;
}

/* Word and owner, taken and given back. */
static int64_t word_ns(const struct kernel *k)
{
	return 2 * (cost_ns(k, COST_ATOMIC) + cost_ns(k, COST_LINE_WRITE));
}

int64_t rmap_part_ns(const struct mm *mm, struct rmap_of of)
{
	const struct kernel *k = mm->k;
	int64_t ns = 0;

	if (file_key(mm, of.file))
		ns += word_ns(k) + cost_ns(k, COST_I_MMAP_LOCKED);
	if (anon_key(mm, of.anon_vma))
		ns += word_ns(k) + cost_ns(k, COST_ANON_VMA_LOCKED);
	return ns;
}

static struct keyed_lock *take(struct task *t, enum keyed_kind kind,
			       uint64_t key)
{
	struct keyed_lock *l;

	if (!key)
		return NULL;
	settle(t);
	l = keyed_lock_get(t, kind, key);
	down_write(t, &l->sem);
	prim_expected(t, word_ns(kernel_of(t)));
	return l;
}

static void drop(struct task *t, struct keyed_lock **l)
{
	if (!*l)
		return;
	up_write(t, &(*l)->sem);
	settle(t);
	keyed_lock_put(kernel_of(t), *l);
	*l = NULL;
}

void rmap_lock(struct task *t, const struct mm *mm, struct rmap_of of,
	       struct rmap *held)
{
	settle(t);
	*held = (struct rmap){ 0 };
	held->file = take(t, KEYED_I_MMAP, file_key(mm, of.file));
	held->anon = take(t, KEYED_ANON_VMA, anon_key(mm, of.anon_vma));
	prim(t, COST_I_MMAP_LOCKED, held->file != NULL);
	prim(t, COST_ANON_VMA_LOCKED, held->anon != NULL);
	settle(t);
}

void rmap_unlock(struct task *t, struct rmap *held)
{
	drop(t, &held->anon);
	drop(t, &held->file);
}

void rmap_change(struct task *t, const struct mm *mm, struct rmap_of of)
{
	struct rmap held;

	rmap_lock(t, mm, of, &held);
	rmap_unlock(t, &held);
}

int64_t rmap_list_part_ns(const struct mm *mm, const struct vma_list *list)
{
	const struct vma *v;
	int64_t ns = 0;

	TAILQ_FOREACH(v, list, link)
		ns += rmap_part_ns(mm, rmap_of(v));
	return ns;
}

/* Neighbours of @v in its list that the same file's lock covers. */
static unsigned batch_at(const struct vma *v)
{
	unsigned max = v->mm->k->cfg.version >= 6011000 ? UNLINK_BATCH_MAX : 1;
	const struct vma *next = TAILQ_NEXT(v, link);
	unsigned n = 1;

	while (n < max && next && next->file == v->file &&
	       next->r.start <= v->r.end + PMD_BYTES) {
		v = next;
		next = TAILQ_NEXT(v, link);
		n++;
	}
	return n;
}

void rmap_unlink(struct task *t, const struct mm *mm,
		 const struct vma_list *list)
{
	unsigned batched = 0;
	struct rmap held;
	const struct vma *v;

	TAILQ_FOREACH(v, list, link) {
		rmap_change(t, mm, (struct rmap_of){ .anon_vma = v->anon_vma });
		if (batched) {
			batched--;
			continue;
		}
		batched = v->file ? batch_at(v) - 1 : 0;
		rmap_lock(t, mm, (struct rmap_of){ .file = v->file }, &held);
		prim(t, COST_I_MMAP_LOCKED, held.file ? batched : 0);
		rmap_unlock(t, &held);
	}
	settle(t);
}
