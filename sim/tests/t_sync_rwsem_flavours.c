/*
 * The rules of the rw_semaphore that one flavour has, one time line picture
 * each (picture.h); t_sync_rwsem.c has those that several share. Not pinned:
 * the last try of a 5.3 reader whose spinning failed (a race of a few ns).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "sim/tests/picture.h"

static const struct picture pictures[] = {
/* ---- 4.14 to 5.2 ---- */
{
	.name = "no reader steals", .on = ON_4_14,
	.rule = "a reader that comes while a woken writer is on its way queues behind it",
	.unit_ns = 100000, .wake_cols = 2,
	.row = { "ZZZZ         ",
		 " ...__WW     ",
		 "     ...__RRR" },
	.broken_by = { MUTATE_READER_IGNORES_WAITERS,
		       MUTATE_SPIN_OWNER_ASLEEP },
}, {
	.name = "only neighbours are woken", .on = ON_4_14,
	.rule = "a reader head brings readers up to the next writer",
	.unit_ns = 100000,
	.row = { "ZZZZ       ",
		 " ...RR     ",
		 "  ..RR     ",
		 "   ...WW   ",
		 "   .....RR " },
	.broken_by = { MUTATE_WAKE_ONE_READER, MUTATE_SPIN_OWNER_ASLEEP,
		       MUTATE_GRANT_AFTER_WAKE },
}, {
	.name = "writers do not spin on readers", .on = ON_4_14,
	.rule = "a reader-owned lock is not worth spinning",
	.unit_ns = 2000,
	.row = { "RRRRRRRRRRRR    ",
		 " ...........WW  " },
	.broken_by = { MUTATE_READER_OWNED_SPIN },
}, {
	.name = "a spinning writer stops when readers come in", .on = ON_4_14,
	.rule = "the owner must be a writer or nobody",
	.unit_ns = 2000,
	.row = { "WWWRRR  ",
		 " ~~...WW" },
	.broken_by = { MUTATE_NO_WRITER_SPIN, MUTATE_READER_OWNED_SPIN },
}, {
	.name = "no handoff", .on = ON_4_14,
	.rule = "a queued writer may lose for longer than 4 ms",
	.unit_ns = 1000000, .wake_cols = 1,
	.row = { "ZZ            ",
		 " ._._._._._WW ",
		 "  ZZ          ",
		 "    ZZ        ",
		 "      ZZ      ",
		 "        ZZ    " },
	.broken_by = { MUTATE_WRITER_GRANTED, MUTATE_SPIN_OWNER_ASLEEP },
}, {
	.name = "a failed try is undone", .on = ON_4_14,
	.rule = "the count was added to: a second atomic before spinning",
	.unit_ns = 1000, .atomic_ns = 1000,
	.row = { "-ZZZZZZZZZZZZ      ",
		 " -----.........--WW" },
	.broken_by = { MUTATE_SPIN_OWNER_ASLEEP, MUTATE_WRITER_ADDS_NOT },
}, {
	.name = "a failed try leaves no trace",
	.on = ON_ALL & ~ON_4_14,
	.rule = "compare and exchange: nothing to undo",
	.unit_ns = 1000, .atomic_ns = 1000,
	.row = { "-ZZZZZZZZZZZZ      ",
		 " ----..........--WW" },
	.broken_by = { ONLY(ON_SPINNING, MUTATE_SPIN_OWNER_ASLEEP) },
},
/* ---- 5.3 to 5.10 ---- */
{
	.name = "a reader spins on a running writer", .on = ON_5_3,
	.rule = "readers spin",
	.unit_ns = 100000,
	.row = { "WWWW    ",
		 " ~~~RR  " },
	.broken_by = { MUTATE_NO_READER_SPIN },
}, {
	.name = "a reader sleeps behind a running writer",
	.on = ON_ALL & ~ON_5_3,
	.rule = "readers do not spin",
	.unit_ns = 100000,
	.row = { "WWWW    ",
		 " ...RR  " },
}, {
	.name = "a spinning reader passes queued writers", .on = ON_5_3,
	.rule = "the waiters bit is ignored",
	.unit_ns = 100000, .wake_cols = 1,
	.row = { "ZZWWW      ",
		 " ...._._WW ",
		 "   ~~RR    " },
	.broken_by = { MUTATE_SPIN_OWNER_ASLEEP, MUTATE_NO_READER_SPIN,
		       MUTATE_READER_SPIN_WAITS },
}, {
	.name = "a spinning reader obeys a handoff", .on = ON_5_3,
	.rule = "the handoff bit is not ignored",
	.unit_ns = 1000000, .wake_cols = 1,
	.row = { "ZZ            ",
		 " ._._._._WW   ",
		 "  ZZ          ",
		 "    ZZ        ",
		 "      ZZ      ",
		 "        ~~~RR " },
	.broken_by = { MUTATE_WRITER_GRANTED, MUTATE_NO_HANDOFF,
		       MUTATE_HANDOFF_STOLEN, MUTATE_SPIN_OWNER_ASLEEP,
		       MUTATE_NO_READER_SPIN },
}, {
	.name = "spinning readers queue with the writers", .on = ON_5_3,
	.rule = "one OSQ for both",
	.unit_ns = 100000,
	.row = { "WWWW        ",
		 " ~~~WW      ",
		 "  ~~~~RR    " },
	.broken_by = { MUTATE_NO_WRITER_SPIN, MUTATE_NO_READER_SPIN },
}, {
	.name = "readers stop spinning where a writer found it futile",
	.on = ON_5_3,
	.rule = "a time-out on readers stops both sides; the reader queues",
	.unit_ns = 2000,
	.row = { "RRRRRRRRRRRR      ",
		 " ~~~~~......WW    ",
		 "         .....RR  " },
	.broken_by = { MUTATE_READER_IGNORES_WAITERS, MUTATE_NO_WRITER_SPIN,
		       MUTATE_SPIN_ON_READERS_UNBOUNDED,
		       MUTATE_READER_NONSPINNABLE_OFF },
}, {
	.name = "a writer that saw it keeps readers from spinning", .on = ON_5_3,
	.rule = "set again when it has the lock",
	.unit_ns = 2000,
	.row = { "RRRRRRRRRRRR      ",
		 " ~~~~~......WWW   ",
		 "             ..RR " },
	.broken_by = { MUTATE_NO_WRITER_SPIN, MUTATE_SPIN_ON_READERS_UNBOUNDED,
		       MUTATE_READER_NONSPINNABLE_OFF,
		       MUTATE_WRITER_LETS_READERS_SPIN },
}, {
	.name = "a reader that saw it, too", .on = ON_5_3,
	.rule = "set again when it is granted the lock",
	.unit_ns = 2000,
	.row = { "RRRRRRRRRRRR          ",
		 " ~~~~~......WW        ",
		 "         .....RRRR    ",
		 "          ........WW  ",
		 "               .....RR" },
	.broken_by = { MUTATE_READER_IGNORES_WAITERS, MUTATE_NO_WRITER_SPIN,
		       MUTATE_SPIN_ON_READERS_UNBOUNDED, MUTATE_NO_NONSPINNABLE,
		       MUTATE_GRANT_AFTER_WAKE, MUTATE_READER_NONSPINNABLE_OFF,
		       MUTATE_READER_FORGETS_FUTILE },
},
/* ---- no spinning at all ---- */
{
	.name = "nobody spins", .on = ON_NO_SPIN,
	.rule = "waiters sleep, whatever the owner does",
	.unit_ns = 100000,
	.row = { "WWWW        ",
		 " ...WW      ",
		 "  ....WW    " },
}, {
	.name = "nobody spins on readers", .on = ON_NO_SPIN,
	.rule = "waiters sleep",
	.unit_ns = 2000,
	.row = { "RRRRRRRR    ",
		 " .......WW  " },
}, {
	.name = "handed over without spinning", .on = ON_NO_SPIN,
	.rule = "a thief sleeps, too, once a handoff is asked for",
	.unit_ns = 1000000, .wake_cols = 1,
	.row = { "ZZ            ",
		 " ._._._._WW   ",
		 "  ZZ          ",
		 "    ZZ        ",
		 "      ZZ      ",
		 "        ..._ZZ" },
	.broken_by = { MUTATE_NO_HANDOFF, MUTATE_HANDOFF_STOLEN },
},
/* ---- bravo ---- */
{
	.name = "biased readers do not see a queued writer", .on = ON_BRAVO,
	.rule = "the first reader sets the bias; the next goes by the table",
	.unit_ns = 100000,
	.row = { "RRRRRR     ",
		 " .....WW   ",
		 "  RR       " },
	.broken_by = { MUTATE_SPIN_ON_READERS_UNBOUNDED, MUTATE_NO_BIAS },
}, {
	.name = "a writer waits for the readers of the table", .on = ON_BRAVO,
	.rule = "it has the lock below, revokes the bias and spins",
	.unit_ns = 100000,
	.row = { "R         ",
		 "  RRRR    ",
		 "   ~~~WW  " },
	.broken_by = { MUTATE_NO_BIAS, MUTATE_BIAS_NOT_REVOKED },
}, {
	.name = "no bias for a while after a revocation", .on = ON_BRAVO,
	.rule = "nine times as long as it took: 2 columns, so until 23",
	.unit_ns = 100000,
	.row = { "R                   ",
		 "  RRR               ",
		 "   ~~WW             ",
		 "       RRRRRR       ",
		 "        .....WW     ",
		 "         ......RR   " },
	.broken_by = { MUTATE_READER_IGNORES_WAITERS,
		       MUTATE_SPIN_ON_READERS_UNBOUNDED,
		       MUTATE_READER_STEAL_ALWAYS, MUTATE_NO_BIAS,
		       MUTATE_BIAS_NOT_REVOKED, MUTATE_BIAS_NOT_INHIBITED },
}, {
	.name = "biased again", .on = ON_BRAVO,
	.rule = "a reader by the word sets it when the time is over",
	.unit_ns = 100000,
	.row = { "R                           ",
		 "  RR                        ",
		 "   ~WW                      ",
		 "              RRRRRR        ",
		 "               .....WW      ",
		 "                RR          " },
	.broken_by = { MUTATE_SPIN_ON_READERS_UNBOUNDED, MUTATE_NO_BIAS,
		       MUTATE_BIAS_NOT_REVOKED },
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
