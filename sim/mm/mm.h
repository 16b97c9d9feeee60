#ifndef MMREPLAY_MM_MM_H
#define MMREPLAY_MM_MM_H

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/base/rangemap.h"
#include "sim/base/rng.h"
#include "sim/machine/address.h"
#include "sim/machine/mutation.h"
#include "sim/mm/kernel.h"

/*
 * The insides of the simulated kernel, for sim/mm and for policies.
 *
 * Two layers. The truth (areas, resident pages, page tables) is kept in host
 * structures that cost nothing and are O(log n). What finding, changing and
 * locking it costs is charged by policies, and decides when a task gets to
 * the truth, never what the truth is. So the final state is the same under
 * every policy that keeps the order of the trace.
 *
 * Rules for code here: charge first, settle, then look at or change the
 * truth; look again after everything that can sleep; a struct vma may be kept
 * across a sleep only under a lock that keeps it, or pinned.
 */

enum vm_flag {
	VM_READ = 1 << 0, VM_WRITE = 1 << 1, VM_EXEC = 1 << 2,
	VM_SHARED = 1 << 3, VM_FILE = 1 << 4, VM_GROWSDOWN = 1 << 5,
	VM_LOCKED = 1 << 6, VM_SPECIAL = 1 << 7, VM_ACCOUNT = 1 << 8,
	VM_NORESERVE = 1 << 9, VM_HUGEPAGE = 1 << 10, VM_NOHUGEPAGE = 1 << 11,
	VM_DONTCOPY = 1 << 12, VM_WIPEONFORK = 1 << 13,
	VM_MERGEABLE = 1 << 14, VM_DONTDUMP = 1 << 15,
	VM_RAND_READ = 1 << 16, VM_SEQ_READ = 1 << 17,
	VM_PROT = VM_READ | VM_WRITE | VM_EXEC,
};

/* value of a run of resident pages */
enum resident {
	RES_4K = 1 << 0,	/* known to be there, by 4 KiB */
	RES_HUGE = 1 << 1,	/* ... by 2 MiB, whole and aligned */
	RES_COW = 1 << 2,	/* shared with another mm until written */
	RES_WP = 1 << 3,	/* write-protected, own: a write reuses it */
	RES_ZERO = 1 << 4,	/* the zero page */
	RES_FILE = 1 << 5,	/* of the page cache */
	RES_MAYBE = 1 << 6,	/* only possible: fault-around (MODEL.md 7) */
};

/* stack_guard_gap: 256 pages below an area that grows down, since 4.12 */
enum { STACK_GUARD_GAP_BYTES = 256 * 4096 };

/* vm_area_struct: vm_start .. vm_lock_seq are on the object's first 48 bytes */
enum { VMA_OFF_START = 0, VMA_OFF_FLAGS = 0x20, VMA_OFF_LOCK_SEQ = 0x2c,
       VMA_OFF_ANON_VMA = 0x58 };

enum { PT_LEVELS = 3 };		/* PTE, PMD, PUD tables */
extern const uint64_t pt_span_bytes[PT_LEVELS];

enum kernel_hold { HOLD_VMA, HOLD_PAGE, HOLD_PAGE_TABLE, HOLD_MAPLE_NODE,
		   HOLD_VMAP_AREA, HOLD_VMAP_TABLE, HOLD_VMAP, HOLD_COUNT };
enum kernel_stage {
	STAGE_UNMAPPING, STAGE_GATHER, STAGE_TLB, STAGE_BATCH,
	STAGE_NOCB_BYPASS, STAGE_LAZY, STAGE_GRACE_PERIOD, STAGE_CALLBACK,
	STAGE_SLAB_PARTIAL, STAGE_VMAP_DIRTY, STAGE_VMAP_LAZY, STAGE_VMAP_POOL,
	STAGE_RESERVED,
	STAGE_COUNT
};

enum kernel_counter {
#define COUNTER(id, name) COUNT_##id,
#include "sim/mm/counters.def"
#undef COUNTER
	COUNT_END
};

