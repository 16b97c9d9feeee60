#ifndef MMREPLAY_MACHINE_LINE_H
#define MMREPLAY_MACHINE_LINE_H

#include "sim/machine/machine.h"

/*
 * Cache lines are resources. A store or atomic needs the line exclusively; a
 * transfer costs by distance, and transfers of one line happen one after the
 * other. Who asks while a line is on its way waits, burning its CPU, until the
 * line is its own to fetch; the fetching itself is debt. State changes at the
 * moment of the access, or when the wait for it ends.
 *
 * Rounds. Among those who wait, the requests of one core (profile.line_round:
 * core) or one socket (socket) that are there when the line comes to it are
 * served before it leaves, those of the holder's core first, then its LLC's;
 * then it goes to whoever has waited longest. So a line does not cross with
 * every transfer, and nobody is overtaken by a request that came after its own
 * round began, nor by more than one round of each other core or socket: nobody
 * starves. By core, without SMT, this is the order of arrival: a core's threads
 * share its L1 and the request that is under way.
 *
 * Why: the caching agent of a socket serves its own cores' requests for a line
 * that it has before it answers the snoop of another (the coherence protocols of
 * Intel and AMD both order requests for a line per agent first), and measured:
 * an unfair lock was granted up to a million times to the socket that had it
 * (x86 ticket locks, 314cdbefd1fd), cores of one L3 hold on to a line against
 * all others (haproxy issue 1615), and on 2 x 4 cores a compare-and-exchange by
 * all 8 takes 24.3 ns where one by 4 of one socket takes 18.1 and by 2 + 2 takes
 * 29.8: the line crosses less often than every second time (rouming/ccont). How
 * unfair it really is differs between machines: threads that fault in one area
 * level off at 3.7 to 3.9 M/s from 12 threads on on a 2-socket Broadwell, which
 * rounds of a core give (4 M/s) and rounds of a socket do not (6.9 M/s), and at
 * 6.2 to 6.5 M/s on a 2-socket Ice Lake, where it is the other way round.
 *
 * Copies. Loads of a line that nobody has modified are served side by side:
 * each waits its own transfer, none waits for another. A request to modify it
 * goes before loads that come later.
 *
 * The holder. A request needs line_snoop_ns to reach who has the line; until
 * then its loads and stores still hit, such as the store of a lock's owner right
 * after the lock's atomic. An atomic asks anew, so that contended atomics are
 * one per transfer; real cores squeeze in two or three.
 *
 * Lines are found through addresses: objects live at simulated addresses
 * (address.h), so which objects share a line follows from layout.
 */

enum { LINE_SHARERS_INLINE = 4 };

enum line_access { LINE_LOAD, LINE_STORE, LINE_RMW };

/** struct line_group - those who wait and whose requests make one round */
struct line_group {
	struct task_queue tasks;
	TAILQ_ENTRY(line_group) link;
};

/**
 * struct line_queue - those who wait for a line, each in a group or in the round
 * @waiting: groups that have somebody, by whoever of them has waited longest
 * @round: who is served before the line leaves, in order
 * @llc: the same, by LLC; @core: how many of them, by core
 */
struct line_queue {
	TAILQ_HEAD(, line_group) waiting;
	struct task_queue round;
	struct task *next;	/* gets it when it is free */
	const struct cpu *at;	/* who had it last; NULL: nobody */
	struct line_queue *all, *free;
	struct task_queue *llc;
	uint16_t *core;
	struct line_group group[];	/* by task->line_round */
};

/**
 * struct line - one unit of coherence (profile.line_bytes)
 * @owner: CPU id + 1 with the line modified or exclusive; 0 = none
 * @lost_by: CPU id + 1 that had it, and hits until @lost_before_ns before
 *	@busy_until_ns
 * @sharers: up to four CPU ids + 1; beyond, @map holds one bit a CPU
 */
struct line {
	sim_ns busy_until_ns;
	struct line_queue *queue;	/* NULL: nobody waits */
	uint64_t *map;
	uint16_t owner, lost_by, lost_before_ns;
	uint16_t sharer_count;
	uint16_t sharers[LINE_SHARERS_INLINE];
};

void line_release(struct line *l);

/** line_read() - settle; a load: hit if this CPU has the line in any state */
void line_read(struct task *t, struct line *l);

/**
 * line_prefetch() - settle; ask for the line to write to it, and go on. Who has it
 * then waits only for what is left of the transfer. A line that is on its way or
 * asked for by others is left alone: by the time it came it would be gone.
 */
void line_prefetch(struct task *t, struct line *l);

/** line_write() - settle; a store: hit only if this CPU owns the line */
void line_write(struct task *t, struct line *l);

/** line_rmw() - settle; a locked read-modify-write: as a store, plus COST_ATOMIC */
void line_rmw(struct task *t, struct line *l);

/**
 * struct line_walk - lines that a task touches one after the other in a section
 * in which nobody else can: a walk of a tree whose lock is held. One contact
 * for all: their states change at the instant of line_walk_begin(), each stall
 * begins where the last one ended, line_walk_end() owes the sum.
 * Limits: stores wait as loads do, where a store buffer would overlap them; a
 * line that is on its way to somebody is fetched next, before those who wait.
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
