#ifndef MMREPLAY_REPLAY_REPLAY_H
#define MMREPLAY_REPLAY_REPLAY_H

#include "sim/base/digest.h"
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/mm/kernel.h"
#include "traces/format/mmt.h"

/*
 * Replay of one trace under one configuration: tasks, pacing, order; turns a
 * record of the trace into a call of the simulated kernel. One cell = one
 * replay_run(), usually in a process of its own.
 */

enum pacing { PACING_CLOSED, PACING_OPEN };
enum costs_mode { COSTS_MODEL, COSTS_RECORDED };
enum exogenous { EXOGENOUS_KEEP, EXOGENOUS_DROP };
enum tracing { TRACING_REMOVED, TRACING_AS_CAPTURED };
enum placement { PLACEMENT_FREE, PLACEMENT_CAPTURED };

/** struct replay_options - `replay:` of a scenario; option table below */
struct replay_options {
	uint32_t pacing, costs, exogenous, tracing, placement;
	uint32_t replicates;
	uint32_t instances;		/* copies of the workload, separate mms */
	uint32_t jitter_permille;	/* of think segments; used from replicate 2 on */
	int64_t warmup_ns;		/* dropped from the statistics */
	int64_t sleep_threshold_ns;	/* gaps above: "sleep or compute, unknown" */
	const char *speedup_lock;	/* virtual speed-up of a lock's sections ... */
	const char *speedup_cost;	/* ... or of a cost of the profile; or NULL */
	uint32_t speedup_pct;
};

extern const struct option replay_option_table[];

struct replay_config {
	const struct profile *profile;
	const struct kernel_config *kernel;	/* policy under test */
	const struct kernel_config *captured;	/* preset of the captured kernel: P */
	struct replay_options options;
	uint64_t seed;			/* of every draw: replicates differ in it */
	uint32_t replicate;		/* 0: no jitter */
	bool eager;
	uint32_t check_every;		/* events between two kernel_check(); 0: none */
	FILE *series;			/* or NULL; one row a changed value ... */
	int64_t series_ns;		/* ... and step */
	FILE *events;			/* or NULL: log of the window */
	struct event_window window;
	const char *final_state_path;	/* write mm_final_state() of all mms; or NULL */
	const char *export_path;	/* write the simulated run as a trace; or NULL */
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *progress_arg;
};

enum { REPLAY_WARNINGS_MAX = 32 };

/**
 * struct replay_result - what a cell file is made of; release after use
 * All counts are exact; times are simulated nanoseconds.
 */
struct replay_result {
	struct metrics *metrics;	/* latency by op kind, locks, blame, hold, counters */
	uint64_t ops, contacts;		/* ops: all, warm-up included */
	int64_t makespan_ns;		/* to the end of the last task with an mm */
	int64_t mode_ns[MODE_COUNT];	/* summed over CPUs; = CPUs * makespan */
	int64_t irq_user_ns;		/* of MODE_IRQ: hit user time */
	int64_t class_ns[COST_CLASS_COUNT];
	uint64_t cost_times[PROFILE_COSTS_MAX];	/* how often each was charged */
	int64_t cost_less_ns[PROFILE_COSTS_MAX];	/* ... and what not of it */
	bool cost_asked[PROFILE_COSTS_MAX];	/* looked at: others have no effect */
	/* where the time of an op kind went: total over its ops */
	struct op_time {
		int64_t work_ns, spin_ns, sleep_ns, line_ns, runqueue_ns,
			irq_ns;
	} op_time[OP_KIND_COUNT];
	/* distortion; definitions in distortion.c and step.c */
	uint64_t moved_ops;		/* not behind the ops of others that it followed */
	struct hist drift_ns;
	int64_t order_wait_ns;
	int64_t exogenous_ns, think_ns;
	int64_t waker_wait_ns;		/* slept for a traced waker */
	int64_t unknown_gap_ns;		/* sleep or compute: kept as sleep */
	struct hist gap_ns;		/* simulated, from a fault to the next record */
	int64_t fault_gap_ns;		/* recorded gaps behind faults ... */
	int64_t fault_floored_ns;	/* ... by which the model's faults exceed them */
	uint32_t max_runnable_per_mm;
	uint64_t unreplayed[OP_KIND_COUNT];	/* with a reason in warnings */
	uint64_t spurious_faults, faults_outside;
	uint64_t clipped_ns;		/* negative residuals */
	bool recorded_costs[OP_KIND_COUNT];	/* charged what was recorded */
	uint64_t result_differs;	/* failed here or there, not both */
	uint64_t order_edges, order_implied;	/* of the trace */
	uint64_t order_bytes, cost_bytes;	/* kept for the run, by ops */
	struct {
		int64_t wait_ns;
		char mm_lock[32], victim[32], holder[32];
	} hung[16];
	uint32_t hung_count;
	struct rcu_stats rcu;		/* up to the end of the run */
	struct vmap_report vmap;	/* at the end of the run */
	const char *warning[REPLAY_WARNINGS_MAX];	/* arena-owned text */
	uint32_t warnings;
	struct arena arena;
	/* host side, never part of results */
	uint64_t host_events;
	int64_t host_ns;
};

/** replay_run() - run to the end of the trace
 *  After an error the memory of the simulated kernel stays with the process. */
int replay_run(struct mmt_reader *trace, const struct replay_config *c,
	       struct replay_result *out, struct errbuf *e);
void replay_result_release(struct replay_result *r);

#endif
