/* See matrix.h. Draws are stateless, so the cells are the same in every run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "sim/base/rng.h"
#include "sim/tests/matrix.h"

const char *matrix_label(const struct policy_choice *c)
{
	static char text[512];
	size_t n = 0;

	for (int a = 0; a < AXIS_COUNT; a++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s=%s ",
				      axis_names[a], c->on[a]->name);
	return text;
}

const enum axis bound[BOUND_COUNT] = {
	AXIS_MM_LOCK, AXIS_VMA_LOCK_PLACE, AXIS_MUNMAP, AXIS_VMA_FREE,
	AXIS_FORK_COPY, AXIS_VMA_INDEX, AXIS_FAULT_SCOPE,
};

void matrix_init(struct matrix *m, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	m->seed = seed;
	for (int a = 0; a < AXIS_COUNT; a++) {
		m->names[a] = policy_names((enum axis)a, &m->count[a]);
		assert_true(m->count[a] <= VALUES_MAX);
		m->choice.on[a] = policy_find((enum axis)a, m->names[a][0]);
	}
}

void matrix_set(struct matrix *m, int a, size_t value)
{
	m->value[a] = value;
	m->choice.on[a] = policy_find((enum axis)a, m->names[a][value]);
}

/* Valid, and every axis that is inert at its first value? */
static bool distinct(struct matrix *m, bool *valid)
{
	struct errbuf why = { 0 };
	uint64_t inert;

	*valid = !policy_check(&m->choice, &why);
	if (!*valid) {
		if (m->refuse)
			m->refuse(m, why.text);
		return false;
	}
	inert = policy_inert(&m->choice);
	for (int a = 0; a < AXIS_COUNT; a++)
		if ((inert & AXIS_BIT(a)) && m->value[a])
			return false;
	return true;
}

/* Every combination of the bound axes; the others take their values in turn. */
static void combine(struct matrix *m, size_t i, void (*cell)(struct matrix *))
{
	bool valid;

	if (i < BOUND_COUNT) {
		for (size_t v = 0; v < m->count[bound[i]]; v++) {
			matrix_set(m, bound[i], v);
			combine(m, i + 1, cell);
		}
		return;
	}
	if (distinct(m, &valid)) {
		for (int a = 0; a < AXIS_COUNT; a++) {
			bool is_bound = false;

			for (i = 0; i < BOUND_COUNT; i++)
				is_bound |= (int)bound[i] == a;
			if (!is_bound)
				matrix_set(m, a, (m->valid + (unsigned)a) %
					  m->count[a]);
		}
		cell(m);
	}
	m->valid += valid;
	m->refused += !valid;
}

/* What pairs of values of two axes were met: in cells, and in any cell. */
struct pairs {
	bool met[AXIS_COUNT][VALUES_MAX][AXIS_COUNT][VALUES_MAX];
	unsigned left;
};

static unsigned new_pairs(const struct matrix *m, struct pairs *p, bool mark)
{
	unsigned n = 0;

	for (int a = 0; a < AXIS_COUNT; a++)
		for (int b = a + 1; b < AXIS_COUNT; b++) {
			bool *met = &p->met[a][m->value[a]][b][m->value[b]];

			n += !*met;
			if (mark)
				*met = true;
		}
	return n;
}

void matrix_random(struct matrix *m, uint64_t n)
{
	bool valid;

	for (uint64_t try = 0;; try++) {
		for (int a = 0; a < AXIS_COUNT; a++)
			matrix_set(m, a, draw(n, (uint32_t)a, DRAW_TEST, try) %
				  m->count[a]);
		if (distinct(m, &valid))
			return;
	}
}

void matrix_cover(struct matrix *m, void (*cell)(struct matrix *))
{
	static struct pairs all, done;
	unsigned want = 0, have = 0;

	memset(&all, 0, sizeof(all));
	memset(&done, 0, sizeof(done));
	for (uint64_t n = 0; n < 4000; n++) {
		matrix_random(m, n);
		want += new_pairs(m, &all, true);
	}
	for (uint64_t n = 0; have < want; n += 60) {
		uint64_t best = n;
		unsigned most = 0;

		assert_true(n < 60000);
		for (uint64_t i = n; i < n + 60; i++) {
			unsigned got;

			matrix_random(m, i % 4000);
			got = new_pairs(m, &done, false);
			if (got > most) {
				most = got;
				best = i;
			}
		}
		if (!most)
			continue;
		matrix_random(m, best % 4000);
		have += new_pairs(m, &done, true);
		cell(m);
	}
}

void matrix_all(struct matrix *m, void (*cell)(struct matrix *))
{
	combine(m, 0, cell);
}