/** struct vma - one area; the lock policy's part follows it in memory */
struct vma {
	struct range r;
	uint32_t flags;			/* enum vm_flag */
	uint32_t file;			/* identity of the mapping; 0 anonymous */
	uint64_t pgoff;			/* pages; anonymous: address at birth */
	uint32_t anon_vma;		/* its root; 0: none yet */
	bool anon_singular;		/* not inherited over fork */
	bool detached, queued, dead;	/* queued: waits for RCU */
	uint32_t free_cpu;
	struct hold_tag held;		/* from when it left the index */
	uint32_t in_fault;		/* faults now inside; see vma_assert_quiet() */
	uint32_t pins;			/* RCU readers that looked it up */
	uint64_t prio;			/* treap */
	struct vma *left, *right;
	TAILQ_ENTRY(vma) link;		/* mm->areas, or a list of detached ones */
	struct mm *mm;
	struct place place, lock_place;	/* simulated objects */
	struct rcu_head rcu;
	void *lock_state;		/* mm_lock_ops.vma_bytes */
};

TAILQ_HEAD(vma_list, vma);

#ifdef MMREPLAY_TEST
/** struct section - a lock section, seen from outside the policy */
struct section {
	struct task *task;
	struct range r;
	bool write;
	TAILQ_ENTRY(section) link;
};
TAILQ_HEAD(section_list, section);
#endif

/**
 * struct family - address spaces that came from one by fork
 * @born: so many in all; @leaving of them began exit_mmap(), @left ended it
 */
struct family {
	uint32_t born, leaving, left, refs;
};

/* before it exit_mmap() takes no lock (exit.c) */
enum { EXIT_LOCKED_SINCE = 5017000 };

/** struct mm - an address space */
struct mm {
	struct kernel *k;
	uint32_t id;
	uint32_t users;			/* mm_users */
	uint32_t count;			/* mm_count: users > 0, CPUs, replay */
	bool forgotten, exiting, lockless;
	bool in_dup;			/* being made by fork: nobody can find it */
	uint32_t map_count;
	struct vma *root;		/* treap by address */
	struct vma_list areas;		/* the same, in order */
	uint64_t vmas_born;
	struct family *family;		/* NULL: never forked */
	uint32_t exit_rank;		/* how many relatives left before it */
	struct rangemap resident;
	struct rangemap tables[PT_LEVELS];
	struct rangemap unmapping;	/* detached, not yet zapped */
	uint64_t rss_pages;		/* known */
	uint64_t *cpumask;		/* CPUs that have it loaded */
	uint32_t cpus_loaded;
	uint8_t asid;			/* enum mm_asid */
	struct place place;
	struct spinlock page_table_lock;
	void *lock_state, *index_state, *free_state;
	TAILQ_ENTRY(mm) link;
#ifdef MMREPLAY_TEST
	struct section_list sections;
#endif
};

TAILQ_HEAD(mm_list, mm);

enum { VMACACHE_SLOTS = 4 };

/** struct ktask - what the kernel keeps per thread */
struct ktask {
	struct vma *vmacache[VMACACHE_SLOTS];
	uint32_t vmacache_mm;		/* id + 1; 0: empty */
	uint64_t vmacache_seq;
};

struct kernel {
	struct machine *m;
	struct metrics *metrics;
	struct kernel_config cfg;
	const struct mm_lock_ops *mm_lock;
	const struct munmap_ops *munmap;
	const struct vma_free_ops *vma_free;
	const struct fork_ops *fork;
	const struct index_ops *index;
	const struct vmap_ops *vmap;
	const struct rwsem_ops *rwsem, *mmap_rwsem;	/* of mmap_lock */
	const struct tlb_ops *tlb;
	struct vma_object area;
	uint32_t scope;			/* enum fault_scope_bit */
	struct rcu_state *rcu;
	struct lock_class *mmap_lock_class, *vma_lock_class;
	uint32_t counter[COUNT_END], hold[HOLD_COUNT], stage[STAGE_COUNT];
	struct address_cache *mm_cache, *vma_cache, *vma_lock_cache;
	struct address_cache *lock_node_cache;
	struct pool vma_pool, irq_pool, head_pool, section_pool;
	bool typesafe;			/* freed areas stay areas (vma_slab.c) */
	struct vma_slot *vma_slots;	/* by number of the slab object */
	uint64_t vma_slot_count;
	struct mm_list mms;
	struct ktask *tasks;
	uint32_t task_cap;
	struct mm **cpu_mm;		/* loaded, maybe lazily */
	bool *cpu_lazy;
	uint64_t *all_cpus;
	struct resources *resources;	/* resource.h */
	uint32_t files_born, anon_vmas_born;	/* for ids */
	uint32_t fail_dup;		/* tests: fork's n-th allocation from here on fails */
	void *vmap_state;
	uint8_t vmap_op[8];		/* that frees each enum vmap_kind */
	bool vmap_one_index;		/* of all blocks: before 6.4 */
};

