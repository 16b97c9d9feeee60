#ifndef MMREPLAY_MACHINE_LINE_H
#define MMREPLAY_MACHINE_LINE_H

#include "sim/machine/machine.h"

/*
 * Cache lines are resources. A store or atomic needs the line exclusively; a
 * transfer costs by distance, and transfers of one line queue up behind each
 * other: busy_until_ns. State changes at the moment of the access (which is
 * settled); the stall is debt of the one who waits.
 *
 * Lines are found through addresses: objects live at simulated addresses
 * (address.h), so which objects share a line follows from layout.
 */

enum { LINE_SHARERS_INLINE = 4 };

/**
 * struct line - one unit of coherence (profile.line_bytes)
 * @owner: CPU id + 1 with the line modified or exclusive; 0 = none
 * @sharers: up to four CPU ids + 1; beyond, @map holds one bit a CPU
 */
struct line {
	sim_ns busy_until_ns;
	uint32_t owner;
	uint16_t sharer_count;
	uint16_t sharers[LINE_SHARERS_INLINE];
	uint64_t *map;
};

void line_release(struct line *l);

/** line_read() - settle; a load: hit if this CPU has the line in any state */
void line_read(struct task *t, struct line *l);

/** line_write() - settle; a store: hit only if this CPU owns the line */
void line_write(struct task *t, struct line *l);

/** line_rmw() - settle; a locked read-modify-write: as a store, plus COST_ATOMIC */
void line_rmw(struct task *t, struct line *l);

/**
 * struct line_walk - lines that a task touches one after the other in a section
 * in which nobody else can: a walk of a tree whose lock is held. One contact
 * for all: their states change at the instant of line_walk_begin(), each stall
 * begins where the last one ended, line_walk_end() owes the sum.
 * Limit: stores wait as loads do, where a store buffer would overlap them.
 */
struct line_walk {
	struct task *t;
	uint32_t cpu;
	int64_t ns, class_ns[COST_CLASS_COUNT];
};

/** line_walk_begin() - settle */
void line_walk_begin(struct task *t, struct line_walk *w);
void line_walk_read(struct line_walk *w, struct line *l);
void line_walk_write(struct line_walk *w, struct line *l);
/** line_walk_end() - what was touched is owed; nothing else may have been */
void line_walk_end(struct line_walk *w);

/** line_transfer_ns() - what it would cost @cpu to get @l now, queue included */
int64_t line_transfer_ns(const struct machine *m, const struct line *l,
			 uint32_t cpu);

/** line_share() - @cpu, which polls the line, gets a copy; no task pays.
 *  Return: ns until it is there. */
int64_t line_share(struct machine *m, struct line *l, uint32_t cpu);

/** transfer_ns() - one line from CPU @from to CPU @to, free of any queue */
int64_t transfer_ns(const struct machine *m, uint32_t from, uint32_t to);

/** line_hand_over() - the line goes to @cpu now, as a released lock does to the
 *  next waiter; no task pays. Return: ns until it is there. */
int64_t line_hand_over(struct machine *m, struct line *l, uint32_t cpu);

#endif
