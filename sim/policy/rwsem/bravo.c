/*
 * rwsem: bravo -- biased locking for reader-writer locks (Dice and Kogan, USENIX
 * ATC 2019) around the rules of 5.11.
 *
 * While a lock is biased, a reader publishes itself in a table of visible
 * readers that all locks share: one atomic on a slot found by hashing lock and
 * task, then a look whether the bias is still on. It never writes the line of
 * the lock, so readers scale. A writer takes the lock below, switches the
 * bias off, scans the table and waits for each reader of this lock, spinning.
 * A reader that comes by the lock below switches the bias on again, but not
 * before nine times as long as the last revocation took: writers are slowed
 * down by at most a tenth.
 *
 *   reader   load bias -> atomic on slot -> load bias -> inside
 *   writer   lock below -> bias off -> scan 4096 slots, wait for ours -> inside
 *
 * Invariants: a slot names a task that is inside, or about to look again, or
 * about to leave; the bias goes on only under the read lock below, off only
 * under the write lock. After a revocation nobody is inside by the table.
 *
 * The wait for a reader is booked as a wait of its own, beside that for the
 * lock below, and blamed on that reader. Scanning costs a transfer for each
 * line that readers have written since, a hit for the others (the scan is
 * sequential, so prefetching hides them).
 *
 * Cost: O(1) for a reader, O(4096) for a revocation.
 */
#include "sim/policy/rwsem/rwsem.h"

enum { SLOTS = 4096, SLOT_BYTES = 8, LINES_MAX = SLOTS * SLOT_BYTES / 64,
       INHIBIT_TIMES = 9 };

struct slot {
	const struct rwsem *lock;
	const struct task *reader;
};

struct visible_readers {
	struct slot slot[SLOTS];
	struct line line[LINES_MAX];
	uint32_t locks;
};

static void table_release(void *part)
{
	struct visible_readers *v = part;

	for (int i = 0; i < LINES_MAX; i++)
		line_release(&v->line[i]);
}

static struct visible_readers *table_of(struct machine *m)
{
	return machine_part(m, &rwsem_bravo, sizeof(struct visible_readers),
			    table_release);
}

static uint32_t slot_of(const struct task *t, const struct rwsem *s)
{
	uint64_t key = (uint64_t)s->bias.id << 32 | t->id;

	/* Fibonacci hashing: 2^64 / golden ratio, the top 12 bits */
	return (uint32_t)((key ^ key >> 29) * 0x9e3779b97f4a7c15ULL >> 52);
}

static struct line *slot_line(struct task *t, struct visible_readers *v,
			      uint32_t slot)
{
	return &v->line[slot * SLOT_BYTES / t->m->profile->line_bytes];
}

/* Clear the own slot, and let a writer that waits for it look again. */
static void retract(struct task *t, struct rwsem *s, struct slot *slot)
{
	struct task *w = s->bias.revoker;

	slot->lock = NULL;
	slot->reader = NULL;
	if (w && w->spinning)
		task_spin_end(w, transfer_ns(t->m, t->cpu->id, w->cpu->id));
}

static bool read_fast(struct task *t, struct rwsem *s)
{
	struct visible_readers *v = table_of(t->m);
	uint32_t i;

	rwsem_load(t, s);
	if (!s->bias.on)
		return false;
	i = slot_of(t, s);
	line_rmw(t, slot_line(t, v, i));
	settle(t);
	if (v->slot[i].lock)
		return false;		/* somebody with the same hash */
	v->slot[i] = (struct slot){ s, t };
	rwsem_load(t, s);
	if (!s->bias.on) {
		line_write(t, slot_line(t, v, i));
		settle(t);
		retract(t, s, &v->slot[i]);
		return false;
	}
	s->bias.readers++;
	rwsem_hold(t, s, RWSEM_READ_SIDE);
	lock_acquired(t->m->metrics, s->cls, SIDE_READ, false, 0, 0, 0, 0);
	return true;
}

static bool read_unlock_fast(struct task *t, struct rwsem *s)
{
	struct visible_readers *v = table_of(t->m);
	uint32_t i = slot_of(t, s);

	if (v->slot[i].lock != s || v->slot[i].reader != t)
		return false;
	line_write(t, slot_line(t, v, i));
	settle(t);
	s->last_op = rwsem_unhold(t, s, RWSEM_READ_SIDE);
	s->bias.readers--;
	retract(t, s, &v->slot[i]);
	return true;
}

