/*
 * The rules of the rw_semaphore, one time line picture each.
 *
 * A row is a task on a CPU of its own (or the CPU named), a column one unit of
 * time. First character that is not a blank: when it asks. What it shows:
 *
 *   R W  inside, reading or writing          . asleep     ~ spinning
 *   Q Z  the same, but sleeping inside       _ waking or waiting for the CPU
 *   U    user work, no lock                  - on the CPU, on its way
 *
 * The letters say what the task does and for how long; the rest is what the
 * model must answer. Writing followed by reading is a downgrade. All costs
 * are zero unless the picture says so, so lengths are exact.
 *
 * Each rule has a switch that turns it off (mutation.h): exactly the pictures
 * that name the switch must then come out differently.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "sim/machine/mutation.h"
#include "sim/tests/fixture_machine.h"

enum { ROWS_MAX = 7, COLS_MAX = 48, M_MAX = 6 };

struct picture {
	const char *name, *rule;
	int64_t unit_ns, wake_cols;
	int64_t atomic_ns, store_ns;
	struct { int cpu; int64_t at_ns, ns; } irq;
	const char *row[ROWS_MAX];
	int cpu[ROWS_MAX];		/* + 1; 0: a CPU of its own */
	enum mutation broken_by[M_MAX];
};

static const struct picture pictures[] = {
{
	.name = "reader waits for a writer", .rule = "a writer excludes",
	.unit_ns = 100000,
	.row = { "ZZZZ    ",
		 " ...RR  " },
}, {
	.name = "readers share", .rule = "readers do not exclude readers",
	.unit_ns = 100000,
	.row = { "RRRR    ",
		 " RR     ",
		 " ...WW  " },
	.broken_by = { MUTATE_SPIN_ON_READERS_UNBOUNDED },
}, {
	.name = "a queued writer stops new readers",
	.rule = "waiters bit sends readers to the slow path, where they queue behind readers",
	.unit_ns = 100000,
	.row = { "RRRRRR     ",
		 " .....WW   ",
		 "  ......RR " },
	.broken_by = { MUTATE_READER_IGNORES_WAITERS,
		       MUTATE_READER_STEAL_ALWAYS,
		       MUTATE_SPIN_ON_READERS_UNBOUNDED },
}, {
	.name = "reader steals from a waking writer",
	.rule = "no writer in, no readers in, no handoff: a slow-path reader takes the lock",
	.unit_ns = 100000, .wake_cols = 2,
	.row = { "ZZZZ         ",
		 " ...__..__WW ",
		 "     RRR     " },
	.broken_by = { MUTATE_NO_READER_STEAL, MUTATE_SPIN_OWNER_ASLEEP },
}, {
	.name = "readers woken past a writer",
	.rule = "a reader head brings the readers behind writers",
	.unit_ns = 100000,
	.row = { "ZZZZ      ",
		 " ...RR    ",
		 "  ....WW  ",
		 "   .RR    " },
	.broken_by = { MUTATE_WAKE_CONTIGUOUS, MUTATE_WAKE_ONE_READER,
		       MUTATE_SPIN_OWNER_ASLEEP, MUTATE_GRANT_AFTER_WAKE },
}, {
	.name = "neighbours woken together",
	.rule = "a reader head brings the readers next to it",
	.unit_ns = 100000,
	.row = { "ZZZZ      ",
		 " ...RR    ",
		 "  ..RR    " },
	.broken_by = { MUTATE_WAKE_ONE_READER },
}, {
	.name = "woken writer loses against a thief",
	.rule = "a woken writer must win the word again",
	.unit_ns = 100000, .wake_cols = 2,
	.row = { "ZZZ          ",
		 " ..__..__WW  ",
		 "    WWW      " },
	.broken_by = { MUTATE_WRITER_GRANTED, MUTATE_SPIN_OWNER_ASLEEP },
}, {
	.name = "writer spins on a running writer",
	.rule = "optimistic spinning",
	.unit_ns = 100000,
	.row = { "WWWW    ",
		 " ~~~WW  " },
	.broken_by = { MUTATE_NO_WRITER_SPIN },
}, {
	.name = "spinners queue",
	.rule = "OSQ: one polls, the others wait for their turn",
	.unit_ns = 100000,
	.row = { "WWWW        ",
		 " ~~~WW      ",
		 "  ~~~~WW    ",
		 "   ~~~~~WW  " },
	.broken_by = { MUTATE_NO_WRITER_SPIN },
}, {
	.name = "spinner gives up when the owner sleeps",
	.rule = "owner must be on a CPU",
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
	.broken_by = { MUTATE_SPIN_OWNER_ASLEEP },
}, {
	.name = "spinner gives up its CPU when it is wanted",
	.rule = "need_resched ends spinning: the slice of 3 ms is over at a tick",
	.unit_ns = 1000000,
	.row = { "WWWWWWWWWW    ",
		 " ~~~......WW  ",
		 "    UUU       " },
	.cpu = { 0, 0, 2 },
	.broken_by = { MUTATE_NO_WRITER_SPIN, MUTATE_SPIN_RESCHED },
}, {
	.name = "spinning on readers is bounded",
	.rule = "(20 + readers) / 2 us on a reader-owned lock: 10.5 us",
	.unit_ns = 2000,
	.row = { "RRRRRRRRRRRR    ",
		 " ~~~~~......WW  " },
	.broken_by = { MUTATE_NO_WRITER_SPIN,
		       MUTATE_SPIN_ON_READERS_UNBOUNDED },
}, {
	.name = "nobody spins on readers after that",
	.rule = "nonspinnable until the lock is released",
	.unit_ns = 2000,
	.row = { "RRRRRRRRRRRRRRR     ",
		 " ~~~~~.........WW   ",
		 "         ........WW " },
	.broken_by = { MUTATE_NO_WRITER_SPIN, MUTATE_NO_NONSPINNABLE,
		       MUTATE_SPIN_ON_READERS_UNBOUNDED },
}, {
	.name = "the lock is handed over after 4 ms",
	.rule = "a first waiter that failed after 4 ms stops all thieves",
	.unit_ns = 1000000, .wake_cols = 1,
	.row = { "ZZ            ",
		 " ._._._._WW   ",
		 "  ZZ          ",
		 "    ZZ        ",
		 "      ZZ      ",
		 "        ~~~ZZ " },
	.broken_by = { MUTATE_NO_HANDOFF, MUTATE_HANDOFF_STOLEN,
		       MUTATE_WRITER_GRANTED, MUTATE_NO_WRITER_SPIN,
		       MUTATE_SPIN_OWNER_ASLEEP },
}, {
	.name = "downgrade wakes a reader at the head",
	.rule = "and with it the other readers",
	.unit_ns = 100000,
	.row = { "ZZRRRR   ",
		 " .RRRR   ",
		 " .RR     " },
	.broken_by = { MUTATE_DOWNGRADE_WAKES_NOBODY, MUTATE_WAKE_ONE_READER },
}, {
	.name = "downgrade wakes nobody behind a writer",
	.rule = "only a reader at the head counts",
	.unit_ns = 100000,
	.row = { "ZZZRRR    ",
		 " .....WW  ",
		 "  ......RR" },
	.broken_by = { MUTATE_DOWNGRADE_PAST_WRITER, MUTATE_SPIN_OWNER_ASLEEP },
}, {
	.name = "a woken reader owns the lock already",
	.rule = "readers are granted before they are woken",
	.unit_ns = 100000, .wake_cols = 2,
	.row = { "ZZ          ",
		 " .__RR      ",
		 "   ...__WW  " },
	.broken_by = { MUTATE_GRANT_AFTER_WAKE,
		       MUTATE_SPIN_ON_READERS_UNBOUNDED },
}, {
	.name = "the first stealing reader wakes the others",
	.rule = "releaser interrupted between the word and its wake-up",
	.unit_ns = 100000, .store_ns = 10000,
	.irq = { 0, 205000, 300000 },
	.row = { "ZZ         ",
		 " ..RRR     ",
		 "   RR      " },
	.broken_by = { MUTATE_STEAL_WAKES_NOBODY, MUTATE_READER_IGNORES_WAITERS },
},
};

