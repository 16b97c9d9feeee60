/*
 * Range map: an AVL tree of disjoint runs in the order of their start.
 * Invariants: runs do not overlap and are not empty; neighbours that touch
 * have different values; the heights of two siblings differ by at most one.
 * So depth is at most 1.44 log2(runs), whatever addresses a trace brings, and
 * a path fits a fixed array.
 *
 * Nodes are indices into one array with a free list: compact, and no
 * allocation when warm. Node 0 is the empty tree, and closes the ring of runs
 * in order of their start: prev and next find a neighbour without a descent.
 *
 * Hints. Who touches pages one after the other asks for the same run, or its
 * neighbour, again and again. A map of more than a few runs notes, by address,
 * the run that a descent found last, in a table that grows with it. A hint is
 * only where to look first: what it names is checked, so it may be stale. A free
 * node is empty and has no neighbours, so it never passes.
 */
#include <stdlib.h>
#include "sim/base/errbuf.h"
#include "sim/base/mem.h"
#include "sim/base/rangemap.h"

enum {
	LEFT, RIGHT, MAX_DEPTH = 48,	/* 1.44 * 32 bits of index, and some */
#ifdef MMREPLAY_TEST
	HINT_FROM = 2, HINT_SHIFT = 3,	/* so that short maps have several */
#else
	HINT_FROM = 64, HINT_SHIFT = 16,
#endif
	HINTS_A_RUN = 4, HINT_BITS_MAX = 18,
};

struct range_node {
	uint64_t start, end, value;
	uint32_t child[2];
	uint32_t prev, next;
	uint8_t height;
};

/* The links from the root to a node: each is the index of a parent and a side. */
struct path {
	unsigned int depth;
	uint32_t node[MAX_DEPTH];
	uint8_t side[MAX_DEPTH];
};

/* HINTS_A_RUN for each run, and again when those are twice as many. */
static __attribute__((noinline)) void more_hints(struct rangemap *m)
{
	uint32_t bits = 64 - (uint32_t)__builtin_clzll(m->count * HINTS_A_RUN);

	m->hint_from = m->count * 2;
	if (bits > HINT_BITS_MAX) {
		bits = HINT_BITS_MAX;
		m->hint_from = SIZE_MAX;
	}
	free(m->hint);
	m->hint = xcalloc((size_t)1 << bits, sizeof(*m->hint));
	m->hint_shift = 64 - bits;
}

/* A new node between @prev and @next. */
static uint32_t new_node(struct rangemap *m, struct range r, uint64_t value,
			 uint32_t prev, uint32_t next)
{
	uint32_t i = m->free_list;

	if (i) {
		m->free_list = m->nodes[i].child[LEFT];
	} else {
		if (m->used == m->capacity) {
			BUG_ON(m->capacity > UINT32_MAX / 2);
			m->capacity = m->capacity ? m->capacity * 2 : 8;
			m->nodes = xrealloc(m->nodes, m->capacity,
					    sizeof(*m->nodes));
		}
		if (!m->used)
			m->nodes[m->used++] = (struct range_node){ 0 };
		i = m->used++;
	}
	m->nodes[i] = (struct range_node){ .start = r.start, .end = r.end,
					   .value = value, .height = 1,
					   .prev = prev, .next = next };
	m->nodes[prev].next = m->nodes[next].prev = i;
	if (++m->count >= HINT_FROM && m->count >= m->hint_from)
		more_hints(m);
	return i;
}

static void free_node(struct rangemap *m, uint32_t i)
{
	struct range_node *n = &m->nodes[i];

	m->nodes[n->prev].next = n->next;
	m->nodes[n->next].prev = n->prev;
	*n = (struct range_node){ .child = { m->free_list } };
	m->free_list = i;
	m->count--;
}

static void set_height(struct range_node *nodes, uint32_t i)
{
	uint8_t l = nodes[nodes[i].child[LEFT]].height;
	uint8_t r = nodes[nodes[i].child[RIGHT]].height;

	nodes[i].height = (uint8_t)((l > r ? l : r) + 1);
}

/* Lifts the child of @i opposite to @side; returns the new top. */
static uint32_t rotate(struct range_node *nodes, uint32_t i, int side)
{
	uint32_t top = nodes[i].child[!side];

	nodes[i].child[!side] = nodes[top].child[side];
	nodes[top].child[side] = i;
	set_height(nodes, i);
	set_height(nodes, top);
	return top;
}

/* Restores the height rule at @i, whose children obey it; returns the top. */
static uint32_t balance(struct range_node *nodes, uint32_t i)
{
	int l = nodes[nodes[i].child[LEFT]].height;
	int r = nodes[nodes[i].child[RIGHT]].height;
	int heavy = l > r ? LEFT : RIGHT;
	uint32_t c;

	if (l - r >= -1 && l - r <= 1) {
		set_height(nodes, i);
		return i;
	}
	c = nodes[i].child[heavy];
	if (nodes[nodes[c].child[!heavy]].height >
	    nodes[nodes[c].child[heavy]].height)
		nodes[i].child[heavy] = rotate(nodes, c, heavy);
	return rotate(nodes, i, !heavy);
}

