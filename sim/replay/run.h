#ifndef MMREPLAY_REPLAY_RUN_H
#define MMREPLAY_REPLAY_RUN_H

#include "sim/base/rng.h"
#include "sim/replay/causes.h"
#include "sim/replay/costs.h"
#include "sim/replay/order.h"
#include "sim/replay/replay.h"

/*
 * Inside of a run. A simulated task walks the records of a traced one:
 *
 *   FETCH --> PAUSE --> ORDER --> DO --> FETCH ...
 *     |       think,    wait for   an op on a fiber, or at once
 *     v       sleep,    others
 *    TAIL     ghost
 *
 * All phases but an op itself run in step(), without a stack.
 */

enum phase { PHASE_FETCH, PHASE_PAUSE, PHASE_ORDER, PHASE_DO, PHASE_TAIL };

/**
 * struct rmm - an address space of the trace, in one instance
 * @users: tasks in it; @readers: others that read it through /proc now
 * @awake: its tasks that are not in a replayed sleep
 */
struct rmm {
	struct mm *mm;			/* NULL: not yet, or no longer */
	uint32_t id;
	uint32_t users, readers, awake;
	uint64_t brk;
	struct causes causes;		/* as the replay has it */
	char *final;			/* text of the state at its end, if wanted */
};

/** struct op_clock - a task's accounts when its op began */
struct op_clock {
	int64_t start_ns, debt_ns, spin_ns, sleep_ns, queue_ns, wakeups_ns;
	uint64_t ipis;
};

TAILQ_HEAD(rtask_list, rtask);

struct rtask {
	struct task task;		/* the machine's part */
	struct replay *r;
	struct rmm *mm;			/* NULL: kernel thread, or has left it */
	const struct task_order *order;
	struct mmt_cursor *cursor;
	uint32_t trace, instance;	/* number in the trace's table */
	uint8_t phase, off_state;	/* @off_state: 0 = on a CPU */
	bool switched_in;		/* and did nothing since */
	bool slept;			/* since its last op */
	bool off_nested, fault_open, last_fault, launched, finished, asleep;
	/* the record that is next, or being done */
	struct op op;
	uint32_t seq, note, wait_note;	/* first note at seq; next to wait for */
	uint64_t done;			/* ops, for jitter draws */
	struct kop kop;
	uint32_t cost_pos;		/* in the stream of costs */
	/* recorded time replayed so far; end of the last op */
	int64_t at_ns, busy_until_ns, last_start_ns, fault_end_ns;
	/* order: records that took effect; who waits for that */
	uint32_t effected, need;
	struct rtask_list waiters;
	TAILQ_ENTRY(rtask) wait_link;
	struct rtask *pred;
	int64_t wait_since_ns, op_wait_ns;
	/* distortion */
	struct cause_ranges ranges;	/* of the op under way */
	uint32_t epoch, moved_pos;
	uint32_t near;			/* its last touch in mm->causes */
	uint64_t moved_left;		/* ops until the next with a cause */
	bool moved_loaded, in_op;
	bool woken_early;		/* started without its recorded waker */
	int64_t switched_ns;		/* end of the last switch to it */
	/* off the CPU, by context switches */
	bool away, away_asleep, arrived;
	int64_t away_since_ns, sleep_ns, queue_ns;
	uint64_t ipis, ipi_mark;	/* sent; its CPU's count when it came */
	struct op_clock clock;
	int64_t gap_since_ns, gap_off_ns;	/* last fault; -1: none */
};

/** struct live_alloc - a vmalloc area by the record that allocated it */
struct live_alloc {
	uint64_t key;			/* task << 32 | seq, + 1; 0 = free */
	uint8_t kind;			/* of that record */
	struct vmap_mapping map;	/* vmalloc, vmap: @area only */
};

struct replay {
	uint64_t events;		/* for check_every */
	const struct replay_config *c;
	const struct replay_options *o;
	const struct kernel_config *kernel;
	struct mmt_reader *trace;
	const struct trace_header *h;
	const struct order *order;
	struct export *export;		/* NULL: the run is not written */
	struct costs *costs;		/* NULL: an op's own cost stands for P */
	bool preparing;			/* collecting costs of the captured policy */
	struct replay_result *out;
	struct errbuf *e;
	int err;
	struct machine m;
	struct metrics *metrics;
	struct kernel *k;
	void (*kernel_switch)(void *arg, struct cpu *c, struct task *prev,
			      struct task *next);	/* the kernel's own */
	struct rtask *tasks;
	struct rmm *mms;
	uint32_t instances, task_count;
	uint32_t live, live_users;	/* launched, not finished; with an mm */
	struct live_alloc *allocs;
	uint32_t alloc_used, alloc_size;
	struct sink warmup_sink;
	bool have_sched, warm, accounted;
	uint64_t records_done, records_total;
	uint64_t bad_results[OP_KIND_COUNT];
	struct replay *abandoned;	/* the run before that stopped early */
};