/* ---- drawing ---- */

struct row {
	struct drawing *d;
	struct task t;
	const char *want;
	size_t len, at;		/* next column of the row to be played */
	char now;		/* what it holds, 0: nothing; '?': asking */
	char got[COLS_MAX + 1];
};

struct drawing {
	struct fixture f;
	const struct picture *p;
	struct rwsem s;
	struct line line;
	struct row row[ROWS_MAX];
	int rows;
	struct sink sample_sink;
	size_t cols, col;
	struct irq_request irq;
};

static bool is_answer(char c)
{
	return strchr(".~_-", c) != NULL;
}

/* Column where the run of equal letters from @at ends. */
static size_t run_end(const struct row *r, size_t at)
{
	size_t end = at;

	while (end < r->len && r->want[end] == r->want[at])
		end++;
	return end;
}

static void take(struct row *r, char how)
{
	r->now = '?';
	if (strchr("RQ", how))
		down_read(&r->t, &r->d->s);
	else
		down_write(&r->t, &r->d->s);
	settle(&r->t);
	r->now = how;
}

static void drop(struct row *r)
{
	bool read = strchr("RQ", r->now) != NULL;

	r->now = 0;
	if (read)
		up_read(&r->t, &r->d->s);
	else
		up_write(&r->t, &r->d->s);
}

