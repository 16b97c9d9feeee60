#ifndef MMREPLAY_MM_KERNEL_H
#define MMREPLAY_MM_KERNEL_H

#include "sim/mm/bottlenecks.h"
#include "sim/mm/layout.h"
#include "sim/mm/policies.h"
#include "sim/sync/rcu.h"

/*
 * The simulated kernel as replay sees it: create it, create address spaces,
 * call its entry points from a task's fiber. Each entry point is one op of a
 * trace, from entry to return to user mode; what it returns is what the call
 * would return under this kernel (0 or an address, or a negative errno).
 */

enum mm_cost {
	MM_COST_BASE = MACHINE_COST_COUNT - 1,
#define COST(id, key, help) COST_##id,
#include "sim/mm/costs.def"
#undef COST
	MM_COST_END
};

extern const struct cost_decl mm_costs[MM_COST_END - MACHINE_COST_COUNT];

/* op class of the kernel's own tasks (vmap drain), for blame and latency */
enum { KERNEL_OP_WORKER = METRIC_OPS_MAX - 1 };

/** struct kernel_config - resolved; from a kernel preset and a cell's overrides */
struct kernel_config {
	const char *name;		/* linux-6.12 */
	uint32_t version;		/* KVER-style: 6012000 */
	struct policy_choice policies;
	bool null_kernel;		/* every op costs nothing: measures the engine */
	uint32_t thp;			/* 0 never, 1 madvise, 2 always */
	uint32_t max_map_count;		/* 65530 */
	int64_t hung_task_ns;		/* 120 s; 0 = off */
	struct mm_layout layout;
	struct vma_layout vma_layout;
	struct bottlenecks bottlenecks;
};

struct kernel *kernel_new(struct machine *m, const struct kernel_config *c);
void kernel_free(struct kernel *k);

/** kernel_finish() - drain what drains, close ledgers; after the last op */
void kernel_finish(struct kernel *k);

/** kernel_rcu_stats() - what RCU did so far; @out owns its histogram */
void kernel_rcu_stats(const struct kernel *k, struct rcu_stats *out);

/** kernel_thread_class_ns() - add what RCU's threads owed, by source, to @sum */
void kernel_thread_class_ns(const struct kernel *k,
			    int64_t sum[COST_CLASS_COUNT]);

/* ---- op context ---- */

/* enum seg_kind and enum fault_path of the trace, which mm may not include;
 * the values are the same, and replay asserts it */
enum kop_seg { KOP_PRE, KOP_W, KOP_R, KOP_POST, KOP_SEGS };
enum kop_path {
	KOP_PATH_UNKNOWN, KOP_PATH_VMA, KOP_PATH_VMA_TRYLOCK, KOP_PATH_RETRY,
	KOP_PATH_MMAP
};

/**
 * struct kop - how the current op's own work is charged (MODEL.md 3)
 *
 * costs: model     body() charges the profile's cost; seg_ns is unused.
 * costs: recorded  body() charges nothing but counts into model_ns[seg];
 *                  kop_segment() charges the residual of that segment once,
 *                  in the segment in which this policy does the work.
 * prim() -- atomics, IPIs, tree writes, call_rcu, vma_start_write -- is always
 * charged, and counted into prim_ns[seg]: it is P of MODEL.md 3.
 */
struct kop {
	uint8_t kind;			/* enum op_kind of the trace */
	bool recorded;
	uint8_t seg;			/* enum kop_seg now in */
	uint8_t path;			/* enum kop_path taken; result */
	bool effected;			/* effect() was called */
	bool area_locked;		/* KOP_R was under a VMA lock; result */
	/* bit per segment that the capture has; 0: those with seg_ns > 0. A
	 * policy that cuts an op where the capture did not needs to know. */
	uint8_t present;
	bool charged[KOP_SEGS];
	int64_t seg_ns[KOP_SEGS];	/* residual, by enum seg_kind */
	int64_t sleep_ns[KOP_SEGS];	/* recorded sleep inside the segment */
	int64_t tax_ns[KOP_SEGS];	/* tracer's tax to charge (fidelity) */
	int64_t rest_ns;		/* of residual and tax, behind the shootdown */
	int64_t model_ns[KOP_SEGS], prim_ns[KOP_SEGS];
	/* for waking others, by the segment that follows: an unlock wakes, and
	 * a capture's lock event comes before it */
	int64_t wake_ns[KOP_SEGS], woken_ns;
	int64_t effect_ns;		/* when the op took effect (MODEL.md 5) */
	/* called once, at the effect point, in the task's fiber, settled;
	 * wakes ops ordered behind this one. NULL = nobody waits. */
	void (*effect)(struct task *t, struct kop *op);
	void *arg;
};