/** kernel_of() - the kernel that runs @t's machine */
static inline struct kernel *kernel_of(const struct task *t)
{
	return t->m->hooks.arg;
}

struct ktask *ktask_of(struct task *t);

static inline void count(struct task *t, enum kernel_counter c)
{
	struct kernel *k = kernel_of(t);

	metrics_count(k->metrics, k->counter[c], 1);
}

static inline void count_n(struct kernel *k, enum kernel_counter c, uint64_t n)
{
	metrics_count(k->metrics, k->counter[c], n);
}

static inline int64_t cost_ns(const struct kernel *k, unsigned cost)
{
	k->m->cost_asked[cost] = true;
	return k->m->profile->cost[cost].value;
}

/** cost_later() - @n times what a callback or an interrupt will cost, in ns */
static inline int64_t cost_later(const struct kernel *k, unsigned cost, uint64_t n)
{
	return cost_take(k->m, cost, n);
}

/** prim_expected() - a primitive that the machine itself charges (atomics of a
 *  lock, IPIs): count @ns into prim_ns only */
void prim_expected(struct task *t, int64_t ns);

/** hold_tag_of() - settle; what @t frees of @mm (NULL: vmalloc's) from now on */
struct hold_tag hold_tag_of(struct task *t, const struct mm *mm);

/** hold() - @objects of @bytes each move between stages now; @t settled.
 *  @tag: that of their entry, all the way */
void hold(struct kernel *k, enum kernel_hold h, const struct hold_tag *tag,
	  uint32_t from, uint32_t to, uint64_t objects, uint64_t bytes_each);

/** hold_merged() - the same for objects that were made one: @bytes together,
 *  @tag->asked_ns the sum of theirs */
void hold_merged(struct kernel *k, enum kernel_hold h,
		 const struct hold_tag *tag, uint32_t from, uint32_t to,
		 uint64_t objects, uint64_t bytes);

/** assert_held() - lockdep_assert_held(): BUG unless @t is inside of @l */
static inline void assert_held(const struct task *t, const struct spinlock *l)
{
	BUG_ON(l->holder != t);
}

/* ---- entry and exit of a call (kernel.c) ---- */
void sys_enter(struct task *t);
int64_t sys_exit(struct task *t, int64_t ret);

/* ---- locks (lock.c): the policy's hooks, with the checks around them ---- */
int mmap_write_lock(struct task *t, struct mm *mm, struct range r, bool killable);
void mmap_write_unlock(struct task *t, struct mm *mm, struct range r);
void mmap_write_downgrade(struct task *t, struct mm *mm, struct range r);
int mmap_read_lock(struct task *t, struct mm *mm, struct range r, bool killable);
void mmap_read_unlock(struct task *t, struct mm *mm, struct range r);
bool mmap_read_trylock(struct task *t, struct mm *mm, struct range r);
void vma_start_write(struct task *t, struct vma *v);
/** mm_assert_write_locked() - BUG unless @t holds @r of @mm for writing */
void mm_assert_write_locked(const struct task *t, const struct mm *mm,
			    struct range r);
/** mm_assert_walk() - test build: BUG unless @t, about to walk the index of
 *  @mm, is in a section of its lock or in an RCU read section */