static void spend(struct row *r, char how, size_t cols)
{
	int64_t ns = (int64_t)cols * r->d->p->unit_ns;

	if (strchr("QZ", how)) {
		settle(&r->t);
		task_sleep_until(&r->t, r->t.m->engine.now_ns + ns -
				 r->d->p->wake_cols * r->d->p->unit_ns);
	} else {
		work_ns(&r->t, ns, COST_ASSUMED);
		settle(&r->t);
	}
}

static void play(void *arg)
{
	struct task *t = arg;
	struct row *r = t->owner;
	size_t at = r->at;

	while (at < r->len && is_answer(r->want[at]))
		at++;
	for (; at < r->len && isupper((unsigned char)r->want[at]);
	     at = run_end(r, at)) {
		char how = r->want[at];

		if (!r->now) {
			take(r, how);
		} else if (strchr("WZ", r->now) && strchr("RQ", how)) {
			downgrade_write(t, &r->d->s);
			settle(t);
		}
		r->now = how;
		spend(r, how, run_end(r, at) - at);
	}
	drop(r);
	r->at = at;
}

static void row_step(struct task *t)
{
	struct row *r = t->owner;
	const struct picture *p = r->d->p;
	sim_ns start;

	while (r->at < r->len && r->want[r->at] == ' ')
		r->at++;
	start = (sim_ns)r->at * p->unit_ns;
	if (r->at == r->len) {
		r->now = 0;
		task_exit(t);
	} else if (t->m->engine.now_ns < start) {
		r->now = 0;
		if (p->cpu[r - r->d->row])
			task_sleep_until(t, start);
		else
			task_think(t, start - t->m->engine.now_ns,
				   COST_RECORDED);
	} else if (strchr("_U", r->want[r->at])) {
		size_t u = strcspn(r->want + r->at, "U") + r->at;

		r->at = run_end(r, u);
		r->now = 'U';
		task_think(t, (int64_t)(r->at - u) * p->unit_ns, COST_RECORDED);
	} else {
		task_start_fiber(t, play, "a row of a picture");
	}
}

static char show(const struct row *r)
{
	const struct task *t = &r->t;

	if (!r->now)
		return t->state == TASK_RUNNABLE && t->fiber ? '_' : ' ';
	if (strchr("QZ", r->now))
		return r->now;
	if (t->state == TASK_RUNNABLE)
		return '_';
	if (r->now != '?')
		return r->now;
	if (t->spinning)
		return '~';
	return t->state == TASK_SLEEPING ? '.' : '-';
}

static void sample(struct engine *e, struct sink *s, uint64_t data)
{
	struct drawing *d = (struct drawing *)(void *)
			    ((char *)s - offsetof(struct drawing, sample_sink));

	(void)data;
	for (int i = 0; i < d->rows; i++)
		d->row[i].got[d->col] = show(&d->row[i]);
	if (++d->col < d->cols)
		engine_at(e, e->now_ns + d->p->unit_ns,
			  event_order(EVENT_RESUME, 0xffffff, 0), s, 0);
}

