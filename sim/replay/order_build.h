#ifndef MMREPLAY_REPLAY_ORDER_BUILD_H
#define MMREPLAY_REPLAY_ORDER_BUILD_H

#include "sim/replay/causes.h"
#include "sim/replay/order.h"
#include "sim/replay/uses.h"

/*
 * Inside of the order pass. A ref names a record: task << 32 | seq.
 *
 *   record --deed_of--> deed --deed_start--> edges to it (at its start)
 *                            --deed_end----> what it leaves (at its end)
 *
 * A deed's end is published before any record that starts later is looked
 * at, so "the predecessor ended before the successor started" needs no test.
 */

#define NO_REF UINT64_MAX

static inline uint64_t ref_of(uint32_t task, uint32_t seq)
{
	return (uint64_t)task << 32 | seq;
}

static inline uint32_t ref_task(uint64_t ref)
{
	return (uint32_t)(ref >> 32);
}

static inline uint32_t ref_seq(uint64_t ref)
{
	return (uint32_t)ref;
}

/** struct known - task waited for record @pred of @task before its own @succ */
struct known {
	uint32_t task;		/* + 1; 0 = free slot */
	uint32_t pred, succ;
};

struct known_table {
	struct known *slot;
	uint32_t used, size;	/* size: 0 or a power of two */
};

/** struct mm_user - a task that acts, or has acted, in an address space */
struct mm_user {
	uint32_t task;
	uint32_t near, near_use; /* its last touch in what has changed, in uses */
	uint64_t last;		/* its last published record, or NO_REF */
	bool gone;		/* left by exec or exit; or a reader of /proc */
	bool waited;		/* the fork under way waited for it */
};

/**
 * struct mm_order - what is known of an address space at this point
 * @changed: page range -> the last record that created or changed it;
 *	no value: as it was when the mm began
 * @removers: page range -> record that removed it, until it is created anew
 * @barrier: what made it, or its last fork: all later records follow
 * @tracked: it has or had a second user. Before that nothing needs noting:
 *	one task is in order by itself, and whoever it creates starts later.
 */
struct mm_order {
	struct rangemap changed, removers;
	struct use_map uses;
	struct mm_user *users;
	uint32_t user_count, user_room, alive;
	bool tracked, over;
	uint64_t barrier, last_brk, brk;
	struct causes causes;
};

struct deed {
	uint64_t ref;
	int64_t start_ns, end_ns;
	uint32_t mm, other;	/* @other: child task, new mm, per kind */
	uint8_t kind;
	bool failed, whole, drops_user;
	bool waits;		/* vfork: until the child's exec or exit */
	uint64_t alloc_addr;	/* vmalloc */
	uint32_t epoch;		/* of its task (causes.h) */
	struct cause_ranges r;
};

/** struct task_build - a task while the pass runs */
struct task_build {
	struct known_table known;
	uint32_t seq;			/* of its next record */
	uint32_t epoch, moved_run;	/* see causes.h, order.h */
	uint32_t mm, slot;		/* its place among the users of mm */
	uint32_t near;			/* its last touch in mm's causes */
	int64_t busy_until_ns;		/* end of its last op */
	uint64_t vfork;			/* vfork record that created it, or NO_REF */
	/* off the CPU, or about to be woken */
	uint64_t waker;
	int64_t waker_ns, out_ns, out_cpu_busy_ns;
	uint16_t out_cpu;
	uint8_t out_state;		/* 0: on a CPU */
	bool out_nested, waker_irq, fault_open;
};

/** struct cpu_build - how long traced tasks have had a CPU so far */
struct cpu_build {
	uint32_t task;
	int64_t since_ns, busy_ns;
};

struct alloc_slot;

struct order_build {
	struct order *o;
	const struct trace_header *h;
	struct task_build *tasks;
	struct mm_order *mms;
	struct cpu_build *cpus;
	uint32_t cpu_count;
	struct use_store store;
	struct deed *heap;		/* started, not yet ended; by (end, ref) */
	uint32_t heap_count, heap_room;
	struct alloc_slot *allocs;	/* live vmalloc areas by address */
	uint32_t alloc_used, alloc_size;
	uint64_t frees, freed_pages;	/* whose size is known */
	bool lazy_known;
	uint64_t succ;			/* whom edges are being added to */
};

/** order_edge() - @succ waits for @pred, unless its seqs imply that already */
void order_edge(struct order_build *b, uint64_t pred, uint64_t succ,
		enum note_kind kind);

/** order_note() - any other note at @at */
void order_note(struct order_build *b, uint64_t at, enum note_kind kind,
		uint32_t task, uint32_t value);


/* deeds.c */
void deed_of(struct order_build *b, const struct op *op, uint64_t ref,
	     struct deed *d);
void deed_start(struct order_build *b, const struct deed *d);
void deed_end(struct order_build *b, const struct deed *d);
/** deed_touch() - start and end of the use of one page by @u, a user of @mm */
void deed_touch(struct order_build *b, struct mm_order *mm, struct mm_user *u,
		uint64_t page, uint64_t ref);
void mm_order_release(struct order_build *b, struct mm_order *mm);

/** mm_enter() - @task acts in @mm from now on; leaves the one it was in */
void mm_enter(struct order_build *b, uint32_t task, uint32_t mm);

/* order_sched.c */
/** order_back() - the interval off the CPU of @op's task ends at @ref */
void order_back(struct order_build *b, const struct op *op, uint64_t ref);
void order_sched(struct order_build *b, const struct op *op, uint64_t ref);

/* allocs.c */
void alloc_put(struct order_build *b, uint64_t addr, uint64_t ref);
/** alloc_take() - who allocated @addr, no longer live; NO_REF if unknown */
uint64_t alloc_take(struct order_build *b, uint64_t addr);

#endif
