/*
 * The table for a terminal. Column widths follow the contents; as many
 * policies as fit stand beside the baseline, the rest in further parts that
 * repeat it. Nothing foreign reaches the terminal uncleaned, and colour is
 * only ever added around finished cells, so widths hold with and without it.
 */
#include <stdlib.h>
#include <string.h>
#include "analysis/table.h"
#include "sim/base/mem.h"

enum { LABEL_LINES = 4, PART_MOST = 8, NAME_MOST = 28, NAME_LEAST = 20, PATH_MOST = 60, GAP = 1,
       LABEL_MIN = 9 };

/** struct cells - the finished strings of one column: value and what is right of it */
struct cells {
	struct text *value, *extra;
	size_t value_width, extra_width;
};

struct page {
	const struct table *t;
	FILE *out;
	bool colour, spreads;	/* spreads of the baseline's own values */
	size_t columns, name_width, blanks;	/* blanks not yet printed */
	struct cells *column;	/* by position in t->order */
	char **name;
};

static const char *paint(struct page *p, const char *code)
{
	return p->colour ? code : "";
}

/* Blanks wait for text behind them, so that no line ends in any; colour codes
 * do not count as text. */
static void pad(struct page *p, size_t n)
{
	p->blanks += n;
}

static void say(struct page *p, const char *s)
{
	if (!*s)
		return;
	fprintf(p->out, "%*s%s", (int)p->blanks, "", s);
	p->blanks = 0;
}

static void end_line(struct page *p)
{
	p->blanks = 0;
	fputc('\n', p->out);
}