static void drawing_open(struct drawing *d, const struct picture *p)
{
	memset(d, 0, sizeof(*d));
	d->p = p;
	fixture_profile(&d->f, 1, 1, ROWS_MAX, 1);
	fixture_zero_costs(&d->f);
	d->f.profile.hz = 1000;
	fixture_cost(&d->f, COST_WAKE_LATENCY, p->wake_cols * p->unit_ns);
	fixture_cost(&d->f, COST_ATOMIC, p->atomic_ns);
	fixture_cost(&d->f, COST_LINE_WRITE, p->store_ns);
	fixture_open(&d->f, 1);
	rwsem_init(&d->f.m, &d->s, &rwsem_5_11, &d->line,
		   metrics_lock(d->f.metrics, "sem", true));
	for (d->rows = 0; d->rows < ROWS_MAX && p->row[d->rows]; d->rows++) {
		int i = d->rows;
		struct row *r = &d->row[i];

		r->d = d;
		r->want = p->row[i];
		r->len = strlen(r->want);
		task_init(&d->f.m, &r->t, (uint32_t)i, row_step, r);
		r->t.affinity = (uint64_t)(p->cpu[i] ? p->cpu[i] : i + 1);
		task_launch(NULL, &r->t, 0);
		if (r->len > d->cols)
			d->cols = r->len;
	}
	d->sample_sink.fire = sample;
	engine_at(&d->f.m.engine, p->unit_ns / 2, 0, &d->sample_sink, 0);
}

static void row_irq(struct engine *e, struct sink *s, uint64_t data)
{
	struct drawing *d = (struct drawing *)(void *)
			    ((char *)s - offsetof(struct drawing, irq.sink));

	(void)e, (void)data;
	d->irq.cost_ns = d->p->irq.ns;
	irq_send(NULL, &d->irq, &d->f.m.cpus[d->p->irq.cpu]);
}

/* Play @p; true if it comes out as drawn. Else, if @tell, show both. */
static bool draw_picture(const struct picture *p, bool tell)
{
	struct drawing d;
	bool same = true;

	drawing_open(&d, p);
	if (p->irq.ns) {
		d.irq.sink.fire = row_irq;
		engine_at(&d.f.m.engine, p->irq.at_ns,
			  event_order(EVENT_TIMER, 0, TIMER_USER),
			  &d.irq.sink, 0);
	}
	machine_run(&d.f.m);
	for (int i = 0; i < d.rows; i++)
		same &= !strncmp(d.row[i].got, d.row[i].want, d.row[i].len);
	same &= d.f.m.tasks_alive == 0;
	if (!same && tell) {
		print_message("# %s: %s\n", p->name, p->rule);
		for (int i = 0; i < d.rows; i++)
			print_message("#  want |%s|\n#   got |%s|\n",
				      d.row[i].want, d.row[i].got);
	}
	if (d.f.m.tasks_alive == 0) {
		fixture_conserved(&d.f);
		rwsem_release(&d.s);
	}
	line_release(&d.line);
	fixture_close(&d.f);
	return same;
}

static void t_pictures(void **state)
{
	unsigned wrong = 0;

	(void)state;
	mmreplay_mutation = MUTATE_NONE;
	for (size_t i = 0; i < sizeof(pictures) / sizeof(pictures[0]); i++)
		wrong += !draw_picture(&pictures[i], true);
	assert_int_equal(wrong, 0);
}

static bool names(const struct picture *p, enum mutation m)
{
	for (int i = 0; i < M_MAX; i++)
		if (p->broken_by[i] == m)
			return true;
	return false;
}

static void t_mutations(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (unsigned m = 1; m < MUTATE_COUNT; m++) {
		unsigned red = 0, named = 0;

		for (size_t i = 0; i < sizeof(pictures) / sizeof(pictures[0]);
		     i++) {
			const struct picture *p = &pictures[i];
			bool same;

			mmreplay_mutation = (enum mutation)m;
			same = draw_picture(p, false);
			red += !same;
			named += names(p, (enum mutation)m);
			if (same != names(p, (enum mutation)m))
				continue;
			print_message("# rule %u off, picture '%s': %s\n", m,
				      p->name, same ? "still right" :
				      "wrong, but does not name it");
			wrong++;
			mmreplay_mutation = (enum mutation)m;
			draw_picture(p, true);
		}
		print_message("# rule %u off: %u of %u pictures turn red\n", m,
			      red, named);
	}
	mmreplay_mutation = MUTATE_NONE;
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_pictures),
		cmocka_unit_test(t_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
