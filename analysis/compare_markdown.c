/*
 * The table as Markdown (the GitHub flavour of tables): a table per block,
 * change in brackets behind the value, foreign text escaped.
 */
#include <string.h>
#include "analysis/table.h"

static void header(const struct table *t, uint32_t first, uint32_t end,
		   FILE *out)
{
	struct text line = { 0 };

	text_put(&line, "| |");
	for (uint32_t k = first; k < end; k++) {
		uint32_t g = t->order[k];

		text_add(&line, " \\[%u\\] ", k + 1);
		text_clean(&line, t->set->groups[g].label, TEXT_MARKDOWN);
		text_put(&line, t->set->groups[g].base == g ? " (baseline) |" :
							      " |");
	}
	text_put(&line, "\n| --- |");
	for (uint32_t k = first; k < end; k++)
		text_put(&line, " ---: |");
	fprintf(out, "%s\n", text_str(&line));
	text_release(&line);
}

static void put_entry(struct text *line, const struct table *t, uint32_t row,
		      uint32_t group)
{
	const struct measure *m = &t->measures.m[row];
	const struct entry *e = table_entry(t, row, group);
	struct text extra = { 0 };

	if (!e->present) {
		text_put(line, " - |");
		return;
	}
	text_put(line, " ");
	text_value(line, e->value.mean, m->unit);
	if (t->set->groups[group].base == group && !m->plain)
		entry_spread(&extra, e);
	else
		entry_change(&extra, e);
	if (extra.len) {
		text_put(line, " (");
		text_clean(line, text_str(&extra), TEXT_MARKDOWN);
		text_put(line, ")");
	}
	text_put(line, " |");
	text_release(&extra);
}

static void row(const struct table *t, uint32_t i, uint32_t first, uint32_t end,
		FILE *out)
{
	const struct measure *m = &t->measures.m[i];
	struct text line = { 0 };

	if (!i || m->section != m[-1].section) {
		text_add(&line, "| **%s** |", section_titles[m->section]);
		for (uint32_t k = first; k < end; k++)
			text_put(&line, " |");
		text_put(&line, "\n");
	}
	text_put(&line, m->indent ? "| &nbsp;&nbsp;" : "| ");
	text_clean(&line, m->name, TEXT_MARKDOWN);
	text_put(&line, " |");
	for (uint32_t k = first; k < end; k++)
		put_entry(&line, t, i, t->order[k]);
	fprintf(out, "%s\n", text_str(&line));
	text_release(&line);
}

static void notes(const struct table *t, FILE *out)
{
	struct note_list l = { 0 };

	notes_collect(t->set, TEXT_MARKDOWN, &l);
	if (l.count)
		fputs("\n**Warnings**\n\n", out);
	for (uint32_t i = 0; i < l.count; i++) {
		struct text line = { 0 };

		if (l.n[i].group_count < t->set->group_count)
			for (uint32_t k = 0; k < t->set->group_count; k++)
				for (uint32_t j = 0; j < l.n[i].group_count; j++)
					if (l.n[i].groups[j] == t->order[k])
						text_add(&line, "\\[%u\\] ", k + 1);
		fprintf(out, "- %s%s\n", text_str(&line), l.n[i].text);
		text_release(&line);
	}
	notes_release(&l);
}

static void summary(const struct table *t, FILE *out)
{
	struct text s = { 0 };
	char *save = NULL;

	table_summary(&s, t);
	if (s.len)
		fputc('\n', out);
	for (char *line = s.len ? strtok_r(s.s, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		struct text clean = { 0 };

		text_clean(&clean, line, TEXT_MARKDOWN);
		fprintf(out, "- %s\n", text_str(&clean));
		text_release(&clean);
	}
	text_release(&s);
}

int compare_markdown(const struct table *t, FILE *out)
{
	const struct result_set *s = t->set;
	struct text line = { 0 };

	text_put(&line, "### ");
	text_clean(&line, s->scenario, TEXT_MARKDOWN);
	fprintf(out, "%s\n", text_str(&line));
	text_clear(&line);
	summary(t, out);
	for (uint32_t k = 0; k < s->group_count;) {
		uint32_t b = s->groups[t->order[k]].block, end = k;

		while (end < s->group_count &&
		       s->groups[t->order[end]].block == b)
			end++;
		text_put(&line, "\n");
		note_block(&line, s, b, TEXT_MARKDOWN);
		fprintf(out, "%s\n\n", text_str(&line));
		text_clear(&line);
		header(t, k, end, out);
		for (uint32_t i = 0; i < t->measures.count; i++)
			row(t, i, k, end, out);
		k = end;
	}
	fputs("\nIn brackets: the replay spread of the baseline's own value; for the others the "
	      "change, with half of the 95 % interval of its paired differences (Student t) "
	      "where there are at least 3 replicates. \\* exceeds the replay spread; ? assumed "
	      "costs could undo it.\n", out);
	notes(t, out);
	text_release(&line);
	return 0;
}
