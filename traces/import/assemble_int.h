#ifndef MMREPLAY_TRACES_IMPORT_ASSEMBLE_INT_H
#define MMREPLAY_TRACES_IMPORT_ASSEMBLE_INT_H

#include "sim/base/mem.h"
#include "sim/base/rangemap.h"
#include "traces/import/assemble.h"
#include "traces/import/idmap.h"

/* Inside the assembler; shared by the assemble*.c and layout.c only. */

enum { DEAD_MAX = 1024, HELD_MAX = 4, PENDING_MAX = 16384, FEW_SEGS = 4, NO_CALL = -1 };

/** struct record - an op that waits until it, and all before it, are done */
struct record {
	struct op op;
	struct op_segment *seg;	/* from pool few (FEW_SEGS) or many */
	uint8_t done, many;
};

/**
 * struct builder - cuts one open op into segments
 * A piece runs from @cut_ns to the next lock event; what was waited for
 * stands before the cut and is no part of it.
 */
struct builder {
	bool active, overflow;
	uint8_t kind;
	bool downgraded, contended, trylock_failed;
	uint32_t mm;
	int64_t cut_ns, wait_ns, spin_ns, sleep_ns, idle_ns, nested_ns;
	uint32_t events, tlb_local, tlb_ipi;
	uint32_t sections, failures;	/* in the whole op */
	bool wrote;			/* had a W section */
	int64_t section_end_ns;
	int64_t from_ns[4];		/* where the last segments began to wait */
	struct record *record;		/* set while an event is handled */
};

/** struct lock_wait - between start_locking and acquire_returned */
struct lock_wait {
	bool active, write, in_fault;
	uint64_t ptr;
	uint32_t mm;
	int64_t at_ns, contended_ns, out_ns;	/* -1: not happened */
};

struct held_lock {
	uint64_t ptr;
	uint32_t mm;
	bool write, in_fault, segment, teardown;
	int64_t wait_ns;		/* when it began to wait */
};

/** struct atask - a live task; its row in the table outlives it */
struct atask {
	uint32_t id, tid, mm, slot;
	uint16_t cpu;
	int64_t last_ns, done_ns;	/* done: what no record may precede */
	struct record *ring;		/* records first..first+count-1 */
	uint32_t head, count, size;
	uint64_t first;			/* number of the record at @head */
	int64_t call, fault;		/* record numbers; NO_CALL */
	uint8_t call_id;
	bool other_call;		/* inside a call that is not modelled */
	bool out, dead, named, effect_done, exec_done;
	bool exec_noted;		/* by a side record, its event comes */
	uint8_t out_state;
	int64_t out_ns;
	struct builder call_b, fault_b;
	struct lock_wait wait;
	struct held_lock held[HELD_MAX];
	uint32_t held_count;
	uint64_t new_ptr;		/* mm being made by fork or exec */
	uint32_t new_mm;
};

/** struct amm - a live address space; its row outlives it */
struct amm {
	uint64_t ptr;			/* 0: not seen yet */
	uint32_t id, users;
	struct rangemap known;		/* what is known of each address */
	struct rangemap gone;		/* initial areas, removed meanwhile */
	struct rangemap first_prot;	/* what mprotect first gave, + 1 */
	struct range_run last, code;	/* of the last lookups in @known */
	uint64_t first_brk, brk, stack_start;
	bool torn_down;			/* exit_mmap was seen */
};

struct map_area {
	struct trace_area area;
};

/** struct map_snapshot - one process's maps, read at @at_ns */
struct map_snapshot {
	uint32_t pid, first, count;	/* into areas */
	int64_t at_ns;			/* of the capture's clock; -1: at its end */
	bool applied;
	bool waiting;			/* due, and nothing seen of the process */
};

struct assembler {
	struct mmt_writer *writer;
	struct trace_header *h;
	struct timing_floor floor;
	uint32_t have, have_before, kernel;
	bool units, tax, release_late, started;
	struct fault_locks faults;
	bool calls_tell_tasks;
	bool untimed;		/* the call at hand has no duration */
	int64_t epoch_ns, now_ns, raw_now_ns;
	struct atask **tasks;		/* by slot */
	uint32_t *free_slots, free_slot_count;
	uint32_t task_slots;
	struct idmap by_tid;		/* tid to slot */
	struct idmap by_tgid;		/* to the slot of a thread of it */
	uint32_t dead[DEAD_MAX];	/* tids, oldest at dead_at */
	uint32_t dead_count, dead_at;
	uint32_t rows_size, mm_rows_size;
	struct amm **mms;		/* by id; NULL: dissolved */
	uint32_t *alias;		/* by id; itself: no alias */
	struct idmap by_ptr, vmalloc_bytes;
	struct pool few, many;
	struct hist waits;
	struct map_snapshot *maps;
	uint32_t map_count, maps_left, maps_waiting;
	struct map_area *map_areas;
	uint32_t map_area_count;
	struct assemble_counts counts;
	struct errbuf *e;
	bool failed;			/* a write failed; @e says why */
};

