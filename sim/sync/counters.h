#ifndef MMREPLAY_SYNC_COUNTERS_H
#define MMREPLAY_SYNC_COUNTERS_H

#include "sim/sync/spinlock.h"

/*
 * Words that need no lock to be read or counted: reference count, sequence
 * count, per-CPU counter. Each lives on its line.
 */

/* ---- refcount_t: saturates, never wraps ---- */

enum { REFCOUNT_SATURATED = INT32_MIN / 2 };

struct refcount {
	struct line *line;
	int32_t value;
};

/* Counting up from 0, past the maximum or below 0 saturates; so it stays. */
void refcount_inc(struct task *t, struct refcount *r);
/** refcount_inc_not_zero() - Return: false if it was 0, and is */
bool refcount_inc_not_zero(struct task *t, struct refcount *r);
/** refcount_dec_and_test() - Return: true for the one that made it 0 */
bool refcount_dec_and_test(struct task *t, struct refcount *r);

/* ---- seqcount_t: readers try again if a writer was there ---- */

/** struct seqcount - odd while a writer is in; one at a time, its lock sees to it */
struct seqcount {
	struct line *line;
	uint64_t seq;
	struct task_queue readers;	/* spinning until it is even */
};

void seqcount_init(struct seqcount *s, struct line *line);
void write_seqcount_begin(struct task *t, struct seqcount *s);
void write_seqcount_end(struct task *t, struct seqcount *s);
/** read_seqcount_begin() - spin while a writer is in. Return: for _retry() */
uint64_t read_seqcount_begin(struct task *t, struct seqcount *s);
/** read_seqcount_retry() - Return: true if what was read may be torn */
bool read_seqcount_retry(struct task *t, const struct seqcount *s, uint64_t seq);

/* ---- percpu_counter: local until @batch, then under the lock ---- */

struct percpu_counter {
	struct spinlock lock;
	struct line *line;		/* of the sum */
	int64_t sum;
	int32_t batch;
	uint32_t cpus;
	struct percpu_slot *slot;
};

/** percpu_counter_init() - @batch 0: the kernel's, max(32, 2 x CPUs) */
void percpu_counter_init(struct machine *m, struct percpu_counter *c,
			 struct line *line, struct lock_class *cls,
			 int32_t batch);
void percpu_counter_release(struct percpu_counter *c);
void percpu_counter_add(struct task *t, struct percpu_counter *c, int64_t n);
/** percpu_counter_read() - the sum without what is local: off by batch x CPUs */
int64_t percpu_counter_read(struct task *t, struct percpu_counter *c);
/** percpu_counter_sum() - exact: takes the lock, reads each CPU's line */
int64_t percpu_counter_sum(struct task *t, struct percpu_counter *c);

#endif
