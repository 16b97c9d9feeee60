/*
 * The event log of a run.
 *
 * It follows tasks, locks and CPUs from the start of the run, because what is
 * open when the window begins must be told then. Invariants of what is
 * written: times do not go back; an op, a wait and a hold are open once a
 * task; what is named was declared.
 *
 * Cost: O(1) an event, O(holds of the task) for locks. Memory by tasks and
 * locks. Limit: tasks and locks beyond ID_MOST are not told.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/metrics/events.h"
#include "sim/metrics/metrics.h"

enum { COUNTS_MOST = 32, ID_MOST = 1 << 20, HELD_MOST = 16, KERNEL_FIRST = 0xfffff0,
       KERNEL_TASKS = 16, KERNEL_PID = 2 };

struct log_hold {
	uint32_t lock;
	bool write;
};

struct log_task {
	bool told;
	const char *op;		/* NULL: none */
	uint32_t wait;		/* lock, 0 = none */
	bool wait_write;
	uint8_t held;
	struct log_hold hold[HELD_MOST];
};

struct log_lock {
	bool told;
	const struct lock_class *c;
	uint32_t number;	/* among its class */
	uint32_t last;		/* slot of the task that released it, + 1 */
};

/** struct log_count - a counter; only the last value of an instant is told */
struct log_count {
	const char *name, *what;
	uint64_t value, told;
};

struct event_log {
	FILE *out;
	struct log_count counts[COUNTS_MOST];
	uint32_t count_count;
	bool counts_changed;
	sim_ns changed_ns;
	sim_ns start_ns, end_ns;
	bool open;		/* inside the window */
	uint32_t cpu_count;
	uint32_t *on_cpu;	/* slot + 1 */
	struct log_task *tasks;	/* by slot */
	uint32_t task_room;
	struct log_lock *locks;	/* from 1 */
	uint32_t lock_count, lock_room;
	uint32_t numbers[METRIC_LOCKS_MAX];
	bool (*who)(void *arg, uint32_t task, struct event_task *out);
	void *who_arg;
};

/* ---- head and life ---- */

char *events_head(const struct event_window *w, uint32_t cpus)
{
	json_t *o = json_object();
	char *text, *line;

	json_object_set_new(o, "events", json_integer(2));
	json_object_set_new(o, "cell", json_text(w->cell));
	json_object_set_new(o, "label", json_text(w->label));
	json_object_set_new(o, "start_ns", json_integer(w->start_ns));
	json_object_set_new(o, "end_ns", json_integer(w->end_ns));
	json_object_set_new(o, "cpus", json_integer(cpus));
	text = json_dumps(o, 0);
	line = xasprintf("%s\n", text);
	free(text);
	json_decref(o);
	return line;
}

struct event_log *events_new(FILE *out, const struct event_window *w,
			     uint32_t cpus)
{
	struct event_log *l = xcalloc(1, sizeof(*l));
	char *head = events_head(w, cpus);

	l->out = out;
	l->start_ns = w->start_ns;
	l->end_ns = w->end_ns;
	l->cpu_count = cpus;
	l->on_cpu = xcalloc(cpus, sizeof(*l->on_cpu));
	l->lock_count = 1;
	fputs(head, out);
	free(head);
	return l;
}

static void put_counts(struct event_log *l)
{
	l->counts_changed = false;
	for (uint32_t i = 0; i < l->count_count; i++) {
		struct log_count *c = &l->counts[i];

		if (c->value == c->told)
			continue;
		c->told = c->value;
		fprintf(l->out, "{\"t\":%" PRId64 ",\"e\":\"count\",\"name\":\"%s.%s\",\"value\":%" PRIu64 "}\n",
			l->changed_ns, c->name, c->what, c->value);
	}
}

void events_free(struct event_log *l)
{
	if (!l)
		return;
	if (l->counts_changed)
		put_counts(l);
	free(l->on_cpu);
	free(l->tasks);
	free(l->locks);
	free(l);
}

void events_who(struct event_log *l,
		bool (*fn)(void *arg, uint32_t task, struct event_task *out),
		void *arg)
{
	l->who = fn;
	l->who_arg = arg;
}

/* ---- tasks and locks by number ---- */

/* Threads of the kernel have the highest ids; here they come first. */
static uint32_t slot_of(uint32_t task)
{
	return task >= KERNEL_FIRST ? task - KERNEL_FIRST : task + KERNEL_TASKS;
}

