/*
 * The B+ tree behind a range map: runs are put in and taken out, nodes split and
 * go. A node that runs empty goes; a leaf that is nearly empty takes over its
 * neighbour's runs if they fit in well. Inner nodes are not merged: depth is by
 * the most runs that there were.
 *
 * Nodes are indices into arrays with free lists (index + 1; 0 ends one): compact,
 * and no allocation when warm.
 *
 * Cost: a run put in or taken out is a descent and a move of up to RUNS runs.
 */
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/base/rangemap_tree.h"

/* From the root to a leaf: an inner node a level, and which of its children. */
struct path {
	uint32_t node[MAX_LEVELS];
	uint32_t slot[MAX_LEVELS];
	uint32_t leaf;
};

static void find_path(const struct rangemap *m, uint64_t addr, struct path *p)
{
	uint32_t n = m->root;

	for (uint32_t level = 0; level < m->levels; level++) {
		const struct range_inner *in = &m->inner[n];

		p->node[level] = n;
		p->slot[level] = keys_until(in, addr);
		n = in->child[p->slot[level]];
	}
	p->leaf = n;
}

/* ---- nodes ---- */

static void *more(void *nodes, uint32_t *room, size_t bytes)
{
	BUG_ON(*room > UINT32_MAX >> (PLACE_BITS + 1));
	*room = *room ? *room * 2 : 1;
	return xrealloc(nodes, *room, bytes);
}

/* Nothing is in places @count and behind. */
static void inner_ends(struct range_inner *in, uint32_t count)
{
	in->count = count;
	for (; count < KIDS; count++)
		in->key[count] = UINT64_MAX;
}

static void leaf_ends(struct range_leaf *l, uint32_t count)
{
	l->count = count;
	for (; count < RUNS; count++)
		l->run[count].r.end = UINT64_MAX;
}

static uint32_t new_inner(struct rangemap *m)
{
	uint32_t i = m->free_inner;

	if (i--) {
		m->free_inner = m->inner[i].child[0];
	} else {
		if (m->inners == m->inner_room)
			m->inner = more(m->inner, &m->inner_room, sizeof(*m->inner));
		i = m->inners++;
	}
	inner_ends(&m->inner[i], 0);
	return i;
}

static void free_inner(struct rangemap *m, uint32_t i)
{
	m->inner[i].child[0] = m->free_inner;
	m->free_inner = i + 1;
}

/* Behind leaf @prev, or the first. */
static uint32_t new_leaf(struct rangemap *m, uint32_t prev)
{
	uint32_t i = m->free_leaf, next;

	if (i--) {
		m->free_leaf = m->leaf[i].next;
	} else {
		if (m->leaves == m->leaf_room)
			m->leaf = more(m->leaf, &m->leaf_room, sizeof(*m->leaf));
		i = m->leaves++;
	}
	next = prev == NONE ? NONE : m->leaf[prev].next;
	leaf_ends(&m->leaf[i], 0);
	m->leaf[i].prev = prev;
	m->leaf[i].next = next;
	if (prev != NONE)
		m->leaf[prev].next = i;
	if (next != NONE)
		m->leaf[next].prev = i;
	else
		m->last = i;
	return i;
}

static void free_leaf(struct rangemap *m, uint32_t i)
{
	struct range_leaf *l = &m->leaf[i];

	if (l->prev != NONE)
		m->leaf[l->prev].next = l->next;
	if (l->next != NONE)
		m->leaf[l->next].prev = l->prev;
	else
		m->last = l->prev;
	l->count = 0;
	l->next = m->free_leaf;
	m->free_leaf = i + 1;
}

/* ---- keys ---- */

/* The first run under the end of @p, from level @level up, begins at @start. */
static void set_key(struct rangemap *m, const struct path *p, uint32_t level,
		    uint64_t start)
{
	while (level--) {
		if (!p->slot[level])
			continue;
		m->inner[p->node[level]].key[p->slot[level]] = start;
		return;
	}
}

void tree_set_start(struct rangemap *m, struct at a, uint64_t start)
{
	struct path p;

	if (!a.i && m->levels) {
		find_path(m, run_of(a)->r.start, &p);
		set_key(m, &p, m->levels, start);
	}
	run_of(a)->r.start = start;
}

static void put_child(struct range_inner *in, uint32_t slot, uint64_t key,
		      uint32_t child)
{
	memmove(&in->key[slot + 1], &in->key[slot],
		(in->count - slot) * sizeof(in->key[0]));
	memmove(&in->child[slot + 1], &in->child[slot],
		(in->count - slot) * sizeof(in->child[0]));
	in->key[slot] = key;
	in->child[slot] = child;
	in->count++;
}

/* The root has become two: @child, from @key on, is the other. */
static void new_root(struct rangemap *m, uint64_t key, uint32_t child)
{
	uint32_t n = new_inner(m);

	BUG_ON(m->levels == MAX_LEVELS);
	put_child(&m->inner[n], 0, 0, m->root);
	put_child(&m->inner[n], 1, key, child);
	m->root = n;
	m->levels++;
}

