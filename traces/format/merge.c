/*
 * The merged cursor: the records of all tasks by (start, task, sequence).
 *
 * A chunk's groups enter it when its least start is due, so that what is kept
 * goes with the tasks under way. Those of one task stand in a line, in order of
 * their chunks, and the front ones of all tasks in a tree of winners:
 *
 *   node 0:  the first of all
 *   1 .. 8, the children of 0:  the first of eight leaves each
 *   9 .. 72:  leaves 0 .. 63; a leaf is a task
 *
 * Invariant: an inner node is the least of its children, at one start that of
 * the lowest task. A task's starts do not go back from one chunk to the next;
 * a file in which they do is damaged.
 *
 * Cost: a step plays one game of eight a level, in one line of the cache and
 * without a branch on who wins; levels: log8(tasks). Memory: a record and a
 * cursor for each group whose first record was due and whose last was not, and
 * some 22 bytes a task of the trace.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include "sim/base/mem.h"
#include "traces/format/cursor.h"
#include "traces/format/decode.h"

enum { EIGHT = 8, CACHE_LINE = 64 };

struct merge_group {
	const struct mmt_entry *entry;
	struct mmt_cursor *c;	/* NULL: not begun */
	struct merge_group *next;	/* the task's, in a later chunk */
	struct op op;		/* its next record */
};

/* a chunk whose directory is in memory */
struct merge_chunk {
	struct mmt_entry *dir;
	struct merge_group *groups;
	uint32_t left;		/* groups that are not at their end */
};

/**
 * struct mmt_merge
 * @start_ns, @task: by node: the next start below it, INT64_MAX: there is none;
 *	and whose it is
 * @group: by task: the front of its line, or NULL
 * @leaf: node of task 0; @tasks: leaves
 * @memory: that start_ns[] is in
 */
struct mmt_merge {
	int64_t *start_ns;
	uint32_t *task;
	struct merge_group **group;
	uint32_t leaf, tasks;
	int64_t *memory;
	struct merge_chunk *chunks;
	uint32_t *due;		/* chunk numbers by (least start, number) */
	uint32_t next_due;
	bool advance;		/* the first was handed out */
};

/* ---- who is next ---- */

struct player {
	int64_t start_ns;
	uint32_t child;
};

/* Who wins is a coin's throw: selected, not branched on. */
static inline struct player duel(struct player a, struct player b)
{
	uint32_t lost = -(uint32_t)(b.start_ns < a.start_ns);

	a.start_ns = b.start_ns < a.start_ns ? b.start_ns : a.start_ns;
	a.child ^= (a.child ^ b.child) & lost;
	return a;
}

static inline struct player pair(const int64_t *start_ns, uint32_t child)
{
	return duel((struct player){ start_ns[child], child },
		    (struct player){ start_ns[child + 1], child + 1 });
}

/* The first of a group of eight wins @up. */
static inline void play(struct mmt_merge *m, uint32_t up)
{
	const int64_t *start_ns = &m->start_ns[up * EIGHT + 1];
	struct player won = duel(duel(pair(start_ns, 0), pair(start_ns, 2)),
				 duel(pair(start_ns, 4), pair(start_ns, 6)));

	m->start_ns[up] = won.start_ns;
	m->task[up] = m->task[up * EIGHT + 1 + won.child];
}

static void set_start(struct mmt_merge *m, uint32_t task, int64_t start_ns)
{
	uint32_t i = m->leaf + task;

	m->start_ns[i] = start_ns;
	while (i) {
		i = (i - 1) / EIGHT;
		play(m, i);
	}
}