static struct log_task *task_at(struct event_log *l, uint32_t slot)
{
	if (slot >= ID_MOST)
		return NULL;
	if (slot >= l->task_room) {
		uint32_t room = l->task_room ? l->task_room : 64;

		while (room <= slot)
			room *= 2;
		l->tasks = xrealloc(l->tasks, room, sizeof(*l->tasks));
		memset(l->tasks + l->task_room, 0,
		       (room - l->task_room) * sizeof(*l->tasks));
		l->task_room = room;
	}
	return &l->tasks[slot];
}

static uint32_t lock_number(struct event_log *l, uint32_t *lock,
			    const struct lock_class *c)
{
	if (*lock)
		return *lock;
	if (l->lock_count == ID_MOST)
		return 0;
	if (l->lock_count >= l->lock_room) {
		l->lock_room = l->lock_room ? 2 * l->lock_room : 64;
		l->locks = xrealloc(l->locks, l->lock_room, sizeof(*l->locks));
	}
	l->locks[l->lock_count] = (struct log_lock){
		.c = c, .number = ++l->numbers[c->id] };
	return *lock = l->lock_count++;
}

/* ---- lines ---- */

static void tell_task(struct event_log *l, uint32_t slot)
{
	struct event_task who = { .pid = KERNEL_PID, .tid = slot,
				  .comm = "kworker" };
	uint32_t task = slot < KERNEL_TASKS ? slot + KERNEL_FIRST :
					      slot - KERNEL_TASKS;
	json_t *comm;
	char *text;

	if (l->tasks[slot].told)
		return;
	l->tasks[slot].told = true;
	if (l->who && !l->who(l->who_arg, task, &who))
		who.comm = "kworker";
	comm = json_text(who.comm);
	text = json_dumps(comm, JSON_ENCODE_ANY);
	fprintf(l->out, "{\"e\":\"task\",\"task\":%" PRIu32 ",\"pid\":%" PRIu32
		",\"tid\":%" PRIu32 ",\"comm\":%s}\n", slot, who.pid, who.tid,
		text);
	free(text);
	json_decref(comm);
}

static void tell_lock(struct event_log *l, uint32_t lock)
{
	struct log_lock *k = &l->locks[lock];

	if (k->told)
		return;
	k->told = true;
	fprintf(l->out, "{\"e\":\"lock\",\"lock\":%" PRIu32 ",\"name\":\"%s\",\"of\":\"#%" PRIu32 "\"}\n",
		lock, k->c->name, k->number);
}

static void put_cpu(struct event_log *l, sim_ns now, uint32_t cpu)
{
	if (!l->on_cpu[cpu]) {
		fprintf(l->out, "{\"t\":%" PRId64 ",\"e\":\"cpu\",\"cpu\":%" PRIu32 "}\n",
			now, cpu);
		return;
	}
	tell_task(l, l->on_cpu[cpu] - 1);
	fprintf(l->out, "{\"t\":%" PRId64 ",\"e\":\"cpu\",\"cpu\":%" PRIu32 ",\"task\":%" PRIu32 "}\n",
		now, cpu, l->on_cpu[cpu] - 1);
}

static void put_op(struct event_log *l, sim_ns now, uint32_t slot)
{
	tell_task(l, slot);
	fprintf(l->out, "{\"t\":%" PRId64 ",\"e\":\"op\",\"task\":%" PRIu32 ",\"op\":\"%s\"}\n",
		now, slot, l->tasks[slot].op);
}

/* wait or got; @from: slot + 1 of who let it in, or 0 */
static void put_lock(struct event_log *l, sim_ns now, const char *what,
		     uint32_t slot, uint32_t lock, bool write, uint32_t from)
{
	tell_task(l, slot);
	tell_lock(l, lock);
	if (from)
		tell_task(l, from - 1);
	fprintf(l->out, "{\"t\":%" PRId64 ",\"e\":\"%s\",\"task\":%" PRIu32 ",\"lock\":%" PRIu32 ",\"side\":\"%s\"",
		now, what, slot, lock, write ? "write" : "read");
	if (from)
		fprintf(l->out, ",\"from\":%" PRIu32, from - 1);
	fputs("}\n", l->out);
}

/* ---- the window ---- */

/* What is open as the window begins. */
static void put_open(struct event_log *l, uint32_t slot)
{
	const struct log_task *k = &l->tasks[slot];

	if (k->op)
		put_op(l, l->start_ns, slot);
	for (uint8_t i = 0; i < k->held; i++)
		put_lock(l, l->start_ns, "got", slot, k->hold[i].lock,
			 k->hold[i].write, 0);
	if (k->wait)
		put_lock(l, l->start_ns, "wait", slot, k->wait, k->wait_write, 0);
}

