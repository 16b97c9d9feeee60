#ifndef MMREPLAY_METRICS_METRICS_H
#define MMREPLAY_METRICS_METRICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "sim/base/hist.h"
#include "sim/base/units.h"
#include "sim/metrics/hold.h"

/*
 * Counters, histograms, blame and the hold ledger of one run, keyed by opaque
 * class ids that the rooms above register by name before the run. Nothing
 * here knows a lock or a page. Recording costs no event, no string and no
 * allocation once warm.
 */

enum { METRIC_LOCKS_MAX = 48, METRIC_HOLDS_MAX = 16, METRIC_COUNTERS_MAX = 96,
       METRIC_WATCHED_MAX = 4 };

enum lock_side { SIDE_WRITE, SIDE_READ, SIDE_COUNT };

struct lock_side_stats {
	uint64_t acquired, contended, sleeps, failed_trylocks;
	int64_t spin_ns, sleep_ns;
	struct hist wait_ns, hold_ns;	/* wait: contended acquisitions only */
};

/** struct lock_class - all locks of one name; a lock without sides uses WRITE */
struct lock_class {
	const char *name;
	bool sides;
	uint8_t shortened;	/* bit per side: metrics_shorten() */
	uint32_t id;
	struct lock_side_stats side[SIDE_COUNT];
	/* [waiter op][holder op], summed wait and count */
	int64_t *blame_ns;
	uint64_t *blame_count;
	struct blame *blame_free;
	struct lock_class *inner;	/* of the spinlock inside; NULL until used */
};

/**
 * struct blame - of a lock with waiters: time per op kind of its holders
 * @since_ns: up to when it is split; @last_op: who gets time without a holder
 */
struct blame {
	struct blame *next;
	uint32_t waiters;
	uint8_t last_op;
	sim_ns since_ns;
	int64_t ns[METRIC_OPS_MAX];
};

/** struct blame_mark - the accounts when a wait began */
struct blame_mark {
	int64_t ns[METRIC_OPS_MAX];
};

/** struct hung_wait - one wait of at least metrics.hung_ns: whose, for what, and
 *  behind whom for most of it */
struct hung_wait {
	const char *lock;
	uint8_t waiter_op, holder_op;
	bool told;		/* for the one who reports */
	int64_t wait_ns;
};

enum { HUNG_WAITS_MAX = 16 };

/** struct series_state - what was written of each metric, and when the next is due */
struct series_state {
	int64_t next_ns, step_ns;
	FILE *out;			/* NULL = off */
	uint64_t hold_bytes[METRIC_HOLDS_MAX];
	struct {
		const char *name;
		const uint64_t *value;
		uint64_t written;
	} watch[METRIC_WATCHED_MAX];
	uint32_t watched;
};

struct metrics {
	struct lock_class *locks[METRIC_LOCKS_MAX];
	uint32_t lock_count;
	const char *shorten;	/* metrics_shorten() */
	struct hold_class holds[METRIC_HOLDS_MAX];
	uint32_t hold_count;
	struct hold_books *books;
	const char *stage_names[METRIC_STAGES_MAX];
	uint32_t stage_count, reusable_stage;	/* MAX: none */
	struct hist latency_ns[METRIC_OPS_MAX];		/* by op class */
	struct hist order_wait_ns;
	const char *counter_names[METRIC_COUNTERS_MAX];	/* vmstat and the like */
	uint64_t counters[METRIC_COUNTERS_MAX];
	uint32_t counter_count;
	bool off;		/* warm-up, or after the window: drop samples */
	struct event_log *events;	/* timeline sink; NULL = off */
	struct series_state series;
	int64_t hung_ns;	/* 0: no detector */
	struct hung_wait hung[HUNG_WAITS_MAX];
	uint32_t hung_count;
};

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);

/** metrics_lock() - find or register a lock class by name (before or during setup) */
struct lock_class *metrics_lock(struct metrics *m, const char *name, bool sides);

/**
 * metrics_shorten() - mark the locks of a name for a virtual speed-up
 * @lock: name of a class, or name.read, name.write: one side of it; stays the
 *	caller's. Before any lock is registered.
 */
void metrics_shorten(struct metrics *m, const char *lock);

/** metrics_shortens() - is there a class that metrics_shorten() marked */
bool metrics_shortens(const struct metrics *m);

/** metrics_counter() - id of a counter, for metrics_count() */
uint32_t metrics_counter(struct metrics *m, const char *name);

static inline void metrics_count(struct metrics *m, uint32_t counter, uint64_t n)
{
	m->counters[counter] += n;
}

/** lock_acquired() - one acquisition; waits are 0 when uncontended
 *  @contended: it had to wait at all (spin or sleep) */
void lock_acquired(struct metrics *m, struct lock_class *c, enum lock_side side,
		   bool contended, int64_t wait_ns, int64_t spin_ns,
		   int64_t sleep_ns, unsigned sleeps);

/** lock_waited() - a wait after the acquisition was booked: spun, not slept */
void lock_waited(struct metrics *m, struct lock_class *c, enum lock_side side,
		 int64_t spin_ns);

/** lock_blame() - @waiter_op waited @ns behind @holder_op; per class these sum
 *  to the total wait exactly (the caller splits a wait among holders) */
void lock_blame(struct lock_class *c, unsigned waiter_op, unsigned holder_op,
		int64_t ns);

/** blame_get() - for the first waiter of a lock; back with blame_put() */
struct blame *blame_get(struct lock_class *c, sim_ns now, unsigned last_op);
void blame_put(struct lock_class *c, struct blame *b);
void blame_release_all(struct lock_class *c);

/** blame_one() - the time since the last call was @holder_op's; -1: nobody's */
void blame_one(struct blame *b, int holder_op, sim_ns now);

/** blame_many() - ... was shared by @count[op] holders each, @total together */
void blame_many(struct blame *b, const uint16_t count[METRIC_OPS_MAX],
		uint64_t total, sim_ns now);

/** blame_start() / blame_end() - around one wait; both right after blame_one() or
 *  blame_many() for the same instant. The shares sum to the wait. */
void blame_start(const struct blame *b, struct blame_mark *mark);
void blame_end(struct metrics *m, struct lock_class *c, const struct blame *b,
	       const struct blame_mark *mark, unsigned waiter_op);

/** lock_trylock_failed() - a trylock that gave up */
void lock_trylock_failed(struct metrics *m, struct lock_class *c,
			 enum lock_side side);

void lock_released(struct metrics *m, struct lock_class *c, enum lock_side side,
		   int64_t hold_ns);

/** hold_class_new() - register a ledger class; @address_space: va_bytes */
uint32_t metrics_hold(struct metrics *m, const char *name, bool address_space);
uint32_t metrics_stage(struct metrics *m, const char *name);

/* ---- series.c: values over simulated time ---- */

/** metrics_series() - from now on, rows `t_ns,metric,value` to @out, changed
 *  values only, one a step at most. @out stays the caller's. */
void metrics_series(struct metrics *m, FILE *out, int64_t step_ns);

/** metrics_watch() - sample @value, too; who changes it calls metrics_sample() first */
void metrics_watch(struct metrics *m, const char *name, const uint64_t *value);

void series_take(struct metrics *m, sim_ns now);
void series_end(struct metrics *m, sim_ns now);

/** metrics_sample() - something sampled changes at @now: called before it does */
static inline void metrics_sample(struct metrics *m, sim_ns now)
{
	if (__builtin_expect(now >= m->series.next_ns, 0))
		series_take(m, now);
}

/** metrics_close() - bring all integrals up to @now */
void metrics_close(struct metrics *m, sim_ns now);

#endif
