/*
 * The rules of the rw_semaphore that several flavours share, one time line
 * picture each (picture.h); t_sync_rwsem_flavours.c has those of one flavour (F).
 *
 * Rule (FACTS A1)               picture                              switch: MUTATE_
 * ----------------------------- ------------------------------------ ----------------------
 * a waiter stops new readers    a queued writer stops new readers    READER_IGNORES_WAITERS
 *  .. by bravo's table not      F biased readers do not see ..       NO_BIAS
 * readers spin: 5.3             F a reader spins on a running writer NO_READER_SPIN
 *  .. 4.14, 5.11 and others not F a reader sleeps behind ..          (no code to switch)
 * spinning reader and waiters   F .. passes queued writers           READER_SPIN_WAITS
 *  .. and handoff               F .. obeys a handoff                 HANDOFF_STOLEN
 *  .. gives up where futile     F readers stop spinning ..           READER_NONSPINNABLE_OFF
 *  .. told by a writer          F a writer that saw it ..            WRITER_LETS_READERS_SPIN
 *  .. by a reader               F a reader that saw it, too          READER_FORGETS_FUTILE
 * reader steals: 5.3 on         reader steals from a waking writer   NO_READER_STEAL, (5.3:)
 *                                                                    NO_READER_SPIN
 *  .. 4.14 not                  F no reader steals                   READER_IGNORES_WAITERS
 *  .. never second to readers   a queued writer stops new readers    READER_STEAL_ALWAYS
 *  .. and wakes the others      the first stealing reader ..         STEAL_WAKES_NOBODY
 * a woken writer must win       woken writer loses against a thief   WRITER_GRANTED
 * a try: added and undone 4.14  F a failed try is undone             WRITER_ADDS_NOT
 *  .. compared, from 5.3        F a failed try leaves no trace       (no code to switch)
 * writers spin                  writer spins on a running writer     NO_WRITER_SPIN
 *  .. one polls                 spinners queue; F .. queue with ..   NO_WRITER_SPIN
 *  .. while the owner runs      spinner gives up when .. sleeps,     SPIN_OWNER_ASLEEP
 *                               no spinning on an owner that sleeps
 *  .. and nobody wants the CPU  spinner gives up its CPU ..          SPIN_RESCHED
 *  .. on readers: 4.14 never    F writers do not spin on readers, F  READER_OWNED_SPIN
 *                               a spinning writer stops ..
 *  .. from 5.3 bounded          spinning on readers is bounded       SPIN_ON_READERS_UNBOUNDED
 *  .. once                      nobody spins on readers after that   NO_NONSPINNABLE
 *  .. no-spin never             F nobody spins, F .. on readers      (no code to switch)
 * reader head wakes neighbours  neighbours woken together            WAKE_ONE_READER
 *  .. 4.14 up to a writer       F only neighbours are woken          WAKE_ONE_READER
 *  .. from 5.3 past writers     readers woken past a writer          WAKE_CONTIGUOUS
 *  .. 256 at most               t_sync.c: t_wake_limit               WAKE_NO_LIMIT
 *  .. granted before woken      a woken reader owns the lock already GRANT_AFTER_WAKE
 * downgrade wakes a head        downgrade wakes a reader ..          DOWNGRADE_WAKES_NOBODY
 *  .. that is a reader          downgrade wakes nobody behind ..     DOWNGRADE_PAST_WRITER
 * handoff after 4 ms: 5.3 on    the lock is handed over ..           NO_HANDOFF, HANDOFF_STOLEN
 *  .. 4.14 not                  F no handoff                         WRITER_GRANTED
 *  .. no-spin                   F handed over without spinning       NO_HANDOFF, HANDOFF_STOLEN
 * trylock guesses or loads      t_sync.c: t_trylock_loop             TRYLOCK_LOADS, _ADDS
 * who is killed leaves          t_sync.c: t_killable                 (asserts both sides)
 * the owner is a store          the first stealing reader ..         OWNER_UNPAID
 * bravo: a writer waits         F a writer waits for the readers ..  BIAS_NOT_REVOKED
 *  .. and inhibits              F no bias for a while .., F again    BIAS_NOT_INHIBITED
 *
 * t_mutations plays each picture under each flavour with each switch: it must
 * turn red exactly where .broken_by says so. A rule that others rest on (who does
 * not spin does not reach what spinning would do) breaks their pictures, too.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "sim/tests/picture.h"

static const struct picture pictures[] = {
{
	.name = "reader waits for a writer", .rule = "a writer excludes",
	.unit_ns = 100000,
	.row = { "ZZZZ    ",
		 " ...RR  " },
	.broken_by = { ONLY(ON_5_3, MUTATE_SPIN_OWNER_ASLEEP) },
}, {
	.name = "readers share", .rule = "readers do not exclude readers",
	.unit_ns = 100000,
	.row = { "RRRR    ",
		 " RR     ",
		 " ...WW  " },
	.broken_by = { ONLY(ON_SPINNING & ~ON_4_14, MUTATE_SPIN_ON_READERS_UNBOUNDED) },
}, {
	.name = "a queued writer stops new readers",
	.rule = "waiters bit sends readers to the slow path, where they queue behind readers",
	.on = ON_ALL & ~ON_BRAVO,
	.unit_ns = 100000,
	.row = { "RRRRRR     ",
		 " .....WW   ",
		 "  ......RR " },
	.broken_by = { MUTATE_READER_IGNORES_WAITERS,
		       ONLY(ON_5_3, MUTATE_NO_WRITER_SPIN),
		       ONLY(ON_5_3 | ON_5_11, MUTATE_SPIN_ON_READERS_UNBOUNDED),
		       ONLY(ON_5_11 | ON_NO_SPIN, MUTATE_READER_STEAL_ALWAYS),
		       ONLY(ON_5_3, MUTATE_READER_NONSPINNABLE_OFF) },
}, {
	.name = "reader steals from a waking writer",
	.rule = "no writer in, no readers in, no handoff: a slow-path reader takes the lock",
	.on = ON_ALL & ~ON_4_14,
	.unit_ns = 100000, .wake_cols = 2,
	.row = { "ZZZZ         ",
		 " ...__..__WW ",
		 "     RRR     " },
	.broken_by = { ONLY(ON_SPINNING, MUTATE_SPIN_OWNER_ASLEEP),
		       ONLY(ON_ALL & ~ON_5_3, MUTATE_NO_READER_STEAL),
		       ONLY(ON_5_3, MUTATE_NO_READER_SPIN),
		       ONLY(ON_5_3, MUTATE_READER_SPIN_WAITS) },
}, {
	.name = "readers woken past a writer",
	.rule = "a reader head brings the readers behind writers",
	.on = ON_ALL & ~ON_4_14,
	.unit_ns = 100000,
	.row = { "ZZZZ      ",
		 " ...RR    ",
		 "  ....WW  ",
		 "   .RR    " },
	.broken_by = { MUTATE_WAKE_ONE_READER, MUTATE_WAKE_CONTIGUOUS,
		       ONLY(ON_SPINNING, MUTATE_SPIN_OWNER_ASLEEP),
		       ONLY(ON_5_11 | ON_NO_SPIN, MUTATE_GRANT_AFTER_WAKE) },
}, {
	.name = "neighbours woken together",
	.rule = "a reader head brings the readers next to it",
	.unit_ns = 100000,
	.row = { "ZZZZ      ",
		 " ...RR    ",
		 "  ..RR    " },
	.broken_by = { MUTATE_WAKE_ONE_READER,
		       ONLY(ON_5_3, MUTATE_SPIN_OWNER_ASLEEP) },
}, {
	.name = "woken writer loses against a thief",
	.rule = "a woken writer must win the word again",
	.unit_ns = 100000, .wake_cols = 2,
	.row = { "ZZZ          ",
		 " ..__..__WW  ",
		 "    WWW      " },
	.broken_by = { ONLY(ON_SPINNING, MUTATE_WRITER_GRANTED),
		       ONLY(ON_SPINNING, MUTATE_SPIN_OWNER_ASLEEP) },
}, {
	.name = "writer spins on a running writer",
	.rule = "optimistic spinning",
	.on = ON_SPINNING,
	.unit_ns = 100000,
	.row = { "WWWW    ",
		 " ~~~WW  " },
	.broken_by = { MUTATE_NO_WRITER_SPIN },
}, {
	.name = "spinners queue",
	.rule = "OSQ: one polls, the others wait for their turn",
	.on = ON_SPINNING,
	.unit_ns = 100000,
	.row = { "WWWW        ",
		 " ~~~WW      ",
		 "  ~~~~WW    ",
		 "   ~~~~~WW  " },
	.broken_by = { MUTATE_NO_WRITER_SPIN },
}, {
	.name = "spinner gives up when the owner sleeps",
	.rule = "owner must be on a CPU",
	.on = ON_SPINNING,
	.unit_ns = 100000,
	.row = { "WWZZWW    ",
		 " ~....WW  " },
	.broken_by = { MUTATE_NO_WRITER_SPIN, MUTATE_SPIN_OWNER_ASLEEP },
}, {
	.name = "no spinning on an owner that sleeps",
	.rule = "owner must be on a CPU at the start",
	.unit_ns = 100000,
	.row = { "ZZZZ    ",
		 " ...WW  " },
	.broken_by = { ONLY(ON_SPINNING, MUTATE_SPIN_OWNER_ASLEEP) },
}, {
	.name = "spinner gives up its CPU when it is wanted",
	.rule = "need_resched ends spinning: the slice of 3 ms is over at a tick",
	.on = ON_SPINNING,
	.unit_ns = 1000000,
	.row = { "WWWWWWWWWW    ",
		 " ~~~......WW  ",
		 "    UUU       " },
	.cpu = { 0, 0, 2 },
	.broken_by = { MUTATE_NO_WRITER_SPIN, MUTATE_SPIN_RESCHED },
}, {
	.name = "spinning on readers is bounded",
	.rule = "(20 + readers) / 2 us on a reader-owned lock: 10.5 us",
	.on = ON_SPINNING & ~ON_4_14,
	.unit_ns = 2000,
	.row = { "RRRRRRRRRRRR    ",
		 " ~~~~~......WW  " },
	.broken_by = { MUTATE_NO_WRITER_SPIN,
		       MUTATE_SPIN_ON_READERS_UNBOUNDED },
}, {
	.name = "nobody spins on readers after that",
	.rule = "nonspinnable until the lock is released",
	.on = ON_SPINNING & ~ON_4_14,
	.unit_ns = 2000,
	.row = { "RRRRRRRRRRRRRRR     ",
		 " ~~~~~.........WW   ",
		 "         ........WW " },
	.broken_by = { MUTATE_NO_WRITER_SPIN, MUTATE_SPIN_ON_READERS_UNBOUNDED,
		       MUTATE_NO_NONSPINNABLE },
}, {
	.name = "the lock is handed over after 4 ms",
	.rule = "a first waiter that failed after 4 ms stops all thieves",
	.on = ON_SPINNING & ~ON_4_14,
	.unit_ns = 1000000, .wake_cols = 1,
	.row = { "ZZ            ",
		 " ._._._._WW   ",
		 "  ZZ          ",
		 "    ZZ        ",
		 "      ZZ      ",
		 "        ~~~ZZ " },
	.broken_by = { MUTATE_WRITER_GRANTED, MUTATE_NO_HANDOFF,
		       MUTATE_HANDOFF_STOLEN, MUTATE_NO_WRITER_SPIN,
		       MUTATE_SPIN_OWNER_ASLEEP },
}, {
	.name = "downgrade wakes a reader at the head",
	.rule = "and with it the other readers",
	.unit_ns = 100000,
	.row = { "ZZRRRR   ",
		 " .RRRR   ",
		 " .RR     " },
	.broken_by = { MUTATE_WAKE_ONE_READER,
		       ONLY(ON_5_3, MUTATE_SPIN_OWNER_ASLEEP),
		       MUTATE_DOWNGRADE_WAKES_NOBODY },
}, {
	.name = "downgrade wakes nobody behind a writer",
	.rule = "only a reader at the head counts",
	.unit_ns = 100000,
	.row = { "ZZZRRR    ",
		 " .....WW  ",
		 "  ......RR" },
	.broken_by = { ONLY(ON_SPINNING, MUTATE_SPIN_OWNER_ASLEEP),
		       ONLY(ON_ALL & ~ON_4_14, MUTATE_DOWNGRADE_PAST_WRITER) },
}, {
	.name = "a woken reader owns the lock already",
	.rule = "readers are granted before they are woken",
	.unit_ns = 100000, .wake_cols = 2,
	.row = { "ZZ          ",
		 " .__RR      ",
		 "   ...__WW  " },
	.broken_by = { ONLY(ON_5_3, MUTATE_SPIN_OWNER_ASLEEP),
		       ONLY(ON_SPINNING & ~ON_4_14, MUTATE_SPIN_ON_READERS_UNBOUNDED),
		       MUTATE_GRANT_AFTER_WAKE },
}, {
	.name = "the first stealing reader wakes the others",
	.on = ON_ALL & ~ON_4_14,
	.rule = "releaser interrupted between the word and its wake-up",
	.unit_ns = 100000, .store_ns = 10000,
	.irq = { 0, 215000, 300000 },
	.row = { "ZZ         ",
		 " ..RRR     ",
		 "   RR      " },
	.broken_by = { MUTATE_READER_IGNORES_WAITERS,
		       ONLY(ON_5_3, MUTATE_SPIN_OWNER_ASLEEP),
		       MUTATE_STEAL_WAKES_NOBODY, MUTATE_OWNER_UNPAID,
		       ONLY(ON_5_3, MUTATE_READER_SPIN_WAITS) },
},
};

enum { COUNT = sizeof(pictures) / sizeof(pictures[0]) };

static void t_pictures(void **state)
{
	(void)state;
	assert_int_equal(pictures_draw(pictures, COUNT), 0);
}

static void t_mutations(void **state)
{
	(void)state;
	assert_int_equal(pictures_mutate(pictures, COUNT), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_pictures),
		cmocka_unit_test(t_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