/** body() - @count times a cost of the path itself, see struct kop */
void body(struct task *t, unsigned cost, uint64_t count);
/** body_less() - as body(), without @less_ns of each, which the path charges
 *  elsewhere: under a lock */
void body_less(struct task *t, unsigned cost, uint64_t count, int64_t less_ns);
/** prim() - @count times a primitive that policies differ in, always charged */
void prim(struct task *t, unsigned cost, uint64_t count);
/** kop_segment() - the work that follows belongs to @seg; charges its residual */
void kop_segment(struct task *t, unsigned seg);
/**
 * kop_segment_around() - as kop_segment(), of a segment with a shootdown inside:
 * of the residual only the part that the model's own costs before it have in
 * all (@after_ns: behind it), and half of the tracer's events. kop_rest()
 * charges what is left: who waits for the lock loses his patience, or not,
 * while the shootdown is under way.
 */
void kop_segment_around(struct task *t, unsigned seg, int64_t before_ns,
			int64_t after_ns);
void kop_rest(struct task *t);
/** kop_area_locked() - the KOP_R of this op is no section of mmap_lock */
void kop_area_locked(struct task *t);
/**
 * kop_split() - this policy does @to's work apart from @from's, the capture did
 * not: move a share of @from's residual, in the proportion of the model's own
 * costs of both (@from_ns, @to_ns). Nothing happens if the capture has @to,
 * or if @from was charged already.
 */
void kop_split(struct task *t, unsigned from, unsigned to, int64_t from_ns,
	       int64_t to_ns);
/** kop_effect() - settle; the op's change is visible from here on; the first
 *  call of an op counts */
void kop_effect(struct task *t);

/* ---- address spaces ---- */

/** mm_new() - empty, with one user; from outside or by exec */
struct mm *mm_new(struct kernel *k, uint32_t id);

/** mm_populate_start() - a VMA of the start layout and its resident pages, free of charge */
void mm_start_area(struct mm *mm, struct range r, uint32_t area_flags,
		   uint64_t resident_pages);
void mm_get(struct mm *mm);		/* mm_users + 1: thread, vfork child */

/** mm_forget() - replay will not name @mm again: its memory goes back when
 *  the last user, and the last CPU that has it loaded, are gone */
void mm_forget(struct mm *mm);

/** mm_final_state() - the set of (page range, protection, flags, resident)
 *  as canonical text lines "start-end prot flags resident", merged; caller
 *  frees. Equal under every policy for the same trace. */
char *mm_final_state(struct mm *mm);

uint64_t mm_vma_count(const struct mm *mm);

/* ---- entry points: fiber context, user mode on entry and return ---- */

int64_t sys_mmap(struct task *t, struct mm *mm, uint64_t addr, uint64_t len,
		 uint64_t prot, uint64_t flags, bool file);
int64_t sys_munmap(struct task *t, struct mm *mm, uint64_t addr, uint64_t len);
int64_t sys_mremap(struct task *t, struct mm *mm, uint64_t old_addr,
		   uint64_t old_len, uint64_t new_len, uint64_t flags,
		   uint64_t result_addr);
int64_t sys_mprotect(struct task *t, struct mm *mm, uint64_t addr,
		     uint64_t len, uint64_t prot);
int64_t sys_madvise(struct task *t, struct mm *mm, uint64_t addr,
		    uint64_t len, uint64_t behavior);
int64_t sys_brk(struct task *t, struct mm *mm, uint64_t old_brk,
		uint64_t new_brk);
