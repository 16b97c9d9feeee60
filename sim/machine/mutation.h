#ifndef MMREPLAY_MACHINE_MUTATION_H
#define MMREPLAY_MACHINE_MUTATION_H

#include <stdbool.h>

/*
 * Switches of the test build: each turns one rule off, and exactly the test of
 * that rule must then fail. In the program every one is constant false.
 */
enum mutation {
	MUTATE_NONE,
	MUTATE_READER_IGNORES_WAITERS,	/* fast path passes a queued writer */
	MUTATE_WRITER_GRANTED,		/* nobody steals from a queued writer */
	MUTATE_WAKE_ONE_READER,		/* a reader head is woken alone */
	MUTATE_WAKE_CONTIGUOUS,		/* ... only up to the next writer */
	MUTATE_WAKE_NO_LIMIT,		/* ... without the limit of 256 */
	MUTATE_NO_HANDOFF,
	MUTATE_HANDOFF_STOLEN,		/* the handoff bit stops nobody */
	MUTATE_NO_WRITER_SPIN,
	MUTATE_SPIN_OWNER_ASLEEP,	/* spinning on while the owner sleeps */
	MUTATE_SPIN_RESCHED,		/* spinning on past need_resched */
	MUTATE_SPIN_ON_READERS_UNBOUNDED,
	MUTATE_NO_NONSPINNABLE,
	MUTATE_NO_READER_STEAL,
	MUTATE_READER_STEAL_ALWAYS,	/* also behind other readers */
	MUTATE_STEAL_WAKES_NOBODY,	/* the first stealing reader wakes no others */
	MUTATE_DOWNGRADE_PAST_WRITER,	/* readers behind a writer are woken */
	MUTATE_DOWNGRADE_WAKES_NOBODY,
	MUTATE_GRANT_AFTER_WAKE,	/* woken readers must ask again */
	MUTATE_NO_READER_SPIN,		/* 5.3: readers queue at once */
	MUTATE_READER_SPIN_WAITS,	/* 5.3: ... or spin behind queued writers */
	MUTATE_READER_NONSPINNABLE_OFF,	/* 5.3: readers spin however futile */
	MUTATE_WRITER_LETS_READERS_SPIN,	/* 5.3: a writer that saw it tells nobody */
	MUTATE_READER_FORGETS_FUTILE,	/* 5.3: nor does a reader that saw it */
	MUTATE_READER_OWNED_SPIN,	/* 4.14: writers spin on readers */
	MUTATE_WRITER_ADDS_NOT,		/* 4.14: a failed try costs no second atomic */
	MUTATE_NO_BIAS,			/* bravo: never biased */
	MUTATE_BIAS_NOT_REVOKED,	/* bravo: writer does not wait for the table */
	MUTATE_BIAS_NOT_INHIBITED,	/* bravo: on again right after a writer */
	MUTATE_OWNER_UNPAID,		/* the owner is set without a store */
	MUTATE_TRYLOCK_LOADS,		/* 5.3: a trylock loads the count first */
	MUTATE_TRYLOCK_ADDS,		/* a trylock never has to compare again */
	MUTATE_LINE_FIFO,		/* a line goes to who asked first, wherever */
	MUTATE_LINE_LOADS_QUEUE,	/* copies are handed out one by one */
	MUTATE_LINE_STARVES,		/* late requests of a socket join its round */
	MUTATE_LINE_LOST_AT_ONCE,	/* a request takes the line as it is made */
	MUTATE_SPIN_LIFO,		/* spinlock: last waiter first */
	MUTATE_MUTEX_NO_SPIN,
	MUTATE_MUTEX_NO_HANDOFF,	/* a woken sleeper may lose for ever */
	MUTATE_REFCOUNT_WRAPS,
	MUTATE_IRQ_OFF_IGNORED,
	MUTATE_RCU_LATE_RIDES,		/* a late callback needs this period only */
	MUTATE_RCU_USER_UNSEEN,		/* ticks see no user mode */
	MUTATE_RCU_IDLE_UNSEEN,		/* scans see no idle CPU */
	MUTATE_RCU_READER_IGNORED,	/* a preempted reader holds up nothing */
	MUTATE_RCU_SCAN_ONE_JIFFY,	/* whatever HZ and CPUs */
	MUTATE_RCU_OVERLOAD_IGNORED,	/* scans as rare as ever */
	MUTATE_RCU_NO_KICK,		/* qhimark starts no period, forces no scan */
	MUTATE_RCU_BLIMIT_FIXED,	/* ... and raises no blimit */
	MUTATE_RCU_BLIMIT_STAYS,	/* raised for ever */
	MUTATE_RCU_NO_TIME_LIMIT,
	MUTATE_RCU_NO_BYPASS,		/* every call goes to the list itself */
	MUTATE_RCU_BYPASS_STALE,	/* a new jiffy flushes nothing */
	MUTATE_RCU_BYPASS_UNBOUNDED,	/* nor does qhimark */
	MUTATE_RCU_LAZY_FOR_EVER,
	MUTATE_RCU_NOCB_THROTTLED,	/* blimit holds for rcuop, too */
	MUTATE_NO_PTL,
	MUTATE_NO_ZONE_LOCK,
	MUTATE_NO_LRU_LOCK,
	MUTATE_NO_LIST_LOCK,
	MUTATE_NO_MEMCG,
	MUTATE_NO_BANDWIDTH,
	MUTATE_TLB_LAZY_SHOT,		/* idle CPUs get their interrupt, too */
	MUTATE_TLB_NO_CEILING,		/* page by page, however many */
	MUTATE_TLB_ID_AT_ONCE,		/* a global id for a process on one CPU */
	MUTATE_NO_I_MMAP,
	MUTATE_NO_ANON_VMA,
	MUTATE_COUNT
};

#ifdef MMREPLAY_TEST
extern enum mutation mmreplay_mutation;
static inline bool mutated(enum mutation which)
{
	return mmreplay_mutation == which;
}
#else
static inline bool mutated(enum mutation which)
{
	(void)which;
	return false;
}
#endif

#endif