static void set_link(struct rangemap *m, const struct path *p,
		     unsigned int depth, uint32_t to)
{
	if (depth)
		m->nodes[p->node[depth - 1]].child[p->side[depth - 1]] = to;
	else
		m->root = to;
}

/* Walks up from the bottom of @p until a subtree is as high as it was. */
static void rebalance(struct rangemap *m, const struct path *p)
{
	for (unsigned int d = p->depth; d > 0; d--) {
		uint32_t i = p->node[d - 1];
		uint8_t before = m->nodes[i].height;
		uint32_t top = balance(m->nodes, i);

		if (top == i && m->nodes[i].height == before)
			return;
		set_link(m, p, d - 1, top);
	}
}

static void step(struct path *p, uint32_t node, int side)
{
	p->node[p->depth] = node;
	p->side[p->depth++] = (uint8_t)side;
}

static void insert(struct rangemap *m, struct range r, uint64_t value)
{
	struct path p = { 0 };
	uint32_t i = m->root, near[2] = { 0, 0 };	/* neighbours */

	while (i) {
		int side = r.start < m->nodes[i].start ? LEFT : RIGHT;

		step(&p, i, side);
		near[!side] = i;
		i = m->nodes[i].child[side];
	}
	i = new_node(m, r, value, near[LEFT], near[RIGHT]);
	set_link(m, &p, p.depth, i);
	rebalance(m, &p);
}

/* Removes the run that starts at @start; it must exist. */
static void erase(struct rangemap *m, uint64_t start)
{
	struct range_node *nodes = m->nodes;
	struct path p = { 0 };
	uint32_t i = m->root, next;

	while (nodes[i].start != start) {
		int side = start < nodes[i].start ? LEFT : RIGHT;

		step(&p, i, side);
		i = nodes[i].child[side];
	}
	if (nodes[i].child[LEFT] && nodes[i].child[RIGHT]) {
		/* take the contents of the next run and remove that node */
		step(&p, i, RIGHT);
		next = nodes[i].child[RIGHT];
		while (nodes[next].child[LEFT]) {
			step(&p, next, LEFT);
			next = nodes[next].child[LEFT];
		}
		nodes[i].start = nodes[next].start;
		nodes[i].end = nodes[next].end;
		nodes[i].value = nodes[next].value;
		i = next;
	}
	set_link(m, &p, p.depth,
		 nodes[i].child[nodes[i].child[LEFT] ? LEFT : RIGHT]);
	free_node(m, i);
	rebalance(m, &p);
}

static struct range_node *descend(const struct rangemap *m, uint64_t addr)
{
	struct range_node *found = NULL;
	uint32_t i = m->root;

	while (i) {
		struct range_node *n = &m->nodes[i];

		if (n->end > addr) {
			found = n;
			if (n->start <= addr)
				break;
			i = n->child[LEFT];
		} else {
			i = n->child[RIGHT];
		}
	}
	return found;
}

/* First run that ends after @addr, or NULL. Valid until the next change. */
static inline struct range_node *first_after(const struct rangemap *m,
					     uint64_t addr)
{
	struct range_node *n, *found;
	uint32_t *hint;

	if (!m->hint)
		return descend(m, addr);
	hint = &m->hint[(addr >> HINT_SHIFT) * 0x9e3779b97f4a7c15u >>
			m->hint_shift];
	n = &m->nodes[*hint];
	if (n->end > addr && (n->start <= addr || m->nodes[n->prev].end <= addr))
		return n;
	found = &m->nodes[n->next];
	if (n->end <= addr && found->end > addr && n->end)
		return found;
	found = descend(m, addr);
	*hint = found ? (uint32_t)(found - m->nodes) : 0;
	return found;
}

void rangemap_clear(struct rangemap *m, struct range r)
{
	struct range_node *n;

	if (r.start >= r.end)
		return;
	while ((n = first_after(m, r.start)) && n->start < r.end) {
		uint64_t end = n->end, value = n->value;

		if (n->start < r.start) {
			n->end = r.start;
			if (end > r.end)
				insert(m, (struct range){ r.end, end }, value);
		} else if (end > r.end) {
			n->start = r.end;
		} else {
			erase(m, n->start);
		}
		if (end >= r.end)
			return;
	}
}

static bool joins(const struct range_node *left,
		  const struct range_node *right)
{
	return left->end == right->start && left->value == right->value;
}

/* @r lies between @prev and @next (node 0: there is none) and in neither. */
static void fill_gap(struct rangemap *m, struct range r, uint64_t value,
		     struct range_node *prev, struct range_node *next)
{
	struct range_node run = { .start = r.start, .end = r.end,
				  .value = value };
	bool left = prev != m->nodes && joins(prev, &run);
	bool right = next != m->nodes && joins(&run, next);

	if (left && right) {
		run.end = next->end;
		erase(m, next->start);
		first_after(m, r.start - 1)->end = run.end;
	} else if (left) {
		prev->end = r.end;
	} else if (right) {
		next->start = r.start;
	} else {
		insert(m, r, value);
	}
}