static inline struct rtask *rtask_of(struct task *t)
{
	return t->owner;
}

/** is_user() - a task of the workload, no kernel thread */
static inline bool is_user(const struct rtask *rt)
{
	return rt->r->h->tasks[rt->trace].mm != TRACE_NO_MM;
}

static inline bool measuring(const struct replay *r)
{
	return !r->metrics->off;
}

/* tasks.c: tasks and address spaces come and go */
void tasks_init(struct replay *r);
void tasks_start(struct replay *r);
void tasks_release(struct replay *r);
struct rmm *rmm_of(struct replay *r, uint32_t instance, uint64_t id);
struct rtask *rtask_peer(const struct rtask *rt, uint32_t trace_task);
/** rtask_enter() - @rt acts in @mm from now on, whose user it already has */
void rtask_enter(struct rtask *rt, struct rmm *mm);
/** rtask_leave() - it has left its mm; the last one closes it */
void rtask_leave(struct rtask *rt);
/** rmm_closing() - @mm's last user is about to go */
void rmm_closing(struct replay *r, struct rmm *mm);
/** rmm_forget() - nobody will name it again */
void rmm_forget(struct rmm *mm);
void rmm_fill(struct replay *r, struct rmm *mm, struct mm *fresh);
/** rtask_place() - under placement: captured, from the next wake-up on @cpu */
void rtask_place(struct rtask *rt, uint32_t cpu);
/** rtask_launch() - the child of @by's op, in @mm */
void rtask_launch(struct rtask *by, struct rtask *child, struct rmm *mm);
int final_state_write(struct replay *r);

/* step.c: the walk over the records */
void rtask_step(struct task *t);
/** rtask_effect() - the current record took effect; wakes who waited for it */
void rtask_effect(struct rtask *rt);
/** rtask_op_done() - the op of the current record is over */
void rtask_op_done(struct rtask *rt);
/** rtask_note() - the note of the current record, or NULL */
const struct note *rtask_note(const struct rtask *rt, enum note_kind kind);
/** rtask_sleep() - from step(): until @ns from now; false if that is at once */
bool rtask_sleep(struct rtask *rt, int64_t ns);

/* ops.c: a record becomes a call of the simulated kernel */
/** op_refusal() - why the current record cannot be replayed, or NULL;
 *  "": it needs not be, and is not counted */
const char *op_refusal(struct rtask *rt);
void op_fiber(void *task);
/** op_skip() - pass the current record without doing it */
void op_skip(struct rtask *rt);

/* live_allocs.c */
void live_alloc_put(struct replay *r, uint64_t key, uint8_t kind,
		    const struct vmap_mapping *map);
/** live_alloc_take() - false: there is none */
bool live_alloc_take(struct replay *r, uint64_t key, struct live_alloc *out);

/* distortion.c: what the replay did to the trace */
void distortion_init(struct replay *r);
/** distortion_op_start() - for every op, in order, also one that is not replayed */
void distortion_op_start(struct rtask *rt);
/** distortion_effect() - it took effect: others follow it from now on */
void distortion_effect(struct rtask *rt);
/** op_clock_start() / op_clock_end() - around an op; settled */
void op_clock_start(struct rtask *rt);
void op_clock_end(struct rtask *rt);
/** rtask_ipis() - interrupts that it has sent so far; it is on a CPU */
uint64_t rtask_ipis(const struct rtask *rt);
/** mm_awake() - @rt begins or ends a sleep of the replay */
void mm_awake(struct rtask *rt, bool awake);

/* export.c: the run as a trace */
int export_open(struct replay *r);
/** export_op() - the op of @rt is over; it is on its CPU, settled; r->export is */
void export_op(struct rtask *rt);
void export_switch(struct rtask *rt, enum op_kind kind, uint64_t arg,
		   sim_ns now);
/** export_sched() - @rt leaves (@arg: state), arrives, or wakes (@arg: whom) */
static inline void export_sched(struct rtask *rt, enum op_kind kind,
				uint64_t arg, sim_ns now)
{
	if (__builtin_expect(rt->r->export != NULL, 0))
		export_switch(rt, kind, arg, now);
}
/** export_close() - the file appears, unless @err. Return: @err or its own */
int export_close(struct replay *r, int err);

/* replay.c */
/** take_accounts() - makespan and CPU time up to @now; the first call counts */
void take_accounts(struct replay *r, sim_ns now);

/* report.c: words about a run */
void warn(struct replay_result *out, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void warn_of_run(struct replay *r);
int stuck(struct replay *r);

#endif
