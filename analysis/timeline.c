/*
 * timeline: a cell's events to Chrome trace JSON, which Perfetto opens.
 *
 * Layout: simulated processes with a track a thread (ops, and waits inside
 * them: these nest); a process a lock: slices for writers, async ones for readers,
 * which overlap; a process "CPUs" with who runs; counters. An arrow goes from a
 * wait to the op whose release ended it.
 *
 * One pass, a line at a time: memory follows tasks and locks, not events. Times
 * are integers. Limits: ids below ID_MOST, lines below LINE_MOST bytes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include "analysis/text.h"
#include "analysis/timeline.h"
#include "sim/base/file.h"
#include "sim/base/mem.h"
#include "sim/base/seal.h"

enum { ID_MOST = 1 << 20, LINE_MOST = 1 << 16, CPU_PID = 1000000,
       COUNT_PID = 1000001, LOCK_PID = 1000002, PID_STRIDE = 10000000 };

#define NONE UINT32_MAX
#define NEVER INT64_MIN

struct hold {
	uint32_t lock;
	int64_t since_ns;
	bool write;
	char *name;
};

struct tl_task {
	bool known;
	int64_t pid, tid;
	int64_t op_ns, wait_ns;	/* start, or NEVER */
	char *op;
	uint32_t wait_lock;
	bool wait_write;
	struct hold *holds;
	uint32_t hold_count;
};

struct tl_lock {
	bool known;
	char *name;
	uint32_t last_task;	/* who released last, and when */
	int64_t last_ns;
};

struct tl_cpu {
	uint32_t task;
	int64_t since_ns;
};

/** struct cell_run - one cell while it is read */
struct cell_run {
	struct timeline *t;
	const char *name;
	uint32_t line;
	int64_t version, base_pid, start_ns, end_ns, now_ns;
	struct tl_task *tasks;
	struct tl_lock *locks;
	struct tl_cpu *cpus;
	uint32_t task_count, lock_count, cpu_count;
	uint64_t next_id;
	struct seal above;	/* of the lines so far */
	bool whole;		/* the last line is their seal */
	char *label;
	struct errbuf *e;
};

static int bad(const struct cell_run *c, const char *what)
{
	return err_at(c->e, -EINVAL, (struct loc){ c->name, c->line, 0 }, "%s",
		      what);
}

static void put_string(FILE *out, const char *s)
{
	struct text json = { 0 };

	text_json(&json, s);
	fputs(text_str(&json), out);
	text_release(&json);
}

static void put_us(FILE *out, int64_t ns)
{
	fprintf(out, "%" PRId64 ".%03" PRId64, ns / 1000, ns % 1000);
}

/* {"ph", "pid", "tid", "ts": the common part, without the closing brace */
static void open_event(struct cell_run *c, const char *ph, int64_t pid,
		       int64_t tid, int64_t ns)
{
	FILE *out = c->t->out;

	fprintf(out, "%s{\"ph\":\"%s\",\"pid\":%" PRId64 ",\"tid\":%" PRId64 ",\"ts\":",
		c->t->events++ ? ",\n" : "", ph, pid, tid);
	put_us(out, ns - c->start_ns);
}

static void put_name(struct cell_run *c, const char *name)
{
	fputs(",\"name\":", c->t->out);
	put_string(c->t->out, name);
}

static void meta(struct cell_run *c, const char *what, int64_t pid, int64_t tid,
		 const char *name)
{
	open_event(c, "M", pid, tid, c->start_ns);
	fprintf(c->t->out, ",\"name\":\"%s\",\"args\":{\"name\":", what);
	put_string(c->t->out, name);
	fputs("}}", c->t->out);
}

static void meta_process(struct cell_run *c, int64_t pid, const char *name)
{
	char *full = *c->label ? xasprintf("%s | %s", c->label, name) :
				 xstrdup(name);

	meta(c, "process_name", pid, 0, full);
	free(full);
}