/* Usual: the edge between two runs moves, or a run as a whole changes. */
static bool move_edge(struct rangemap *m, struct range r, uint64_t value,
		      struct range_node *n)
{
	struct range_node *prev = &m->nodes[n->prev];
	struct range_node *next = &m->nodes[n->next];
	bool left = prev != m->nodes && prev->end == r.start &&
		    prev->value == value;
	bool right = next != m->nodes && next->start == r.end &&
		     next->value == value;

	if (n->start == r.start && n->end == r.end && !left && !right)
		n->value = value;
	else if (n->start == r.start && n->end > r.end && left)
		prev->end = n->start = r.end;
	else if (n->end == r.end && n->start < r.start && right)
		next->start = n->end = r.start;
	else
		return false;
	return true;
}

void rangemap_set(struct rangemap *m, struct range r, uint64_t value)
{
	struct range_node *n;

	if (r.start >= r.end)
		return;
	n = first_after(m, r.start);
	if (n && n->start <= r.start && n->value == value) {
		if (n->end >= r.end)
			return;
		r.start = n->end;
		n = n->next ? &m->nodes[n->next] : NULL;
	}
	if (n && n->start < r.end) {
		if (move_edge(m, r, value, n))
			return;
		rangemap_clear(m, r);
		n = first_after(m, r.start);
	}
	if (!m->nodes)
		insert(m, r, value);
	else if (n)
		fill_gap(m, r, value, &m->nodes[n->prev], n);
	else
		fill_gap(m, r, value, &m->nodes[m->nodes[0].prev], m->nodes);
}

/* Usual: the run in front of @r grows. A free node is empty: it starts nowhere. */
static inline bool grow(struct rangemap *m, struct range_node *n,
			struct range r, uint64_t value)
{
	if (n->end != r.start || n->start >= r.start || n->value != value ||
	    (n->next && m->nodes[n->next].start <= r.end))
		return false;
	n->end = r.end;
	return true;
}

/* Where @near does not say. */
static __attribute__((noinline)) bool touch(struct rangemap *m, struct range r,
					    uint64_t value, uint64_t *old,
					    uint32_t *near)
{
	struct range_node *n = first_after(m, r.start);

	if (n && n->start <= r.start) {
		*near = (uint32_t)(n - m->nodes);
		*old = n->value;
		if (n->value != value)
			rangemap_set(m, r, value);
		return true;
	}
	if (m->nodes) {
		*near = n ? n->prev : m->nodes[0].prev;
		if (grow(m, &m->nodes[*near], r, value))
			return false;
	}
	rangemap_set(m, r, value);
	return false;
}

bool rangemap_touch(struct rangemap *m, struct range r, uint64_t value,
		    uint64_t *old, uint32_t *near)
{
	struct range_node *n;

	if (*near >= m->used)
		return touch(m, r, value, old, near);
	n = &m->nodes[*near];
	if (grow(m, n, r, value))
		return false;
	if (n->start > r.start || n->end <= r.start)
		return touch(m, r, value, old, near);
	*old = n->value;
	if (n->value != value)
		rangemap_set(m, r, value);
	return true;
}

bool rangemap_next(const struct rangemap *m, uint64_t addr,
		   struct range_run *out)
{
	const struct range_node *n = first_after(m, addr);

	if (!n)
		return false;
	*out = (struct range_run){ { n->start, n->end }, n->value };
	return true;
}

bool rangemap_find(const struct rangemap *m, uint64_t addr,
		   struct range_run *out)
{
	const struct range_node *n = first_after(m, addr);

	if (!n || n->start > addr)
		return false;
	*out = (struct range_run){ { n->start, n->end }, n->value };
	return true;
}

bool rangemap_find_near(const struct rangemap *m, uint64_t addr,
			struct range_run *out, uint32_t *near)
{
	const struct range_node *n = &m->nodes[*near < m->used ? *near : 0];

	if (!m->nodes || addr < n->start || addr >= n->end) {
		n = first_after(m, addr);
		if (!n || n->start > addr)
			return false;
		*near = (uint32_t)(n - m->nodes);
	}
	*out = (struct range_run){ { n->start, n->end }, n->value };
	return true;
}

uint64_t rangemap_bytes(const struct rangemap *m, struct range r)
{
	uint32_t stack[MAX_DEPTH];
	unsigned int depth = 0;
	uint64_t bytes = 0;
	uint32_t i = m->root;

	/* in order, leaving out what lies wholly on one side of @r */
	while (i || depth) {
		const struct range_node *n;

		if (i) {
			n = &m->nodes[i];
			stack[depth++] = i;
			i = n->start > r.start ? n->child[LEFT] : 0;
			continue;
		}
		n = &m->nodes[stack[--depth]];
		if (n->start >= r.end)
			break;
		if (n->end > r.start)
			bytes += (n->end < r.end ? n->end : r.end) -
				 (n->start > r.start ? n->start : r.start);
		i = n->end < r.end ? n->child[RIGHT] : 0;
	}
	return bytes;
}

void rangemap_release(struct rangemap *m)
{
	free(m->nodes);
	free(m->hint);
	*m = (struct rangemap){ 0 };
}