/* @child, from @key on, comes behind the node at the end of @p, at @level. */
static void add_child(struct rangemap *m, struct path *p, uint32_t level,
		      uint64_t key, uint32_t child)
{
	struct range_inner *in, *right;
	uint32_t slot, half = KIDS / 2, n;

	for (; level--; child = n) {
		in = &m->inner[p->node[level]];
		slot = p->slot[level] + 1;
		if (in->count < KIDS) {
			put_child(in, slot, key, child);
			return;
		}
		n = new_inner(m);
		in = &m->inner[p->node[level]];
		right = &m->inner[n];
		right->count = KIDS - half;
		memcpy(right->key, &in->key[half], right->count * sizeof(in->key[0]));
		memcpy(right->child, &in->child[half],
		       right->count * sizeof(in->child[0]));
		inner_ends(in, half);
		if (slot <= half)
			put_child(in, slot, key, child);
		else
			put_child(right, slot - half, key, child);
		key = right->key[0];
	}
	new_root(m, key, child);
}

/* The node at the end of @p, at @level, is gone from under its parent. */
static void drop_child(struct rangemap *m, struct path *p, uint32_t level)
{
	while (level--) {
		struct range_inner *in = &m->inner[p->node[level]];
		uint32_t slot = p->slot[level], behind = in->count - slot - 1;

		if (in->count == 1) {
			free_inner(m, p->node[level]);
			continue;
		}
		memmove(&in->key[slot], &in->key[slot + 1],
			behind * sizeof(in->key[0]));
		memmove(&in->child[slot], &in->child[slot + 1],
			behind * sizeof(in->child[0]));
		inner_ends(in, in->count - 1);
		if (!slot)
			set_key(m, p, level, in->key[0]);
		break;
	}
	while (m->levels && m->inner[m->root].count == 1) {
		uint32_t root = m->root;

		m->root = m->inner[root].child[0];
		free_inner(m, root);
		m->levels--;
	}
}

/* ---- runs ---- */

static void put_run(struct range_leaf *l, uint32_t i, struct range r, uint64_t value)
{
	memmove(&l->run[i + 1], &l->run[i], (l->count - i) * sizeof(l->run[0]));
	l->run[i] = (struct range_run){ r, value };
	l->count++;
}

/* A full leaf makes room: half of it goes, or, where runs come in order, none. */
static uint32_t split(struct rangemap *m, struct path *p, uint32_t i, uint64_t start)
{
	uint32_t n = new_leaf(m, p->leaf);
	struct range_leaf *l = &m->leaf[p->leaf], *right = &m->leaf[n];
	uint32_t keep = right->next == NONE && i == RUNS ? RUNS : RUNS / 2;

	right->count = RUNS - keep;
	memcpy(right->run, &l->run[keep], right->count * sizeof(l->run[0]));
	leaf_ends(l, keep);
	add_child(m, p, m->levels, right->count ? right->run[0].r.start : start, n);
	if (i < keep || (i == keep && right->count))
		return i;
	p->leaf = n;
	return i - keep;
}

void tree_insert(struct rangemap *m, struct range r, uint64_t value)
{
	struct path p;
	uint32_t i;

	if (!m->leaf)
		m->root = new_leaf(m, NONE);
	find_path(m, r.start, &p);
	i = runs_until(&m->leaf[p.leaf], r.start);
	if (m->leaf[p.leaf].count == RUNS)
		i = split(m, &p, i, r.start);
	put_run(&m->leaf[p.leaf], i, r, value);
	m->count++;
}

/* The runs of the leaf behind, under the same parent, if they fit in well. */
static void merge(struct rangemap *m, struct path *p)
{
	uint32_t level = m->levels - 1;
	struct range_leaf *l = &m->leaf[p->leaf], *right;

	if (p->slot[level] + 1 == m->inner[p->node[level]].count)
		return;
	right = &m->leaf[l->next];
	if (right->count > RUNS / 2)
		return;
	memcpy(&l->run[l->count], right->run, right->count * sizeof(l->run[0]));
	l->count += right->count;
	free_leaf(m, l->next);
	p->slot[level]++;
	drop_child(m, p, m->levels);
}

void tree_erase(struct rangemap *m, struct at a)
{
	struct path p;

	m->count--;
	if (m->levels)
		find_path(m, run_of(a)->r.start, &p);
	memmove(&a.l->run[a.i], &a.l->run[a.i + 1],
		(a.l->count - a.i - 1) * sizeof(a.l->run[0]));
	leaf_ends(a.l, a.l->count - 1);
	if (!m->levels)
		return;
	if (!a.l->count) {
		free_leaf(m, p.leaf);
		drop_child(m, &p, m->levels);
		return;
	}
	if (!a.i)
		set_key(m, &p, m->levels, a.l->run[0].r.start);
	if (a.l->count < RUNS / 4 + 1)
		merge(m, &p);
}
