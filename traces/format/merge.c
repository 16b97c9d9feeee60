/*
 * The merged cursor: the records of all tasks by (start, task, sequence).
 *
 * A chunk's groups enter it when its least start is due, so that what is kept
 * goes with the tasks under way. Those of one task are in a pairing heap by their
 * first starts, and the first ones of all tasks in a tree of winners:
 *
 *   node 1:  the first of all
 *   2i and 2i + 1 are the children of i, of whom the first wins i
 *   width + t:  task t
 *
 * Invariant: an inner node is the first of its children, at one start the lower
 * task. A task's groups do not overlap in time; a file in which they do is
 * damaged.
 *
 * Cost: a step plays a duel a level on the way from a task to the root, without
 * a branch on who wins and with all rivals known before the first; levels:
 * log2(tasks). A group is O(log(groups of its task)). Memory: a record and a cursor for each group whose first record
 * was due and whose last was not, and at most 56 bytes a task of the trace.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include "sim/base/mem.h"
#include "traces/format/cursor.h"
#include "traces/format/decode.h"

struct merge_group {
	const struct mmt_entry *entry;
	struct mmt_cursor *c;	/* NULL: not begun */
	struct merge_group *child, *next;	/* the task's, that begin later */
	struct op op;		/* its next record */
};

/* a chunk whose directory is in memory */
struct merge_chunk {
	struct mmt_entry *dir;
	struct merge_group *groups;
	uint32_t left;		/* groups that are not at their end */
};

/** struct front - who is first below a node, and when */
struct front {
	int64_t start_ns;
	uint32_t task;
};

static const int64_t nobody = INT64_MAX - 1;	/* one more must not overflow */

/**
 * struct mmt_merge
 * @node: the tree, of @width leaves, those behind the last task left out
 * @group: by task: the first of its groups, or NULL
 */
struct mmt_merge {
	struct front *node;
	struct merge_group **group;
	uint32_t width;
	struct merge_chunk *chunks;
	uint32_t *due;		/* chunk numbers by (least start, number) */
	uint32_t next_due;
	int64_t due_ns;		/* the least start of that one; INT64_MAX: none */
	bool advance;		/* the first was handed out */
};

/* ---- who is next ---- */

/* The first group of @task starts at @start_ns. Who wins a duel is a coin's
 * throw, so it is selected, not branched on. */
static inline void set_start(struct mmt_merge *m, uint32_t task,
			     int64_t start_ns)
{
	struct front *node = m->node, first = { start_ns, task }, rival;

	for (uint32_t i = m->width + task; i > 1; i /= 2) {
		bool lost;

		node[i] = first;
		rival = node[i ^ 1];
		/* on the right one loses at one start, too */
		lost = rival.start_ns < first.start_ns + (i & 1);
		first.start_ns = lost ? rival.start_ns : first.start_ns;
		first.task = lost ? rival.task : first.task;
	}
	node[1] = first;
}

static void tree_init(struct mmt_merge *m, uint32_t tasks)
{
	for (m->width = 1; m->width < tasks; )
		m->width *= 2;
	m->node = xcalloc((size_t)m->width + tasks + 2, sizeof(*m->node));
	m->group = xcalloc(tasks, sizeof(struct merge_group *));
	for (size_t i = 0; i < (size_t)m->width + tasks + 2; i++)
		m->node[i].start_ns = nobody;
}

static struct merge_group *first_of(const struct mmt_merge *m)
{
	return m->node[1].start_ns == nobody ? NULL : m->group[m->node[1].task];
}

/* ---- the groups of a task ---- */

static int64_t first_start(const struct mmt_reader *r, const struct mmt_entry *g)
{
	bool measures = r->flags & MMT_MEASUREMENTS && g->count[1];

	return !g->count[0] || (measures && g->base_ns[1] < g->base_ns[0]) ?
	       g->base_ns[1] : g->base_ns[0];
}

/* in the order in which they were written, even where chunks change places */
static bool before(const struct mmt_reader *r, const struct mmt_entry *a,
		   const struct mmt_entry *b)
{
	int64_t a_ns = first_start(r, a), b_ns = first_start(r, b);

	return a_ns != b_ns ? a_ns < b_ns : a->chunk < b->chunk;
}

static int damaged(const struct mmt_cursor *c, const struct mmt_entry *g,
		   struct errbuf *e)
{
	return err_set(e, -EBADMSG, "%s: offset %" PRIu64 ": the records of "
		       "task %u in this chunk start at no time, or while those "
		       "of another chunk go on", c->r->path,
		       c->r->chunks[g->chunk].offset, g->task);
}

/* One of two heaps becomes a child of the other. */
static struct merge_group *meld(const struct mmt_reader *r, struct merge_group *a,
				struct merge_group *b)
{
	struct merge_group *first = before(r, b->entry, a->entry) ? b : a;
	struct merge_group *later = first == a ? b : a;

	later->next = first->child;
	first->child = later;
	return first;
}