/* True if what happens at @now is told. */
static bool in_window(struct event_log *l, sim_ns now)
{
	if (l->counts_changed && now > l->changed_ns)
		put_counts(l);
	if (now < l->start_ns || now > l->end_ns)
		return false;
	if (l->open)
		return true;
	l->open = true;
	l->counts_changed = true;	/* what is held as it begins */
	l->changed_ns = l->start_ns;
	put_counts(l);
	for (uint32_t i = 0; i < l->cpu_count; i++)
		if (l->on_cpu[i])
			put_cpu(l, l->start_ns, i);
	for (uint32_t i = 0; i < l->task_room; i++)
		put_open(l, i);
	return true;
}

void event_cpu(struct event_log *l, sim_ns now, uint32_t cpu, uint32_t task)
{
	bool tell = in_window(l, now);
	uint32_t slot = task == EVENT_TASK_NONE ? 0 : slot_of(task);

	if (task != EVENT_TASK_NONE && !task_at(l, slot))
		return;
	l->on_cpu[cpu] = task == EVENT_TASK_NONE ? 0 : slot + 1;
	if (tell)
		put_cpu(l, now, cpu);
}

void event_op(struct event_log *l, sim_ns now, uint32_t task, const char *op)
{
	bool tell = in_window(l, now);
	struct log_task *k = task_at(l, slot_of(task));

	if (!k)
		return;
	k->op = op;
	if (tell)
		put_op(l, now, slot_of(task));
}

void event_op_end(struct event_log *l, sim_ns now, uint32_t task)
{
	bool tell = in_window(l, now);
	struct log_task *k = task_at(l, slot_of(task));

	if (!k || !k->op)
		return;
	k->op = NULL;
	k->wait = 0;		/* of a wait that was given up */
	if (tell)
		fprintf(l->out, "{\"t\":%" PRId64 ",\"e\":\"end\",\"task\":%" PRIu32 "}\n",
			now, slot_of(task));
}

/* ---- locks ---- */

void event_wait(struct event_log *l, sim_ns now, uint32_t task, uint32_t *lock,
		const struct lock_class *c, bool write)
{
	bool tell = in_window(l, now);
	struct log_task *k = task_at(l, slot_of(task));
	uint32_t number = lock_number(l, lock, c);

	if (!k || !number || k->wait)
		return;
	k->wait = number;
	k->wait_write = write;
	if (tell)
		put_lock(l, now, "wait", slot_of(task), number, write, 0);
}

void event_got(struct event_log *l, sim_ns now, uint32_t task, uint32_t *lock,
	       const struct lock_class *c, bool write)
{
	bool tell = in_window(l, now);
	struct log_task *k = task_at(l, slot_of(task));
	uint32_t number = lock_number(l, lock, c);

	if (!k || !number || (k->wait && k->wait != number) ||
	    k->held == HELD_MOST)
		return;
	k->hold[k->held++] = (struct log_hold){ number, write };
	if (tell)
		put_lock(l, now, "got", slot_of(task), number, write,
			 k->wait ? l->locks[number].last : 0);
	k->wait = 0;
}

void event_free(struct event_log *l, sim_ns now, uint32_t task,
		const uint32_t *lock)
{
	bool tell = in_window(l, now);
	struct log_task *k = task_at(l, slot_of(task));
	uint8_t i = 0;

	if (!k || !*lock)
		return;
	while (i < k->held && k->hold[i].lock != *lock)
		i++;
	if (i == k->held)
		return;
	k->hold[i] = k->hold[--k->held];
	l->locks[*lock].last = slot_of(task) + 1;
	if (tell)
		fprintf(l->out, "{\"t\":%" PRId64 ",\"e\":\"free\",\"task\":%" PRIu32 ",\"lock\":%" PRIu32 "}\n",
			now, slot_of(task), *lock);
}

static struct log_count *count_of(struct event_log *l, const char *name,
				  const char *what)
{
	uint32_t i = 0;

	while (i < l->count_count && (l->counts[i].name != name ||
				      l->counts[i].what != what))
		i++;
	if (i == COUNTS_MOST)
		return NULL;
	if (i == l->count_count)
		l->counts[l->count_count++] = (struct log_count){ name, what,
								  0, 0 };
	return &l->counts[i];
}

void event_count(struct event_log *l, sim_ns now, const char *name,
		 const char *what, uint64_t value)
{
	bool tell = in_window(l, now);
	struct log_count *c = count_of(l, name, what);

	if (!c)
		return;
	c->value = value;
	if (!tell)
		return;
	l->counts_changed = true;
	l->changed_ns = now;
}