/* assemble.c */
struct atask *task_find(struct assembler *a, uint32_t tid);
struct atask *task_get(struct assembler *a, const struct raw_event *ev);
struct atask *task_new(struct assembler *a, uint32_t tid, uint32_t tgid,
		       uint32_t parent, uint32_t mm);
/** task_end() - write all it has, forget it; its row stays */
void task_end(struct assembler *a, struct atask *t);
/** task_reap_later() - forget a dead task, at the latest when many have died */
void task_reap_later(struct assembler *a, const struct atask *t);
void task_rename(struct assembler *a, struct atask *t, uint32_t tid);
struct trace_task *task_row(struct assembler *a, const struct atask *t);

/* assemble_ring.c: records of a task until they can be written in order */
struct record *ring_at(struct atask *t, int64_t number);
/** ring_add() - a new record at the end; returns its number */
int64_t ring_add(struct assembler *a, struct atask *t, const struct op *op,
		 bool done);
/** ring_insert() - a done record before record @number */
void ring_insert(struct assembler *a, struct atask *t, int64_t number,
		 const struct op *op);
/** ring_add_segment() - a segment at the end of a record's list */
struct op_segment *ring_add_segment(struct assembler *a, struct record *r);
/** ring_flush() - write from the head what is done */
void ring_flush(struct assembler *a, struct atask *t);
void ring_release(struct assembler *a, struct atask *t);

/** op_init() - an op of task @t at the current time */
void op_init(struct assembler *a, struct atask *t, struct op *op,
	     enum op_kind kind);
/** add_instant() - a record without duration; a measurement if its kind is */
void add_instant(struct assembler *a, struct atask *t, enum op_kind kind,
		 uint64_t arg0, uint64_t arg1, uint64_t arg2, uint64_t arg3);

/* assemble_mm.c: who is which address space */
uint32_t mm_find(struct assembler *a, uint32_t id);
struct amm *mm_live(struct assembler *a, uint32_t id);
uint32_t mm_add(struct assembler *a, enum mm_origin origin, uint32_t parent,
		uint32_t owner);
/** task_mm() - the task's own, made if nothing is known of it */
uint32_t task_mm(struct assembler *a, struct atask *t);
/** lock_mm() - which mm a lock event of @t is about */
uint32_t lock_mm(struct assembler *a, struct atask *t, uint64_t ptr,
		 bool write);
/** mm_switch() - @t uses @mm from now on */
void mm_switch(struct assembler *a, struct atask *t, uint32_t mm);
/** mm_was() - @t, just born, uses @mm, not the mm of its own it was given */
void mm_was(struct assembler *a, struct atask *t, uint32_t mm);
/** mm_forget_ptr() - after exit_mmap the pointer may come back as another */
void mm_forget_ptr(struct assembler *a, uint32_t id);
/** mm_drop_unused() - dissolve it if no task uses it */
void mm_drop_unused(struct assembler *a, uint32_t id);
/** mm_dissolve() - areas into its row; the live part is freed */
void mm_dissolve(struct assembler *a, struct amm *m);

/* assemble_seg.c: segments */
void builder_open(struct builder *b, uint32_t mm, int64_t at_ns);
/** builder_close() - the piece that ends at @at_ns becomes a segment */
void builder_close(struct assembler *a, struct builder *b, struct record *r,
		   int64_t at_ns);
/** builder_of() - the innermost open op that events of @t belong to, or NULL */
struct builder *builder_of(struct atask *t, struct record **r);
/** builder_event() - the tracer wrote an event inside the open op, if any */
void builder_event(struct atask *t);

/* assemble_lock.c */
struct fate on_lock_start(struct assembler *a, struct atask *t,
			  const struct raw_event *ev);
struct fate on_lock_acquired(struct assembler *a, struct atask *t,
			     const struct raw_event *ev);