static void slice(struct cell_run *c, int64_t pid, int64_t tid, int64_t from_ns,
		  int64_t to_ns, const char *name)
{
	open_event(c, "X", pid, tid, from_ns);
	fputs(",\"dur\":", c->t->out);
	put_us(c->t->out, to_ns - from_ns);
	put_name(c, name);
	fputs("}", c->t->out);
}

static int64_t integer(const json_t *o, const char *key, int64_t absent)
{
	const json_t *v = json_object_get(o, key);

	return json_is_integer(v) ? (int64_t)json_integer_value(v) : absent;
}

static const char *string(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* A declared task of the event, or NULL with the error set. */
static struct tl_task *task_of(struct cell_run *c, const json_t *o,
			       const char *key)
{
	int64_t id = integer(o, key, -1);

	if (id < 0 || id >= c->task_count || !c->tasks[id].known) {
		bad(c, "task was not declared");
		return NULL;
	}
	return &c->tasks[id];
}

static struct tl_lock *lock_of(struct cell_run *c, const json_t *o,
			       uint32_t *index)
{
	int64_t id = integer(o, "lock", -1);

	if (id < 0 || id >= c->lock_count || !c->locks[id].known) {
		bad(c, "lock was not declared");
		return NULL;
	}
	*index = (uint32_t)id;
	return &c->locks[id];
}

static void lock_name(struct text *out, const struct tl_lock *l, bool write)
{
	text_add(out, "%s (%c)", l->name, write ? 'W' : 'R');
}

/* Room for number @id in @array, what is new zero. */
static void *grown(void *array, uint32_t *count, uint32_t id, size_t bytes)
{
	if (id >= *count) {
		array = xrealloc(array, id + 1, bytes);
		memset((char *)array + *count * bytes, 0, (id + 1 - *count) * bytes);
		*count = id + 1;
	}
	return array;
}

static int on_task(struct cell_run *c, const json_t *o)
{
	int64_t id = integer(o, "task", -1), pid = integer(o, "pid", -1);
	struct tl_task *k;

	if (id < 0 || id >= ID_MOST || pid < 0 || pid >= CPU_PID)
		return bad(c, "expected task and pid within limits");
	c->tasks = grown(c->tasks, &c->task_count, (uint32_t)id, sizeof(*c->tasks));
	k = &c->tasks[id];
	if (k->known)
		return bad(c, "task declared twice");
	*k = (struct tl_task){ .known = true, .pid = c->base_pid + pid,
			       .tid = integer(o, "tid", pid), .op_ns = NEVER,
			       .wait_ns = NEVER };
	meta(c, "thread_name", k->pid, k->tid, string(o, "comm"));
	if (k->tid == pid)
		meta_process(c, k->pid, string(o, "comm"));
	return 0;
}

static int on_lock(struct cell_run *c, const json_t *o)
{
	int64_t id = integer(o, "lock", -1);
	const char *of = string(o, "of");

	if (id < 0 || id >= ID_MOST)
		return bad(c, "expected a lock within limits");
	c->locks = grown(c->locks, &c->lock_count, (uint32_t)id, sizeof(*c->locks));
	if (c->locks[id].known)
		return bad(c, "lock declared twice");
	c->locks[id] = (struct tl_lock){
		.known = true, .last_task = NONE,
		.name = xasprintf(*of ? "%s, %s" : "%s%s", string(o, "name"), of),
	};
	meta_process(c, c->base_pid + LOCK_PID + id, c->locks[id].name);
	meta(c, "thread_name", c->base_pid + LOCK_PID + id, 0, "held to write");
	return 0;
}

static void cpu_leave(struct cell_run *c, uint32_t cpu, int64_t ns)
{
	const struct tl_cpu *p = &c->cpus[cpu];
	const struct tl_task *k;
	struct text name = { 0 };

	if (p->task == NONE || ns <= p->since_ns)
		return;
	k = &c->tasks[p->task];
	text_add(&name, "task %" PRId64, k->tid);
	slice(c, c->base_pid + CPU_PID, cpu, p->since_ns, ns, name.s);
	text_release(&name);
}

static int on_cpu(struct cell_run *c, const json_t *o)
{
	int64_t cpu = integer(o, "cpu", -1), id = integer(o, "task", -1);

	if (cpu < 0 || cpu >= c->cpu_count)
		return bad(c, "cpu out of range of the head");
	if (id >= 0 && !task_of(c, o, "task"))
		return -EINVAL;
	cpu_leave(c, (uint32_t)cpu, c->now_ns);
	c->cpus[cpu] = (struct tl_cpu){ id < 0 ? NONE : (uint32_t)id, c->now_ns };
	return 0;
}

static void op_close(struct cell_run *c, struct tl_task *k)
{
	if (k->op_ns != NEVER)
		slice(c, k->pid, k->tid, k->op_ns, c->now_ns, k->op);
	k->op_ns = NEVER;
	free(k->op);
	k->op = NULL;
}

static int on_op(struct cell_run *c, const json_t *o)
{
	struct tl_task *k = task_of(c, o, "task");

	if (!k)
		return -EINVAL;
	if (k->op_ns != NEVER)
		return bad(c, "op begins inside another");
	k->op_ns = c->now_ns;
	k->op = xstrdup(string(o, "op"));
	return 0;
}

static void wait_close(struct cell_run *c, struct tl_task *k)
{
	struct text name = { 0 };

	if (k->wait_ns == NEVER)
		return;
	text_put(&name, "wait ");
	lock_name(&name, &c->locks[k->wait_lock], k->wait_write);
	slice(c, k->pid, k->tid, k->wait_ns, c->now_ns, name.s);
	text_release(&name);
	k->wait_ns = NEVER;
}

static int on_end(struct cell_run *c, const json_t *o)
{
	struct tl_task *k = task_of(c, o, "task");

	if (!k)
		return -EINVAL;
	if (k->op_ns == NEVER) {	/* began before the window */
		k->op_ns = c->start_ns;
		k->op = xstrdup("(began earlier)");
	}
	wait_close(c, k);
	op_close(c, k);
	return 0;
}

static int on_wait(struct cell_run *c, const json_t *o)
{
	struct tl_task *k = task_of(c, o, "task");
	uint32_t lock;

	if (!k || !lock_of(c, o, &lock))
		return -EINVAL;
	if (k->wait_ns != NEVER)
		return bad(c, "task waits twice");
	k->wait_ns = c->now_ns;
	k->wait_lock = lock;
	k->wait_write = !strcmp(string(o, "side"), "write");
	return 0;
}

/* From a wait to the release that ended it, so forward in time. */
static void arrow(struct cell_run *c, const struct tl_task *waiter, int64_t wait_ns,
		  const struct tl_task *holder, int64_t release_ns)
{
	static const char rest[] = ",\"cat\":\"blame\",\"name\":\"waits for\",\"id\":%" PRIu64 "%s}";
	uint64_t id = c->next_id++;

	open_event(c, "s", waiter->pid, waiter->tid, wait_ns);
	fprintf(c->t->out, rest, id, "");
	open_event(c, "f", holder->pid, holder->tid,
		   release_ns > wait_ns ? release_ns : wait_ns);
	fprintf(c->t->out, rest, id, ",\"bp\":\"e\"");
}

/* Both ends of an async slice; viewers match them by category, id and name. */
static void async_slice(struct cell_run *c, int64_t pid, int64_t from_ns,
			int64_t to_ns, const char *name)
{
	uint64_t id = c->next_id++;

	for (int end = 0; end < 2; end++) {
		open_event(c, end ? "e" : "b", pid, 0, end ? to_ns : from_ns);
		fprintf(c->t->out, ",\"cat\":\"hold\",\"id\":%" PRIu64, id);
		put_name(c, name);
		fputs("}", c->t->out);
	}
}

static void hold_open(struct cell_run *c, struct tl_task *k, uint32_t lock,
		      bool write)
{
	k->holds = xrealloc(k->holds, k->hold_count + 1, sizeof(*k->holds));
	k->holds[k->hold_count++] = (struct hold){
		lock, c->now_ns, write,
		xasprintf("%s (%c) by %" PRId64, k->op ? k->op : "hold",
			  write ? 'W' : 'R', k->tid) };
}

static int on_got(struct cell_run *c, const json_t *o)
{
	struct tl_task *k = task_of(c, o, "task"), *from = NULL;
	struct tl_lock *l;
	int64_t wait_ns;
	uint32_t lock;

	if (!k || !(l = lock_of(c, o, &lock)))
		return -EINVAL;
	if (json_object_get(o, "from") && !(from = task_of(c, o, "from")))
		return -EINVAL;
	wait_ns = k->wait_ns;
	wait_close(c, k);
	if (wait_ns != NEVER && from)
		arrow(c, k, wait_ns, from,
		      l->last_task == (uint32_t)(from - c->tasks) ? l->last_ns :
								    c->now_ns);
	hold_open(c, k, lock, !strcmp(string(o, "side"), "write"));
	return 0;
}

static struct hold *hold_find(struct tl_task *k, uint32_t lock)
{
	for (uint32_t i = k->hold_count; i > 0; i--)
		if (k->holds[i - 1].lock == lock)
			return &k->holds[i - 1];
	return NULL;
}

static void hold_close(struct cell_run *c, struct tl_task *k, struct hold *h)
{
	int64_t pid = c->base_pid + LOCK_PID + h->lock;

	if (h->write)
		slice(c, pid, 0, h->since_ns, c->now_ns, h->name);
	else
		async_slice(c, pid, h->since_ns, c->now_ns, h->name);
	free(h->name);
	*h = k->holds[--k->hold_count];
}

static int on_free(struct cell_run *c, const json_t *o)
{
	struct tl_task *k = task_of(c, o, "task");
	struct tl_lock *l;
	struct hold *h;
	uint32_t lock;

	if (!k || !(l = lock_of(c, o, &lock)))
		return -EINVAL;
	h = hold_find(k, lock);
	if (h)			/* else it was taken before the window */
		hold_close(c, k, h);
	l->last_task = (uint32_t)(k - c->tasks);
	l->last_ns = c->now_ns;
	return 0;
}

static int on_downgrade(struct cell_run *c, const json_t *o)
{
	struct tl_task *k = task_of(c, o, "task");
	struct hold *h;
	uint32_t lock;

	if (on_free(c, o) || !lock_of(c, o, &lock))
		return -EINVAL;
	h = hold_find(k, lock);
	if (h)
		return bad(c, "lock held twice by one task");
	hold_open(c, k, lock, false);
	return 0;
}

static int on_count(struct cell_run *c, const json_t *o)
{
	const json_t *v = json_object_get(o, "value");

	if (!json_is_integer(v))
		return bad(c, "count without a whole value");
	open_event(c, "C", c->base_pid + COUNT_PID, 0, c->now_ns);
	put_name(c, string(o, "name"));
	fprintf(c->t->out, ",\"args\":{\"value\":%lld}}",
		(long long)json_integer_value(v));
	return 0;
}

static const struct {
	const char *name;
	bool timed;
	int (*take)(struct cell_run *c, const json_t *o);
} kinds[] = {
	{ "task", false, on_task }, { "lock", false, on_lock },
	{ "cpu", true, on_cpu },    { "op", true, on_op },
	{ "end", true, on_end },    { "wait", true, on_wait },
	{ "got", true, on_got },    { "free", true, on_free },
	{ "downgrade", true, on_downgrade }, { "count", true, on_count },
};

static int take_event(struct cell_run *c, const json_t *o, const char *line)
{
	const char *kind = string(o, "e");
	int64_t ns = integer(o, "t", NEVER);
	bool end = c->version == 2 && !strcmp(kind, "whole");

	c->whole = end && seal_ends(&c->above, line);
	if (end)
		return c->whole ? 0 : bad(c, "what is above was changed since: run with --events again");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, kind))
			continue;
		if (kinds[i].timed) {
			if (ns < c->now_ns || ns > c->end_ns)
				return bad(c, "time goes backward or leaves the window");
			c->now_ns = ns;
		}
		return kinds[i].take(c, o);
	}
	return bad(c, "unknown kind of event");
}