/* The heap of those that were below @g: melded in pairs, the pairs from the last on. */
static struct merge_group *without(const struct mmt_reader *r,
				   const struct merge_group *g)
{
	struct merge_group *list = g->child, *pairs = NULL, *a, *b, *first = NULL;

	while ((a = list)) {
		b = a->next;
		list = b ? b->next : NULL;
		if (b)
			a = meld(r, a, b);
		a->next = pairs;
		pairs = a;
	}
	while ((a = pairs)) {
		pairs = a->next;
		first = first ? meld(r, first, a) : a;
	}
	return first;
}

/* @g is the task's next now, or later. */
static int add_group(struct mmt_cursor *c, struct merge_group *g, struct errbuf *e)
{
	struct mmt_merge *m = c->merge;
	struct merge_group *first = m->group[g->entry->task];
	int64_t start_ns = first_start(c->r, g->entry);

	if (start_ns < 0 || start_ns >= MMT_TIME_MAX)
		return damaged(c, g->entry, e);
	if (first && first->c && before(c->r, g->entry, first->entry))
		return damaged(c, g->entry, e);	/* it has begun before this one */
	first = first ? meld(c->r, first, g) : g;
	m->group[g->entry->task] = first;
	if (first == g)
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

static void note_due(struct mmt_cursor *c)
{
	struct mmt_merge *m = c->merge;

	m->due_ns = INT64_MAX;
	if (m->next_due < c->r->chunk_count)
		m->due_ns = c->r->chunks[m->due[m->next_due]].first_ns;
	if (m->due_ns > nobody && m->next_due < c->r->chunk_count)
		m->due_ns = nobody;	/* damaged, which its records will say */
}

struct mmt_cursor *mmt_merged(struct mmt_reader *r)
{
	struct mmt_cursor *c = pool_get(&r->cursors);
	struct mmt_merge *m = xcalloc(1, sizeof(*m));

	c->r = r;
	c->merge = m;
	m->chunks = xcalloc((size_t)r->chunk_count + 1, sizeof(*m->chunks));
	m->due = xcalloc((size_t)r->chunk_count + 1, sizeof(*m->due));
	for (uint32_t i = 0; i < r->chunk_count; i++)
		m->due[i] = i;
	qsort_r(m->due, r->chunk_count, sizeof(*m->due), by_first, r);
	tree_init(m, r->h.task_count);
	note_due(c);
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

/* the next chunk, which has a record that may be next */
static int enter_chunk(struct mmt_cursor *c, struct errbuf *e)
{
	struct mmt_merge *m = c->merge;
	uint32_t chunk = m->due[m->next_due++];
	struct merge_chunk *in = &m->chunks[chunk];
	bool measure = c->r->flags & MMT_MEASUREMENTS;
	uint32_t tasks = c->r->chunks[chunk].tasks;

	note_due(c);
	in->dir = mmt_directory(c->r, chunk, e);
	if (!in->dir)
		return -EBADMSG;
	in->groups = xcalloc((size_t)tasks + 1, sizeof(*in->groups));
	mem_touch(in->groups, tasks * sizeof(*in->groups));
	in->left = tasks + 1;
	for (uint32_t i = 0; i < tasks; i++) {
		struct merge_group *g = &in->groups[i];
		int ret;

		g->entry = &in->dir[i];
		if (!g->entry->count[0] && !(measure && g->entry->count[1])) {
			leave_chunk(m, chunk);
			continue;
		}
		ret = add_group(c, g, e);
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
	uint32_t task = m->node[1].task;
	struct merge_group *g = m->group[task], *next = without(c->r, g);
	int64_t start_ns = next ? first_start(c->r, next->entry) : nobody;
	uint32_t chunk = g->entry->chunk;

	if (start_ns < m->node[1].start_ns)
		return damaged(c, next->entry, e);
	m->group[task] = next;
	set_start(m, task, start_ns);
	mmt_cursor_free(g->c);
	g->c = NULL;
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
	set_start(m, m->node[1].task, g->op.start_ns);
	return 0;
}

int mmt_next_merged(struct mmt_cursor *c, const struct op **op,
		    struct errbuf *e)
{
	struct mmt_merge *m = c->merge;
	int ret = c->failed ? -EBADMSG : 0;

	if (m->advance && !ret)
		ret = advance_first(c, e);
	m->advance = false;
	while (!ret) {
		const struct merge_group *g = first_of(m);

		if (m->due_ns <= m->node[1].start_ns) {
			ret = enter_chunk(c, e);
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

void mmt_merge_free(struct mmt_merge *m, const struct mmt_reader *r)
{
	for (uint32_t i = 0; i < r->chunk_count; i++) {
		for (uint32_t g = 0; m->chunks[i].groups && g < r->chunks[i].tasks; g++)
			mmt_cursor_free(m->chunks[i].groups[g].c);
		free(m->chunks[i].dir);
		free(m->chunks[i].groups);
	}
	free(m->node);
	free(m->group);
	free(m->chunks);
	free(m->due);
	free(m);
}