struct fate on_lock_released(struct assembler *a, struct atask *t,
			     const struct raw_event *ev);
struct fate on_contention(struct assembler *a, struct atask *t,
			  const struct raw_event *ev);
struct fate on_exit_mmap(struct assembler *a, struct atask *t);
bool is_fork_call(int call);
bool is_exec_call(int call);
bool is_exit_call(int call);

/* assemble_op.c: calls, faults, life of tasks */
struct fate on_call_enter(struct assembler *a, struct atask *t,
		     const struct raw_event *ev);
struct fate on_call_exit(struct assembler *a, struct atask *t,
		    const struct raw_event *ev);
struct fate on_fault(struct assembler *a, struct atask *t,
		     const struct raw_event *ev);
/** fault_close() - the open fault, if any, ends before the event at now */
void fault_close(struct assembler *a, struct atask *t, bool gap_known);
/** call_abandon() - the open call will not be completed */
void call_abandon(struct assembler *a, struct atask *t);
/** child_of_open_call() - born of the clone that is open, or NULL */
struct atask *child_of_open_call(struct assembler *a, uint32_t tid);
/** on_whole_call() - entry and return in one line, both stamps known */
struct fate on_whole_call(struct assembler *a, struct atask *t,
			  const struct raw_event *ev);
struct fate on_newtask(struct assembler *a, struct atask *t,
		       const struct raw_event *ev);
struct fate on_forked(struct assembler *a, struct atask *t,
		      const struct raw_event *ev);
struct fate on_execed(struct assembler *a, struct atask *t,
		      const struct raw_event *ev);
struct fate on_exited(struct assembler *a, struct atask *t);
void exit_done(struct assembler *a, struct atask *t);

/** on_lost() - a mark of events lost on a CPU: no call or lock goes on past it */
struct fate on_lost(struct assembler *a, const struct raw_event *ev);

/* assemble_sched.c */
struct fate on_switch(struct assembler *a, const struct raw_event *ev);
struct fate on_waking(struct assembler *a, const struct raw_event *ev);
/** sched_infer_in() - @t prints a line of its own, so it is on a CPU */
void sched_infer_in(struct assembler *a, struct atask *t);

/* layout.c: which areas an mm had at its start */
void layout_fault(struct assembler *a, uint32_t mm, uint64_t addr,
		  uint64_t error_code);
/** layout_runs() - a fault of user mode came from code at @ip */
void layout_runs(struct assembler *a, uint32_t mm, uint64_t ip);
/** layout_grew() - the fault proved that the stack grew to @addr */
void layout_grew(struct assembler *a, uint32_t mm, uint64_t addr);
void layout_map(struct assembler *a, uint32_t mm, uint64_t addr, uint64_t len,
		bool fixed);
void layout_unmap(struct assembler *a, uint32_t mm, uint64_t addr,
		  uint64_t len);
/** layout_use() - a call that needs an area there succeeded */
void layout_use(struct assembler *a, uint32_t mm, uint64_t addr, uint64_t len,
		uint64_t prot);
/** layout_protect() - mprotect gave @prot there */
void layout_protect(struct assembler *a, uint32_t mm, uint64_t addr,
		    uint64_t len, uint64_t prot);
/** layout_area() - the capture says that this area is there */
void layout_area(struct assembler *a, uint32_t mm, uint64_t addr, uint64_t len,
		 uint32_t flags);
void layout_brk(struct assembler *a, uint32_t mm, uint64_t brk);
void layout_fork(struct assembler *a, uint32_t parent, uint32_t child);
void layout_merge(struct assembler *a, struct amm *from, struct amm *into);
/** layout_areas() - the result, into the mm's row */
void layout_areas(struct assembler *a, struct amm *m, struct trace_mm *row);
/** layout_read_maps() - parse the maps file */
int layout_read_maps(struct assembler *a, const char *path, struct errbuf *e);
/** layout_apply_maps() - overlay the snapshots that are due */
void layout_apply_maps(struct assembler *a, bool at_end);
/** layout_first_seen() - @t has a first mm; its snapshot may wait for that */
void layout_first_seen(struct assembler *a, const struct atask *t);

#define LOSS(name) ((struct fate){ FATE_LOSS, name, 0, NULL })
#define JOINED ((struct fate){ FATE_OP, NULL, 0, NULL })
#define MEASURED ((struct fate){ FATE_MEASURE, NULL, 0, NULL })

#endif