static int take_head(struct cell_run *c, const json_t *o)
{
	int64_t cpus = integer(o, "cpus", -1);

	c->version = integer(o, "events", 0);
	c->start_ns = c->now_ns = integer(o, "start_ns", -1);
	c->end_ns = integer(o, "end_ns", -1);
	if (c->version < 1 || c->version > 2 || cpus < 1 || cpus > 4096 ||
	    c->start_ns < 0 || c->end_ns < c->start_ns)
		return bad(c, "expected a head: events 1 or 2, cpus, start_ns, end_ns");
	c->label = xstrdup(string(o, "label"));
	c->cpu_count = (uint32_t)cpus;
	c->cpus = xcalloc(c->cpu_count, sizeof(*c->cpus));
	meta_process(c, c->base_pid + CPU_PID, "CPUs");
	meta_process(c, c->base_pid + COUNT_PID, "memory hold and queues");
	for (uint32_t i = 0; i < c->cpu_count; i++) {
		char *name = xasprintf("CPU %u", i);

		c->cpus[i].task = NONE;
		meta(c, "thread_name", c->base_pid + CPU_PID, i, name);
		free(name);
	}
	return 0;
}

/* What is still open at the end of the window ends there. */
static void close_all(struct cell_run *c)
{
	c->now_ns = c->end_ns;
	for (uint32_t i = 0; i < c->cpu_count; i++)
		cpu_leave(c, i, c->end_ns);
	for (uint32_t i = 0; i < c->task_count; i++) {
		struct tl_task *k = &c->tasks[i];

		if (!k->known)
			continue;
		wait_close(c, k);
		while (k->hold_count)
			hold_close(c, k, &k->holds[k->hold_count - 1]);
		op_close(c, k);
	}
}