int64_t sys_mlock(struct task *t, struct mm *mm, uint64_t addr, uint64_t len,
		  bool lock);

/** sys_failed() - a call that failed in the capture: entry, @write lock if
 *  the failure was found under it, no change */
int64_t sys_failed(struct task *t, struct mm *mm, bool locked, int64_t err);

/** struct fault - what the page fault asks for, and what came of it */
struct fault {
	uint64_t addr;
	bool write, user, instruction;
	bool vma_lock_only, took_trylock;	/* scratch for mm_lock policies */
	bool failed;		/* no area, or not allowed: SIGSEGV */
	uint32_t flags;
};

/** do_fault() - dispatches to mm_lock.fault; returns 0 or -EFAULT */
int64_t do_fault(struct task *t, struct mm *mm, struct fault *f);

/** do_fork() - dup_mm into *@child (fork); the caller creates the task */
int64_t do_fork(struct task *t, struct mm *mm, uint32_t child_id,
		struct mm **child);
/** do_clone_thread() - clone with CLONE_VM: takes the child's user of @mm */
int64_t do_clone_thread(struct task *t, struct mm *mm);
/** do_exec() - leave @mm (exit_mmap if last user), enter a new one */
int64_t do_exec(struct task *t, struct mm *mm, uint32_t new_id,
		struct mm **fresh);
/** do_exit_mm() - drop the task's user of @mm; the last one runs exit_mmap */
void do_exit_mm(struct task *t, struct mm *mm);
void do_exit(struct task *t);		/* rest of exit, after do_exit_mm() */

/** do_vmap(), do_vunmap() - the same for pages that exist and stay */
int64_t do_vmap(struct task *t, const struct vmap_request *rq,
		struct vmap_area **out);
void do_vunmap(struct task *t, struct vmap_area *va);

/** struct vmap_mapping - what vm_map_ram() returned: @pages at @addr */
struct vmap_mapping {
	struct vmap_area *area;		/* its own, or a block's; NULL: none */
	uint64_t addr, pages;
};

int64_t do_vm_map_ram(struct task *t, uint64_t bytes, struct vmap_mapping *out);
void do_vm_unmap_ram(struct task *t, const struct vmap_mapping *map);
/** do_vm_unmap_aliases() - flush what is dirty or lazy, as set_memory_ro() does */
void do_vm_unmap_aliases(struct task *t);

/** kernel_vmap_report() - what is in pools now, and for whom; @r->pool is the
 *  caller's to free */
void kernel_vmap_report(const struct kernel *k, struct vmap_report *r);

/** kernel_vmap_frees() - the op kinds under which the ledger has freed areas,
 *  whoever frees them and from wherever */
void kernel_vmap_frees(struct kernel *k, uint8_t vfree, uint8_t vunmap,
		       uint8_t vm_unmap_ram);
/**
 * kernel_vmap_backlog() - @pages were freed before the run and are still lazy
 * @area_pages: in areas of that size (larger ones if there were too many)
 * Before the first op; costs nothing. More than an eighth of the space: capped.
 */
void kernel_vmap_backlog(struct kernel *k, uint64_t pages, uint64_t area_pages);
int64_t do_vmalloc(struct task *t, const struct vmap_request *rq,
		   struct vmap_area **out);
void do_vfree(struct task *t, struct vmap_area *va);

enum proc_file { PROC_FILE_MAPS, PROC_FILE_SMAPS, PROC_FILE_CMDLINE };
int64_t do_proc_read(struct task *t, struct mm *target, enum proc_file what);
int64_t do_gup(struct task *t, struct mm *mm, uint64_t addr, uint64_t pages);

/** kernel_attach() - hook context switches (lazy TLB, mm_cpumask); once */
void kernel_attach(struct kernel *k);

/** task_attach_mm() - @t runs in @mm (NULL: none) from now or its next
 *  dispatch on; before task_launch(), by do_exec() and do_exit_mm() themselves */
void task_attach_mm(struct task *t, struct mm *mm);

/** kernel_check() - every invariant of every address space; BUG if one is
 *  broken. For the test build, between events; O(everything). */
void kernel_check(struct kernel *k);

#endif