void mm_assert_walk(const struct task *t, const struct mm *mm);
/** vma_assert_quiet() - BUG if a fault is inside @v, which is about to change */
static inline void vma_assert_quiet(const struct vma *v)
{
	BUG_ON(v->in_fault != 0);
}

#define WHOLE_MM ((struct range){ 0, UINT64_MAX })

/* ---- areas: the truth (vma_tree.c) ---- */
struct vma *vma_first_after(const struct mm *mm, uint64_t addr);
struct vma *vma_containing(const struct mm *mm, uint64_t addr);
void vma_tree_insert(struct mm *mm, struct vma *v);
void vma_tree_erase(struct mm *mm, struct vma *v);
static inline struct vma *vma_next(const struct vma *v)
{
	assert_paid(v->mm->k->m);
	return TAILQ_NEXT(v, link);
}
static inline struct vma *vma_prev(struct vma *v)
{
	assert_paid(v->mm->k->m);
	return TAILQ_PREV(v, vma_list, link);
}
/** vm_start_gap() - where @v begins, its guard gap included */
static inline uint64_t vm_start_gap(const struct vma *v)
{
	uint64_t gap = v->flags & VM_GROWSDOWN ? STACK_GUARD_GAP_BYTES : 0;

	return v->r.start > gap ? v->r.start - gap : 0;
}
/** vma_before() - last area that ends at or before @addr, or NULL */
struct vma *vma_before(const struct mm *mm, uint64_t addr);

/* ---- areas: objects and changes (vma.c, merge.c) ---- */
struct vma *vma_alloc(struct task *t, struct mm *mm);
struct vma *vma_start(struct mm *mm, struct range r, uint32_t flags);
struct vma *vma_dup(struct task *t, struct mm *mm, const struct vma *v);
/** vma_free() - to the vma_free policy; it was detached and nobody finds it */
void vma_free(struct task *t, struct vma *v, enum free_why why);
/** vma_slot_take() - (vma_slab.c) the slab object at @p is an area's again.
 *  Return: the struct for it. */
struct vma *vma_slot_take(struct kernel *k, const struct place *p);
/** vma_slot_put() - it is free. Return: true if its slab was the CPU's own. */
bool vma_slot_put(struct vma *v, uint32_t cpu);
/** vma_slots_free() - of slabs that are partly used; O(slots), for checks */
uint64_t vma_slots_free(const struct kernel *k);
/** vma_object_free() - what every vma_free policy ends in: the objects go back
 *  to their slabs on @cpu. Any context. Return: true if the slab was local. */
bool vma_object_free(struct vma *v, uint32_t cpu);
void vma_pin(struct vma *v);
void vma_unpin(struct vma *v);
uint64_t vma_object_bytes(const struct kernel *k);
struct line *vma_line(const struct vma *v, uint32_t offset);
/** vma_insert() - into the true tree, its index entry paid for */
void vma_insert(struct task *t, struct mm *mm, struct vma *v);
void vma_link(struct task *t, struct mm *mm, struct vma *v);
void vma_unlink(struct task *t, struct vma *v);
void vma_set_range(struct task *t, struct vma *v, struct range r);
/** vma_expand_down() - stack growth; before 6.5 under a read lock */
void vma_expand_down(struct task *t, struct vma *v, uint64_t start,
		     bool write_locked);

/** struct vma_want - what an area is or shall be, for merging */
struct vma_want {
	struct range r;
	uint32_t flags, file;
	uint64_t pgoff;
	uint32_t anon_vma;
	bool anon_singular;
};

/** vma_merge_new() - let neighbours take @w, where there is no area; or NULL */
struct vma *vma_merge_new(struct task *t, struct mm *mm, const struct vma_want *w);
/** map_region() - @w where there is no area: a neighbour grows, or a new area */
struct vma *map_region(struct task *t, struct mm *mm, const struct vma_want *w);
/** vma_change_flags() - every area of @r; splits and merges. -ENOMEM at a hole */
int64_t vma_change_flags(struct task *t, struct mm *mm, struct range r,
			 uint32_t set, uint32_t clear);
