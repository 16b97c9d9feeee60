/* See picture.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "sim/sync/mutex.h"
#include "sim/tests/picture.h"

struct row {
	struct drawing *d;
	struct task t;
	const char *want;
	size_t len, at;		/* next column of the row to be played */
	char now;		/* what it holds, 0: nothing; '?': asking */
	char got[PICTURE_COLS + 1];
};

struct drawing {
	struct fixture f;
	const struct picture *p;
	struct rwsem s;
	struct mutex mutex;
	struct line line;
	struct row row[PICTURE_ROWS];
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
	if (r->d->p->mutex)
		mutex_lock(&r->t, &r->d->mutex);
	else if (strchr("RQ", how))
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
	if (r->d->p->mutex)
		mutex_unlock(&r->t, &r->d->mutex);
	else if (read)
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

static void drawing_open(struct drawing *d, const struct picture *p,
			 enum rwsem_flavour flavour)
{
	memset(d, 0, sizeof(*d));
	d->p = p;
	fixture_profile(&d->f, 1, 1, PICTURE_ROWS, 1);
	fixture_zero_costs(&d->f);
	d->f.profile.hz = 1000;
	fixture_cost(&d->f, COST_WAKE_LATENCY, p->wake_cols * p->unit_ns);
	fixture_cost(&d->f, COST_ATOMIC, p->atomic_ns);
	fixture_cost(&d->f, COST_LINE_WRITE, p->store_ns);
	fixture_open(&d->f, 1);
	rwsem_init(&d->f.m, &d->s, rwsem_flavours[flavour], &d->line,
		   metrics_lock(d->f.metrics, "sem", true));
	mutex_init(&d->f.m, &d->mutex, &d->line,
		   metrics_lock(d->f.metrics, "mutex", false));
	for (d->rows = 0; d->rows < PICTURE_ROWS && p->row[d->rows]; d->rows++) {
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

bool picture_draw(const struct picture *p, enum rwsem_flavour flavour,
		  bool tell)
{
	struct drawing d;
	bool same = true;

	drawing_open(&d, p, flavour);
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
		print_message("# %s: %s: %s\n",
			      rwsem_flavours[flavour]->head.name, p->name,
			      p->rule);
		for (int i = 0; i < d.rows; i++)
			print_message("#  want |%s|\n#   got |%s|\n",
				      d.row[i].want, d.row[i].got);
	}
	if (d.f.m.tasks_alive == 0) {
		fixture_conserved(&d.f);
		rwsem_release(&d.s);
		mutex_release(&d.mutex);
	}
	line_release(&d.line);
	fixture_close(&d.f);
	return same;
}

static bool in(const struct picture *p, enum rwsem_flavour flavour)
{
	return !p->on || p->on >> flavour & 1;
}

unsigned pictures_draw(const struct picture *p, size_t count)
{
	unsigned wrong = 0;

	mmreplay_mutation = MUTATE_NONE;
	for (size_t i = 0; i < count; i++)
		for (int f = 0; f < RWSEM_FLAVOURS; f++)
			if (in(&p[i], (enum rwsem_flavour)f))
				wrong += !picture_draw(&p[i],
						(enum rwsem_flavour)f, true);
	return wrong;
}

static bool names(const struct picture *p, enum rwsem_flavour f,
		  enum mutation m)
{
	for (int i = 0; i < PICTURE_BREAKS; i++) {
		unsigned only = p->broken_by[i] >> 8;

		if ((p->broken_by[i] & 0xff) == m && (!only || only >> f & 1))
			return true;
	}
	return false;
}

/* One rule off, one picture under one flavour: is it red iff it says so? */
static bool as_said(const struct picture *p, enum rwsem_flavour f,
		    enum mutation m, unsigned *red)
{
	bool same;

	mmreplay_mutation = m;
	same = picture_draw(p, f, false);
	*red += !same;
	if (same != names(p, f, m))
		return true;
	print_message("# rule %u off, %s, picture '%s': %s\n", m,
		      rwsem_flavours[f]->head.name, p->name,
		      same ? "still right" : "wrong, but does not name it");
	mmreplay_mutation = m;
	picture_draw(p, f, true);
	return false;
}

unsigned pictures_mutate(const struct picture *p, size_t count)
{
	unsigned wrong = 0;

	for (unsigned m = 1; m < MUTATE_COUNT; m++) {
		unsigned red = 0;

		for (size_t i = 0; i < count; i++)
			for (int f = 0; f < RWSEM_FLAVOURS; f++)
				if (in(&p[i], (enum rwsem_flavour)f))
					wrong += !as_said(&p[i],
						(enum rwsem_flavour)f,
						(enum mutation)m, &red);
		if (red)
			print_message("# rule %u off: %u pictures turn red\n",
				      m, red);
	}
	mmreplay_mutation = MUTATE_NONE;
	return wrong;
}