static void right(struct page *p, const char *s, size_t width)
{
	size_t w = text_width(s);

	pad(p, width > w ? width - w : 0);
	say(p, s);
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void fill_column(struct page *p, uint32_t column)
{
	const struct table *t = p->t;
	struct cells *c = &p->column[column];
	uint32_t g = t->order[column];

	c->value = xcalloc(t->measures.count + 1, sizeof(*c->value));
	c->extra = xcalloc(t->measures.count + 1, sizeof(*c->extra));
	for (uint32_t i = 0; i < t->measures.count; i++) {
		const struct entry *e = table_entry(t, i, g);

		if (e->present)
			text_value(&c->value[i], e->value.mean,
				   t->measures.m[i].unit);
		else
			text_put(&c->value[i], "-");
		if (t->set->groups[g].base != g)
			entry_change_short(&c->extra[i], e);
		else if (p->spreads && !t->measures.m[i].plain)
			entry_spread(&c->extra[i], e);
		c->value_width = larger(c->value_width,
					text_width(text_str(&c->value[i])));
		c->extra_width = larger(c->extra_width,
					text_width(text_str(&c->extra[i])));
	}
}

static void fill_names(struct page *p)
{
	const struct table *t = p->t;

	p->name = xcalloc(t->measures.count + 1, sizeof(*p->name));
	for (uint32_t i = 0; i < t->measures.count; i++) {
		const struct measure *m = &t->measures.m[i];
		struct text s = { 0 };

		text_put(&s, m->indent ? "  " : " ");
		text_clean(&s, m->name, TEXT_PLAIN);
		p->name[i] = s.s;
	}
}

/* The widest name that is at most @cap; longer ones get a line of their own. */
static size_t name_width(struct page *p, size_t cap)
{
	size_t most = 0;

	for (uint32_t i = 0; i < p->t->measures.count; i++) {
		size_t w = text_width(p->name[i]);

		if (w <= cap)
			most = larger(most, w);
	}
	return most;
}

static size_t column_width(struct page *p, uint32_t column)
{
	const struct cells *c = &p->column[column];
	size_t extra = c->extra_width ? c->extra_width + 1 : 0;

	return larger(c->value_width + extra, LABEL_MIN);
}

static void put_wrapped(FILE *out, const char *s, size_t width)
{
	bool first = true;

	while (*s) {
		size_t most = text_bytes(s, width - 2), cut = most;

		while (s[most] && cut > 0 && s[cut] != ' ')
			cut--;
		cut = cut ? cut : most;
		fprintf(out, "%s%.*s\n", first ? "" : "  ", (int)cut, s);
		s += cut;
		while (*s == ' ')
			s++;
		first = false;
	}
}

/* The columns of one part: @first, then from @at on what fits. */
static uint32_t take(struct page *p, uint32_t first, uint32_t *at,
		     uint32_t end, uint32_t show[PART_MOST])
{
	size_t used = p->name_width + GAP + column_width(p, first);
	uint32_t n = 0;

	show[n++] = first;
	while (*at < end && n < PART_MOST) {
		size_t w = GAP + column_width(p, *at);

		if (used + w > p->columns && n > 1)
			break;
		used += w;
		show[n++] = (*at)++;
	}
	return n;
}

/* Where the block of column @k ends. */
static uint32_t block_end(struct page *p, uint32_t k)
{
	const struct result_set *s = p->t->set;
	uint32_t end = k;

	while (end < s->group_count && s->groups[p->t->order[end]].block ==
					       s->groups[p->t->order[k]].block)
		end++;
	return end;
}

static uint32_t parts(struct page *p)
{
	uint32_t show[PART_MOST], n = 0;

	for (uint32_t k = 0; k < p->t->set->group_count; k = block_end(p, k)) {
		uint32_t at = k + 1, end = block_end(p, k);

		do {
			take(p, k, &at, end, show);
			n++;
		} while (at < end);
	}
	return n;
}

/* Give up room for long names where that saves whole parts. */
static void fit_names(struct page *p)
{
	bool paths = p->t->measures.count &&
		     p->t->measures.m[0].section == SECTION_OTHER;
	size_t best = name_width(p, paths ? PATH_MOST : NAME_MOST);
	uint32_t least;

	p->name_width = best;
	least = parts(p);
	if (paths)
		return;
	for (size_t cap = NAME_MOST; cap >= NAME_LEAST; cap--) {
		uint32_t n;

		p->name_width = name_width(p, cap);
		n = parts(p);
		if (n < least) {
			least = n;
			best = p->name_width;
		}
	}
	p->name_width = best;
}

/* Cut @s into lines of @width, at blanks and commas where there are any. */
static uint32_t wrap(const char *s, size_t width, const char *from[LABEL_LINES],
		     size_t bytes[LABEL_LINES])
{
	uint32_t n = 0;

	while (*s && n < LABEL_LINES) {
		size_t most = text_bytes(s, width), cut = most;

		if (s[most]) {
			while (cut > 0 && !strchr(" ,;=+/", s[cut - 1]))
				cut--;
			cut = cut ? cut : most;
		}
		from[n] = s;
		bytes[n] = cut;
		while (bytes[n] && from[n][bytes[n] - 1] == ' ')
			bytes[n]--;
		s += cut;
		n++;
		while (*s == ' ')
			s++;
	}
	if (*s && n)	/* more than fits: say so */
		bytes[n - 1] |= (size_t)1 << 62;
	return n;
}

/* One line of a label, right-aligned; a cut label ends in an ellipsis. */
static void label_line(struct page *p, const char *s, size_t bytes,
		       size_t width)
{
	bool more = bytes & (size_t)1 << 62;
	char *line;

	bytes &= ~((size_t)1 << 62);
	line = xasprintf("%.*s", (int)bytes, s);
	if (more)
		line[text_bytes(line, text_width(line) - 1)] = '\0';
	pad(p, width - text_width(line) - more);
	say(p, line);
	say(p, more ? "\u2026" : "");
	free(line);
}

/* The first column's label may reach over the names, where nothing stands. */
static size_t label_width(struct page *p, const uint32_t *show,
			  uint32_t k)
{
	size_t w = column_width(p, show[k]);

	return k ? w : p->name_width + GAP + w;
}

static void heading(struct page *p, const uint32_t *show, uint32_t n)
{
	const char *from[PART_MOST][LABEL_LINES];
	size_t bytes[PART_MOST][LABEL_LINES];
	uint32_t lines[PART_MOST], most = 0;
	struct text label[PART_MOST] = { 0 };

	for (uint32_t k = 0; k < n; k++) {
		uint32_t g = p->t->order[show[k]];

		text_add(&label[k], "[%u] ", show[k] + 1);
		text_clean(&label[k], p->t->set->groups[g].name, TEXT_PLAIN);
		lines[k] = wrap(text_str(&label[k]), label_width(p, show, k),
				from[k], bytes[k]);
		most = lines[k] > most ? lines[k] : most;
	}
	for (uint32_t i = 0; i < most; i++) {
		fputs(paint(p, "\033[1m"), p->out);
		for (uint32_t k = 0; k < n; k++) {
			uint32_t skip = most - lines[k];
			size_t width = label_width(p, show, k);

			pad(p, k ? GAP : 0);
			if (i < skip)
				pad(p, width);
			else
				label_line(p, from[k][i - skip],
					   bytes[k][i - skip], width);
		}
		fputs(paint(p, "\033[0m"), p->out);
		end_line(p);
	}
	for (uint32_t k = 0; k < n; k++)
		text_release(&label[k]);
}

static void cell(struct page *p, uint32_t row, uint32_t column)
{
	const struct cells *c = &p->column[column];
	const struct entry *e = table_entry(p->t, row, p->t->order[column]);
	size_t extra = c->extra_width ? c->extra_width + 1 : 0;
	const char *colour = e->verdict > 0 ? "\033[32m" :
			     e->verdict < 0 ? "\033[31m" : "";

	pad(p, GAP);
	right(p, text_str(&c->value[row]), column_width(p, column) - extra);
	if (!extra)
		return;
	if (!c->extra[row].len) {
		pad(p, extra);
		return;
	}
	pad(p, extra - text_width(text_str(&c->extra[row])));
	fputs(paint(p, colour), p->out);
	say(p, text_str(&c->extra[row]));
	fputs(*colour ? paint(p, "\033[0m") : "", p->out);
}

static void section_title(struct page *p, uint32_t row)
{
	enum section s = p->t->measures.m[row].section;
	uint32_t elided = p->t->measures.elided[s];

	fprintf(p->out, "%s%s%s", paint(p, "\033[1m"), section_titles[s],
		paint(p, "\033[0m"));
	if (elided)
		fprintf(p->out, " (%u smaller not shown; --metric shows any)",
			elided);
	fputc('\n', p->out);
}

/* What stands beside the values, over them. */
static void subheading(struct page *p, const uint32_t *show, uint32_t n)
{
	const struct result_set *s = p->t->set;

	pad(p, p->name_width);
	for (uint32_t k = 0; k < n; k++) {
		uint32_t g = p->t->order[show[k]];
		const char *what = s->groups[g].base == g ? "baseline" :
				   p->column[show[k]].extra_width > 7 ?
				   "change %" : "";

		pad(p, GAP);
		right(p, what, column_width(p, show[k]));
	}
	end_line(p);
}

static void part(struct page *p, const uint32_t *show, uint32_t n)
{
	const struct measure *m = p->t->measures.m;

	heading(p, show, n);
	subheading(p, show, n);
	for (uint32_t i = 0; i < p->t->measures.count; i++) {
		size_t w = text_width(p->name[i]);

		if (!i || m[i].section != m[i - 1].section)
			section_title(p, i);
		say(p, p->name[i]);
		if (w > p->name_width) {
			end_line(p);
			w = 0;
		}
		pad(p, p->name_width - w);
		for (uint32_t k = 0; k < n; k++)
			cell(p, i, show[k]);
		end_line(p);
	}
}

/* All parts of one block; its first column is repeated in each of them. */
static void block(struct page *p, uint32_t first, uint32_t end)
{
	uint32_t at = first + 1;
	bool more = false;

	do {
		uint32_t show[PART_MOST];
		uint32_t n = take(p, first, &at, end, show);

		if (more)
			fputc('\n', p->out);
		part(p, show, n);
		more = true;
	} while (at < end);
}

static void block_title(struct page *p, uint32_t b)
{
	struct text s = { 0 };

	note_block(&s, p->t->set, b, TEXT_PLAIN);
	fputc('\n', p->out);
	put_wrapped(p->out, text_str(&s), p->columns);
	fputc('\n', p->out);
	text_release(&s);
}

static void title(struct page *p)
{
	struct text s = { 0 };

	text_clean(&s, p->t->set->scenario, TEXT_PLAIN);
	fprintf(p->out, "%s%s%s\n", paint(p, "\033[1m"), text_str(&s),
		paint(p, "\033[0m"));
	text_release(&s);
}

static uint32_t most_pairs(const struct table *t)
{
	uint32_t most = 0;

	for (size_t i = 0; i < (size_t)t->measures.count * t->set->group_count; i++)
		if (t->entries[i].change.pairs > most)
			most = t->entries[i].change.pairs;
	return most;
}

static void legend(struct page *p)
{
	uint32_t pairs = most_pairs(p->t);
	struct text s = { 0 };

	if (p->spreads)
		text_put(&s, "Beside a baseline value: its replay spread, the standard deviation over replicates. ");
	if (pairs >= PAIRS_MIN)
		text_add(&s, "Beside a value: the change against the baseline, mean of paired differences, \u00b1 half of its 95 %% interval (replay spread, Student t, %u pairs). * exceeds the replay spread. ? assumed costs could undo it. exact: zero variance. ",
			 pairs);
	else if (pairs)
		text_add(&s, "Beside a value: the change against the baseline. %u replicate%s: no spread claimed, no change marked. ? assumed costs could undo it. ",
			 pairs, pairs == 1 ? "" : "s");
	text_put(&s, "-: absent. Lower is better but for throughput.");
	fputc('\n', p->out);
	put_wrapped(p->out, s.s, p->columns);
	text_release(&s);
}

/* Equal but for blanks and commas: saying it twice helps nobody. */
static bool same_words(const char *a, const char *b)
{
	for (;;) {
		a += strspn(a, " ,");
		b += strspn(b, " ,");
		if (*a != *b)
			return false;
		if (!*a)
			return true;
		a++;
		b++;
	}
}

static void legend_columns(struct page *p)
{
	const struct result_set *s = p->t->set;

	for (uint32_t k = 0; k < s->group_count; k++) {
		struct text line = { 0 }, differs = { 0 };
		uint32_t g = p->t->order[k];

		text_add(&line, "[%u] ", k + 1);
		text_clean(&line, s->groups[g].label, TEXT_PLAIN);
		if (s->groups[g].base == g)
			text_put(&line, " (baseline)");
		note_differs(&differs, s, g, TEXT_PLAIN);
		if (differs.len && !same_words(text_str(&differs),
					       s->groups[g].label))
			text_add(&line, ": %s", text_str(&differs));
		put_wrapped(p->out, text_str(&line), p->columns);
		text_release(&differs);
		text_release(&line);
	}
}

static void warnings(struct page *p)
{
	struct note_list notes = { 0 };

	notes_collect(p->t->set, TEXT_PLAIN, &notes);
	if (notes.count)
		fprintf(p->out, "\n%sWarnings%s\n", paint(p, "\033[1;33m"),
			paint(p, "\033[0m"));
	for (uint32_t i = 0; i < notes.count; i++) {
		const struct note *n = &notes.n[i];
		struct text line = { 0 };

		text_put(&line, "! ");
		if (n->group_count < p->t->set->group_count)
			for (uint32_t k = 0; k < p->t->set->group_count; k++)
				for (uint32_t j = 0; j < n->group_count; j++)
					if (n->groups[j] == p->t->order[k])
						text_add(&line, "[%u] ", k + 1);
		text_put(&line, n->text);
		put_wrapped(p->out, text_str(&line), p->columns);
		text_release(&line);
	}
	notes_release(&notes);
}

static void summary(struct page *p)
{
	struct text s = { 0 };
	char *save = NULL;

	table_summary(&s, p->t);
	if (s.len) {
		fprintf(p->out, "\n%sIn short%s\n", paint(p, "\033[1m"),
			paint(p, "\033[0m"));
		for (char *line = strtok_r(s.s, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save))
			put_wrapped(p->out, line, p->columns);
	}
	text_release(&s);
}

static void page_release(struct page *p)
{
	for (uint32_t i = 0; i < p->t->measures.count; i++)
		free(p->name[i]);
	for (uint32_t k = 0; k < p->t->set->group_count; k++) {
		for (uint32_t i = 0; i < p->t->measures.count; i++) {
			text_release(&p->column[k].value[i]);
			text_release(&p->column[k].extra[i]);
		}
		free(p->column[k].value);
		free(p->column[k].extra);
	}
	free(p->name);
	free(p->column);
}

int compare_text(const struct table *t, const struct compare_options *o,
		 FILE *out)
{
	const struct result_set *s = t->set;
	struct page p = { .t = t, .out = out, .colour = o->colour,
			  .columns = o->columns ? o->columns : 100,
			  .spreads = s->group_count < 3 };

	p.column = xcalloc(s->group_count, sizeof(*p.column));
	fill_names(&p);
	for (uint32_t k = 0; k < s->group_count; k++)
		fill_column(&p, k);
	fit_names(&p);
	title(&p);
	summary(&p);
	for (uint32_t k = 0; k < s->group_count;) {
		uint32_t end = block_end(&p, k);

		block_title(&p, s->groups[t->order[k]].block);
		block(&p, k, end);
		k = end;
	}
	legend(&p);
	legend_columns(&p);
	warnings(&p);
	page_release(&p);
	return 0;
}