/** vma_modify() - @r of @v gets @flags: merge, else split. NULL: map_count limit */
struct vma *vma_modify(struct task *t, struct vma *v, struct range r,
		       uint32_t flags);
/** vma_split() - cut @v at @addr; @v keeps the lower part */
int vma_split(struct task *t, struct vma *v, uint64_t addr);

/* ---- pages (memory.c, zap.c) ---- */
void resident_count(const struct mm *mm, struct range r, uint64_t *known,
		    uint64_t *maybe);
uint64_t resident_at(const struct mm *mm, uint64_t addr);	/* 0: none */
void resident_set(struct mm *mm, struct range r, uint64_t value);
void resident_clear(struct mm *mm, struct range r);
/** resident_mark() - set and clear bits of what is resident in @r */
void resident_mark(struct mm *mm, struct range r, uint64_t set, uint64_t clear);
/** resident_move() - mremap: pages of @from now stand at @to, tables included */
void resident_move(struct mm *mm, struct range from, uint64_t to);
/** resident_private() - pages of @r that nobody else has: freed by a zap */
uint64_t resident_private(const struct mm *mm, struct range r);
/** tables_missing() - page tables that mapping @addr would need */
unsigned tables_missing(const struct mm *mm, uint64_t addr, bool huge);
uint64_t tables_for(const struct mm *mm, struct range r);
void tables_set(struct mm *mm, struct range r, bool huge);
uint64_t tables_free_count(const struct mm *mm, uint64_t floor,
			   uint64_t ceiling);
void tables_clear(struct mm *mm, uint64_t floor, uint64_t ceiling);

/** struct gather - mmu_gather: pages and tables on their way out */
struct gather {
	struct hold_tag tag;		/* of zap_asked() */
	uint64_t start, end;		/* span that needs a flush */
	uint64_t asked;			/* pages still in stage `unmapping` */
	uint64_t pages, tables;		/* in stage `gather` */
	uint64_t small_pages, huge;	/* of @pages: freed one by one, 512 at once */
	bool full_mm;
};

/** zap_asked() - the program wants @r gone now: its hold clock starts */
void zap_asked(struct task *t, struct mm *mm, struct range r, struct gather *g);
/** zap_range() - unmap what is resident in @r, flushing every full batch */
void zap_range(struct task *t, struct mm *mm, struct range r, struct gather *g);
/** free_pgtables() - those that nothing beside @r needs, which is unmapped */
void free_pgtables(struct task *t, struct mm *mm, struct range r,
		   struct gather *g);
/** tlb_finish() - flush, free what was gathered, close the ledger entry */
void tlb_finish(struct task *t, struct mm *mm, struct gather *g);
/** zap_estimate() - the model's cost of unmapping @r; for kop_split() */
struct zap_ns {
	int64_t before_flush, after_flush;
};
struct zap_ns zap_estimate(const struct mm *mm, struct range r);
/** populate_area() - make @r of @v resident as faults would; read lock held */
void populate_area(struct task *t, struct vma *v, struct range r, bool write);
/** mm_populate() - the same with the lock, area by area.
 *  Return: 0, or -ENOMEM at a hole. */
int mm_populate(struct task *t, struct mm *mm, struct range r, bool write);

/* ---- faults (fault.c) ---- */
enum fault_flag { FAULT_FLAG_VMA_LOCK = 1 << 0 };
enum fault_result { FAULT_RETRY = 1 << 0, FAULT_COMPLETED = 1 << 1,
		    FAULT_SIGSEGV = 1 << 2 };
enum fault_result handle_mm_fault(struct task *t, struct vma *v,
				  struct fault *f, unsigned flags);
/** handle_speculative_fault() - nothing is locked: pay, then map in the instant
 *  in which @valid says that @v has not changed meanwhile. Anonymous areas with
 *  an anon_vma and their page tables only. Return: 0 or FAULT_RETRY. */
enum fault_result handle_speculative_fault(struct task *t, struct vma *v,
					   struct fault *f,
					   bool (*valid)(struct task *t,
							 struct vma *v,
							 uint32_t seq),
					   uint32_t seq);
