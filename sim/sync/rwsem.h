#ifndef MMREPLAY_SYNC_RWSEM_H
#define MMREPLAY_SYNC_RWSEM_H

#include "sim/base/policy.h"
#include "sim/machine/address.h"
#include "sim/sync/spinlock.h"

/*
 * rw_semaphore: the word, the wait queue and the wake-up machinery that all
 * flavours share. What a flavour decides -- who may steal, who spins, who is
 * woken, when the lock is handed over -- is its op table, one file each in
 * sim/policy/rwsem/.
 *
 *   word: readers * 256 | handoff 4 | waiters 2 | writer 1     (5.3 and later)
 */

enum { RWSEM_WRITER = 1, RWSEM_WAITERS = 2, RWSEM_HANDOFF = 4,
       RWSEM_READER = 256 };

enum rwsem_side { RWSEM_WRITE_SIDE, RWSEM_READ_SIDE };	/* = enum lock_side */

struct rwsem_ops;
struct rwsem_waiter;
TAILQ_HEAD(rwsem_waiters, rwsem_waiter);

enum { RWSEM_SIM_BYTES = 40 };

/**
 * struct rwsem_bias - bravo only: readers that are not in the word
 * @on: readers may enter by the table of visible readers
 * @id: for the hash; 0 until it was on for the first time
 * @readers: of them inside; @revoker: the writer that waits for them
 */
struct rwsem_bias {
	bool on;
	uint32_t id, readers;
	sim_ns inhibit_until_ns;
	struct task *revoker;
};

/**
 * struct rwsem - 40 simulated bytes
 * @line: of the count; @owner_line: of the owner; @queue_line: of the OSQ's tail
 *	and wait_lock. The same one, or two, where the object lies across a line.
 */
struct rwsem {
	const struct rwsem_ops *ops;
	struct line *line, *owner_line, *queue_line;
	uint64_t word;
	struct task *owner;	/* writer, or last reader to acquire (a hint) */
	bool reader_owned;
	bool nonspinnable;	/* writers stopped spinning on readers */
	bool reader_nonspinnable;	/* readers stopped spinning (5.3) */
	struct spinlock wait_lock;
	struct rwsem_waiters waiters;	/* FIFO */
	struct task_queue spinners;	/* OSQ: FIFO of optimistic spinners */
	struct task *handoff_spinner;	/* first waiter, spins on the owner */
	struct lock_class *cls;
	/* who to blame: op kinds of the current holders */
	uint8_t writer_op, last_op;
	bool write_held;		/* the truth, beside what the word says */
	uint32_t readers;		/* ... and readers inside or granted */
	uint16_t reader_ops[METRIC_OPS_MAX];	/* readers now inside, by op */
	struct blame *blame;		/* while there are waiters */
	uint32_t event;			/* number in the event log */
	struct rwsem_bias bias;
};

void rwsem_init(struct machine *m, struct rwsem *s, const struct rwsem_ops *ops,
		struct line *line, struct lock_class *cls);
/** rwsem_init_at() - as rwsem_init(), at byte @offset of an object: which of its
 *  fields share a line follows from that and the flavour's layout */
void rwsem_init_at(struct machine *m, struct rwsem *s,
		   const struct rwsem_ops *ops, struct lock_class *cls,
		   const struct place *p, uint32_t offset);
void rwsem_release(struct rwsem *s);

/*
 * All from fiber context. The killable variants return -EINTR if the task was
 * killed while it waited, else 0. Downgrade keeps the lock for reading and
 * wakes readers only if the head of the queue is a reader.
 */
void down_read(struct task *t, struct rwsem *s);
int down_read_killable(struct task *t, struct rwsem *s);
bool down_read_trylock(struct task *t, struct rwsem *s);
void up_read(struct task *t, struct rwsem *s);
void down_write(struct task *t, struct rwsem *s);
int down_write_killable(struct task *t, struct rwsem *s);
bool down_write_trylock(struct task *t, struct rwsem *s);
void up_write(struct task *t, struct rwsem *s);
void downgrade_write(struct task *t, struct rwsem *s);

static inline uint64_t rwsem_readers(const struct rwsem *s)
{
	return s->word / RWSEM_READER;
}

/**
 * struct rwsem_ops - what a flavour decides
 * @reader_fast_mask: bits of the word that send a new reader to the slow path
 * @reader_may_steal: slow-path reader takes the lock without queuing; NULL: never
 * @reader_spins: readers spin optimistically before queuing, and take the lock
 *	past queued writers then
 * @writer_spins: writers do
 * @writer_adds: a writer's try is an addition that has to be undone if it fails
 * @writer_spins_on_readers: ... for a bounded time, on a reader-owned lock
 * @wake_readers_max: readers granted per wake-up of a reader head
 * @wake_skips_writers: granted readers may stand behind queued writers
 * @trylock_guesses_free: a reader's trylock compares with "unlocked" first; else
 *	it loads the count before, which takes the line once more if contended
 * @owner_offset, @queue_offset: bytes from the count to owner and wait_lock
 * @handoff_after_ns: first waiter sets the handoff bit after this; 0 = never
 * Hooks around the word, NULL in most flavours (bravo has them):
 * @read_fast: enter without the word; false: take the usual way
 * @read_unlock_fast: the caller entered by read_fast() and has left
 * @read_acquired, @write_acquired: inside by the word, now or again
 */
struct rwsem_ops {
	struct policy_head head;
	uint64_t reader_fast_mask;
	bool (*reader_may_steal)(const struct rwsem *s, uint64_t old_word);
	bool reader_spins, writer_spins, writer_spins_on_readers, writer_adds;
	bool trylock_guesses_free;
	uint32_t owner_offset, queue_offset;
	uint32_t wake_readers_max;
	bool wake_skips_writers;
	int64_t handoff_after_ns;
	bool (*read_fast)(struct task *t, struct rwsem *s);
	bool (*read_unlock_fast)(struct task *t, struct rwsem *s);
	void (*read_acquired)(struct task *t, struct rwsem *s);
	void (*write_acquired)(struct task *t, struct rwsem *s);
};

#endif