static void cell_release(struct cell_run *c)
{
	for (uint32_t i = 0; i < c->task_count; i++) {
		free(c->tasks[i].op);
		while (c->tasks[i].hold_count)
			free(c->tasks[i].holds[--c->tasks[i].hold_count].name);
		free(c->tasks[i].holds);
	}
	for (uint32_t i = 0; i < c->lock_count; i++)
		free(c->locks[i].name);
	free(c->tasks);
	free(c->locks);
	free(c->cpus);
	free(c->label);
}

static int take_line(struct cell_run *c, const char *line)
{
	json_error_t why;
	json_t *o = json_loads(line, 0, &why);
	int err;

	err = !json_is_object(o) ?
		      bad(c, o ? "expected a JSON object" : why.text) :
		      c->line == 1 ? take_head(c, o) : take_event(c, o, line);
	seal_add(&c->above, line, strlen(line));
	json_decref(o);
	return err;
}

int timeline_add(struct timeline *t, FILE *in, const char *name,
		 struct errbuf *e)
{
	struct cell_run c = {
		.t = t, .name = name, .e = e,
		.base_pid = (int64_t)t->cells * PID_STRIDE,
		.next_id = ((uint64_t)t->cells << 40) + 1,
	};
	char *line = xcalloc(LINE_MOST, 1);
	int err = 0;

	seal_init(&c.above);
	t->cells++;
	while (!err && fgets(line, LINE_MOST, in)) {
		c.line++;
		err = !strchr(line, '\n') && !feof(in) ?
			bad(&c, "line is too long") : take_line(&c, line);
	}
	if (!err && ferror(in))
		err = err_sys(e, name, "read");
	if (!err && (!c.line || c.whole != (c.version == 2)))
		err = bad(&c, c.line ? "cut short: run with --events again" : "empty");
	if (!err)
		close_all(&c);
	cell_release(&c);
	free(line);
	return err;
}

void timeline_begin(struct timeline *t, FILE *out)
{
	*t = (struct timeline){ .out = out };
	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n", out);
}

int timeline_end(struct timeline *t, struct errbuf *e)
{
	fputs("\n]}\n", t->out);
	return err_stream(e, t->out, "timeline");
}