bool access_error(const struct vma *v, const struct fault *f);
/** fault_in_scope() - may a fault in @v run under its own lock (6.4 and later) */
bool fault_in_scope(const struct vma *v);
/** lock_mm_and_find_vma() - mmap read lock held and the area, stack grown if
 *  need be; or NULL and no lock */
struct vma *lock_mm_and_find_vma(struct task *t, struct mm *mm,
				 struct fault *f);
/** fault_under_mmap_lock() - the whole of a fault that needs mmap_lock */
void fault_under_mmap_lock(struct task *t, struct mm *mm, struct fault *f,
			   enum kop_path path);
/** fault_under_vma_lock() - a fault that tries the lock of its area first, by
 *  vma_read_begin(); counts success and retry, that hook miss and abort */
void fault_under_vma_lock(struct task *t, struct mm *mm, struct fault *f);
struct range fault_range(const struct fault *f);
/** anon_vma_prepare() - give @v an anon_vma, a neighbour's if it fits */
void anon_vma_prepare(struct task *t, struct vma *v);
bool huge_fits(const struct vma *v, uint64_t addr);
void fault_path(struct task *t, enum kop_path p);

/* ---- munmap (munmap.c): the steps that munmap policies are made of ---- */

/** struct vms - what an munmap takes out */
struct vms {
	struct range r;
	struct vma_list vmas;		/* detached */
	uint32_t vma_count;
	uint64_t asked_vmas;		/* in the hold ledger */
	struct gather gather;
};

/** vms_begin() - the program asks now: the hold clock of what lies in @r starts */
void vms_begin(struct task *t, struct mm *mm, struct range r, struct vms *vms);
/** vms_gather() - find, split both ends, detach; write lock held.
 *  Return: 0 (vma_count may be 0) or -ENOMEM (map_count). */
int vms_gather(struct task *t, struct mm *mm, struct vms *vms);
/** vms_split_segments() - recorded costs: share W's residual with the zap */
void vms_split_segments(struct task *t, struct mm *mm, struct vms *vms);
/** vms_segment() - kop_segment(), around the shootdown of unmap_region() */
void vms_segment(struct task *t, struct mm *mm, struct vms *vms, unsigned seg);
/** vms_unmap_special() - zap those of the detached areas that have @flags */
void vms_unmap_special(struct task *t, struct mm *mm, struct vms *vms,
		       uint32_t flags);
/** vms_munlock() - munlock_vma_pages_all() of the detached areas, to 5.17 */
void vms_munlock(struct task *t, struct mm *mm, struct vms *vms);
/** unmap_region() - zap, free page tables, flush, free pages */
void unmap_region(struct task *t, struct mm *mm, struct vms *vms);
/** remove_vmas() - close and free the areas */
void remove_vmas(struct task *t, struct vms *vms);
void vms_abort(struct task *t, struct vms *vms);
/** do_munmap_locked() - MAP_FIXED, mremap: whole work, the write lock stays */
int do_munmap_keep(struct task *t, struct mm *mm, struct range r);

/* ---- fork (fork.c): the steps that fork policies are made of ---- */
int dup_mmap_lock(struct task *t, struct mm *parent, struct mm *child);
/** dup_out_of_memory() - the tree's nodes, or an area, cannot be had; tests only */
bool dup_out_of_memory(struct kernel *k);

/** dup_vma() - copy one area without its index entry to *@copy; NULL: not
 *  copied (DONTCOPY). The caller stores it, then calls dup_pages().
 *  Return: 0 or -ENOMEM; then what was copied goes with the child. */
int dup_vma(struct task *t, struct vma *v, struct mm *child, struct vma **copy);
void dup_pages(struct task *t, struct vma *from, struct vma *to);
/** dup_mmap_unlock() - child, flush of the parent, parent */
void dup_mmap_unlock(struct task *t, struct mm *parent, struct mm *child);

/* ---- users (mm.c, exit.c) ---- */

/**
 * mm_shares_pages() - may a RES_COW page of @mm still be somebody else's?
 * Of relatives that exit at the same time the one that began last frees what
 * they shared: it goes through the same pages behind the others.
 */