static void tree_init(struct mmt_merge *m, uint32_t tasks)
{
	uint32_t inner = 0, nodes;

	for (uint32_t width = 1; width < tasks || width == 1; width *= EIGHT)
		inner += width;
	m->leaf = inner;
	m->tasks = (tasks + EIGHT) / EIGHT * EIGHT;
	nodes = inner + m->tasks;
	/* node 1 begins a line */
	m->memory = aligned_alloc(CACHE_LINE, (sizeof(int64_t) * nodes +
			2 * CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
	if (!m->memory)
		no_memory(nodes, sizeof(int64_t));
	m->start_ns = m->memory + CACHE_LINE / sizeof(int64_t) - 1;
	m->task = xcalloc(nodes, sizeof(*m->task));
	m->group = xcalloc(m->tasks, sizeof(struct merge_group *));
	for (uint32_t i = 0; i < nodes; i++) {
		m->start_ns[i] = INT64_MAX;
		m->task[i] = i < inner ? 0 : i - inner;
	}
}

static struct merge_group *first_of(const struct mmt_merge *m)
{
	return m->start_ns[0] == INT64_MAX ? NULL : m->group[m->task[0]];
}

/* ---- the line of a task ---- */

static int64_t first_start(const struct mmt_reader *r, const struct mmt_entry *g)
{
	bool measures = r->flags & MMT_MEASUREMENTS && g->count[1];

	return !g->count[0] || (measures && g->base_ns[1] < g->base_ns[0]) ?
	       g->base_ns[1] : g->base_ns[0];
}

static int damaged(const struct mmt_cursor *c, const struct mmt_entry *g,
		   struct errbuf *e)
{
	return err_set(e, -EBADMSG, "%s: offset %" PRIu64 ": the records of "
		       "task %u in this chunk start at no time, or before those "
		       "of an earlier chunk", c->r->path,
		       c->r->chunks[g->chunk].offset, g->task);
}

/* @g stands in line; in front, it is its task's next. */
static int line_up(struct mmt_cursor *c, struct merge_group *g, struct errbuf *e)
{
	struct mmt_merge *m = c->merge;
	struct merge_group **at = &m->group[g->entry->task];
	int64_t start_ns = first_start(c->r, g->entry);

	if (start_ns < 0 || start_ns >= MMT_TIME_MAX)
		return damaged(c, g->entry, e);
	while (*at && (*at)->entry->chunk < g->entry->chunk)
		at = &(*at)->next;
	if (*at && (*at)->c)
		return damaged(c, g->entry, e);	/* it has begun before this one */
	g->next = *at;
	*at = g;
	if (m->group[g->entry->task] == g)
		set_start(m, g->entry->task, start_ns);
	return 0;
}

/* ---- chunks come and go ---- */

static int by_first(const void *x, const void *y, void *reader)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
	const struct mmt_chunk *chunks = ((struct mmt_reader *)reader)->chunks;

	if (chunks[a].first_ns != chunks[b].first_ns)
		return chunks[a].first_ns < chunks[b].first_ns ? -1 : 1;
	return a < b ? -1 : a > b;
}

struct mmt_cursor *mmt_merged(struct mmt_reader *r)
{
	struct mmt_cursor *c = xcalloc(1, sizeof(*c));
	struct mmt_merge *m = xcalloc(1, sizeof(*m));

	c->r = r;
	c->merge = m;
	m->chunks = xcalloc((size_t)r->chunk_count + 1, sizeof(*m->chunks));
	m->due = xcalloc((size_t)r->chunk_count + 1, sizeof(*m->due));
	for (uint32_t i = 0; i < r->chunk_count; i++)
		m->due[i] = i;
	qsort_r(m->due, r->chunk_count, sizeof(*m->due), by_first, r);
	tree_init(m, r->h.task_count);
	return c;
}

/* a group has ended, or has nothing for us */
static void leave_chunk(struct mmt_merge *m, uint32_t chunk)
{
	struct merge_chunk *in = &m->chunks[chunk];

	if (--in->left)
		return;
	free(in->dir);
	free(in->groups);
	in->dir = NULL;
	in->groups = NULL;
}

static int enter_chunk(struct mmt_cursor *c, uint32_t chunk, struct errbuf *e)
{
	struct mmt_merge *m = c->merge;
	struct merge_chunk *in = &m->chunks[chunk];
	bool measure = c->r->flags & MMT_MEASUREMENTS;
	uint32_t tasks = c->r->chunks[chunk].tasks;

	in->dir = mmt_directory(c->r, chunk, e);
	if (!in->dir)
		return -EBADMSG;
	in->groups = xcalloc((size_t)tasks + 1, sizeof(*in->groups));
	in->left = tasks + 1;
	for (uint32_t i = 0; i < tasks; i++) {
		struct merge_group *g = &in->groups[i];
		int ret;

		g->entry = &in->dir[i];
		if (!g->entry->count[0] && !(measure && g->entry->count[1])) {
			leave_chunk(m, chunk);
			continue;
		}
		ret = line_up(c, g, e);
		if (ret)
			return ret;
	}
	leave_chunk(m, chunk);
	return 0;
}

/* The first group is at its end: the next one of the task takes its place. */
static int drop_first(struct mmt_cursor *c, struct errbuf *e)
{
	struct mmt_merge *m = c->merge;
	uint32_t task = m->task[0];
	struct merge_group *g = m->group[task], *next = g->next;
	int64_t start_ns = next ? first_start(c->r, next->entry) : INT64_MAX;
	uint32_t chunk = g->entry->chunk;

	if (start_ns < m->start_ns[0])
		return damaged(c, next->entry, e);
	m->group[task] = next;
	set_start(m, task, start_ns);
	mmt_cursor_free(g->c);
	leave_chunk(m, chunk);
	return 0;
}

/* ---- the next record ---- */

/* read the first one's next record and put it where it belongs */
static int advance_first(struct mmt_cursor *c, struct errbuf *e)
{
	struct mmt_merge *m = c->merge;
	struct merge_group *g = first_of(m);
	int ret;

	if (!g->c) {
		g->c = mmt_cursor_new(c->r, g->entry->task);
		g->c->only = g->entry;
	}
	ret = mmt_next(g->c, &g->op, e);
	if (ret < 0)
		return ret;
	if (!ret)
		return drop_first(c, e);
	set_start(m, m->task[0], g->op.start_ns);
	return 0;
}

/* has the next chunk a record that may be next? */
static bool chunk_is_due(const struct mmt_cursor *c)
{
	const struct mmt_merge *m = c->merge;

	return m->next_due < c->r->chunk_count && (!first_of(m) ||
		c->r->chunks[m->due[m->next_due]].first_ns <= m->start_ns[0]);
}

int mmt_next_merged(struct mmt_cursor *c, const struct op **op,
		    struct errbuf *e)
{
	struct mmt_merge *m = c->merge;
	int ret = c->failed ? -EBADMSG : 0;

	while (!ret) {
		const struct merge_group *g = first_of(m);

		if (m->advance) {
			m->advance = false;
			ret = advance_first(c, e);
		} else if (chunk_is_due(c)) {
			ret = enter_chunk(c, m->due[m->next_due++], e);
		} else if (!g) {
			return 0;
		} else if (!g->c) {
			ret = advance_first(c, e);
		} else {
			*op = &g->op;
			mmt_ahead(g->c);
			m->advance = true;
			return 1;
		}
	}
	c->failed = true;
	return ret;
}

void mmt_merge_free(struct mmt_merge *m, uint32_t chunks)
{
	for (uint32_t i = 0; i < m->tasks; i++)
		for (const struct merge_group *g = m->group[i]; g; g = g->next)
			mmt_cursor_free(g->c);
	for (uint32_t i = 0; i < chunks; i++) {
		free(m->chunks[i].dir);
		free(m->chunks[i].groups);
	}
	free(m->memory);
	free(m->task);
	free(m->group);
	free(m->chunks);
	free(m->due);
	free(m);
}