static void read_acquired(struct task *t, struct rwsem *s)
{
	settle(t);
	if (s->bias.on || (t->m->engine.now_ns < s->bias.inhibit_until_ns &&
			   !mutated(MUTATE_BIAS_NOT_INHIBITED)) ||
	    mutated(MUTATE_NO_BIAS))
		return;
	line_write(t, s->line);
	settle(t);
	if (s->bias.on)
		return;
	if (!s->bias.id)
		s->bias.id = ++table_of(t->m)->locks;
	s->bias.on = true;
}

/* Wait until @slot is no reader of @s. */
static void wait_for(struct task *t, struct rwsem *s, const struct slot *slot)
{
	sim_ns start = t->m->engine.now_ns;
	uint8_t op = slot->reader->op_kind;
	int64_t ns;

	while (slot->lock == s) {
		s->bias.revoker = t;
		if (task_spin(t, true, INT64_MAX) == SPIN_RESCHED)
			cond_resched(t);
		s->bias.revoker = NULL;
	}
	ns = t->m->engine.now_ns - start;
	lock_waited(t->m->metrics, s->cls, SIDE_WRITE, ns);
	if (!t->m->metrics->off)
		lock_blame(s->cls, t->op_kind, op, ns);
}

/*
 * The table is read before it is judged: from the last look at a line to the
 * look at the slots no time passes. A reader that publishes itself in between
 * sees the bias off and retracts.
 */
static void read_table(struct task *t, struct visible_readers *v)
{
	uint32_t lines = SLOTS * SLOT_BYTES / t->m->profile->line_bytes;
	uint64_t written[LINES_MAX / 64] = { 0 };
	uint32_t hits = 0;

	settle(t);
	for (uint32_t i = 0; i < lines; i++) {
		if (v->line[i].owner && v->line[i].owner != t->cpu->id + 1)
			written[i / 64] |= 1ULL << i % 64;
		else
			hits++;
	}
	work(t, COST_LINE_READ, hits);
	for (uint32_t i = 0; i < lines; i++)
		if (written[i / 64] >> i % 64 & 1)
			line_read(t, &v->line[i]);
	settle(t);
}

static void scan(struct task *t, struct rwsem *s, struct visible_readers *v)
{
	read_table(t, v);
	for (uint32_t i = 0; i < SLOTS; i++)
		if (v->slot[i].lock == s)
			wait_for(t, s, &v->slot[i]);
}

static void write_acquired(struct task *t, struct rwsem *s)
{
	sim_ns start;

	rwsem_load(t, s);
	if (!s->bias.on || mutated(MUTATE_BIAS_NOT_REVOKED))
		return;
	line_write(t, s->line);
	settle(t);
	s->bias.on = false;
	start = t->m->engine.now_ns;
	scan(t, s, table_of(t->m));
	BUG_ON(s->bias.readers);
	s->bias.inhibit_until_ns = t->m->engine.now_ns +
		INHIBIT_TIMES * (t->m->engine.now_ns - start);
}

const struct rwsem_ops rwsem_bravo = {
	.head = {
		.abi = POLICY_ABI,
		.size = sizeof(struct rwsem_ops),
		.axis = "rwsem",
		.name = "bravo",
		.models = "BRAVO around 5.11: readers in a hashed table of visible readers, writers revoke",
		.source = "Dice and Kogan, BRAVO: Biased Locking for Reader-Writer Locks, USENIX ATC 2019",
	},
	.reader_fast_mask = RWSEM_WRITER | RWSEM_WAITERS | RWSEM_HANDOFF,
	.reader_may_steal = rwsem_may_steal_5_11,
	.writer_spins = true,
	.writer_spins_on_readers = true,
	.owner_offset = 8, .queue_offset = 20,
	.wake_readers_max = RWSEM_WAKE_READERS_MAX,
	.wake_skips_writers = true,
	.handoff_after_ns = 4 * NSEC_PER_MSEC,
	.read_fast = read_fast,
	.read_unlock_fast = read_unlock_fast,
	.read_acquired = read_acquired,
	.write_acquired = write_acquired,
};