static inline bool mm_shares_pages(const struct mm *mm)
{
	const struct family *f = mm->family;

	assert_paid(mm->k->m);
	if (!f)
		return false;
	if (mm->exiting)
		return f->born > mm->exit_rank + 1;
	return f->born - f->left > 1;
}
void mm_join_family(struct mm *parent, struct mm *child);
void mmget(struct task *t, struct mm *mm);
bool mmget_not_zero(struct task *t, struct mm *mm);
void mmput(struct task *t, struct mm *mm);
void mm_count_put(struct mm *mm);
void exit_mmap(struct task *t, struct mm *mm);
/** mm_line() - the line under byte @offset of the mm_struct; offsets are
 *  fields of k->cfg.layout */
struct line *mm_line(const struct mm *mm, uint32_t offset);
/** mmap_lock_init() - @s is the mmap_lock of @mm: at its place, of its flavour */
void mmap_lock_init(struct mm *mm, struct rwsem *s);

/* ---- TLB (tlb.c) ---- */

/* Above so many pages the whole TLB goes (tlb_single_page_flush_ceiling). */
enum { FLUSH_CEILING = 33 };

/** flush_is_full() - everything at once, rather than @pages one by one */
static inline bool flush_is_full(uint64_t pages)
{
	return pages > FLUSH_CEILING && !mutated(MUTATE_TLB_NO_CEILING);
}

enum { CPU_WORDS_MAX = 4096 / 64 };

/** enum mm_asid - tlb_flush: broadcast needs an id that is the same on all CPUs */
enum mm_asid { ASID_OF_CPU, ASID_CHANGING, ASID_GLOBAL };

/** struct flush_info - one shootdown in flight; on the initiator's stack */
struct flush_info {
	struct kernel *k;
	struct task *by;
	uint32_t pending, targets;
	bool spinning;
	int64_t handler_ns, sent_ns;	/* @sent_ns: when the last IPI went */
};

/** flush_targets() - CPUs of @mm but this one, lazy ones only if @lazy_too */
uint32_t flush_targets(struct task *t, struct mm *mm, bool lazy_too,
		       uint64_t *mask);
/** flush_send() - IPIs to @mask; preemption is off */
void flush_send(struct task *t, struct flush_info *f, const uint64_t *mask,
		int64_t handler_ns);
void flush_local(struct task *t, uint64_t pages);
/** flush_wait() - spin until the last acknowledgement */
void flush_wait(struct task *t, struct flush_info *f);
int64_t flush_handler_ns(const struct kernel *k, uint64_t pages);
/** flush_count() - book IPIs, and costs of the handlers that flush_send() asked for */
void flush_count(struct kernel *k, const struct flush_info *f, uint64_t pages);
/** flush_tlb_kernel() - every CPU, the caller waits */
void flush_tlb_kernel(struct task *t);

/* ---- objects that wait for RCU ---- */
struct rcu_object {
	struct rcu_head head;		/* first: the callback gets this */
	struct kernel *k;
	struct hold_tag tag;
	uint32_t cpu;			/* that gave them up */
};

/** kernel_call_rcu() - call_rcu() for @objects of @bytes together, which are in
 *  stage @from of the ledger, or in none; @head has fn, move and invoke_ns */
void kernel_call_rcu(struct task *t, struct rcu_head *head, enum kernel_hold h,
		     const struct hold_tag *tag, uint32_t from,
		     uint64_t objects, uint64_t bytes);

void rcu_hold_object(struct task *t, struct kernel *k, enum kernel_hold h,
		     const struct hold_tag *tag, uint64_t objects,
		     uint64_t bytes_each, int64_t invoke_ns);

void mm_check(const struct mm *mm);

/** mm_destroy() - at the end of the run: whatever is left, at no cost */
void mm_destroy(struct mm *mm);

/* layout of areas on kernels without VMA locks */
/** vma_object_of() - @place: where the lock lies; NULL: there is none; @refcnt:
 *  the lock is a count in the area */
struct vma_object vma_object_of(const struct vma_layout *l,
				const struct vma_place *place, bool refcnt);

#endif
