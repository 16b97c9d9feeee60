#ifndef MMREPLAY_ANALYSIS_TABLE_H
#define MMREPLAY_ANALYSIS_TABLE_H

#include "analysis/analysis.h"
#include "analysis/stats.h"
#include "analysis/text.h"

/*
 * The side-by-side table before it is text: measures down, groups across.
 * Text, CSV, JSON, Markdown and HTML print this one model, so that they
 * cannot disagree.
 */

enum section {
	SECTION_RUN, SECTION_LATENCY, SECTION_LOCKS, SECTION_BLAME,
	SECTION_FAULT, SECTION_HOLD, SECTION_HOLD_VA, SECTION_RCU, SECTION_CPU,
	SECTION_DISTORTION, SECTION_COST, SECTION_OTHER,
	SECTION_COUNT
};

extern const char *const section_titles[SECTION_COUNT];

enum better { BETTER_NONE, BETTER_LOWER, BETTER_HIGHER };

/**
 * struct measure - one row
 * @path: where the number is in a cell (result_number())
 * @name: for people; belongs to the row above where @indent is deeper
 * @group: of a blame pair: its lock, whose row stands above; else NULL
 * @plain: a property of the replay, not an outcome: no change is printed
 */
struct measure {
	char *path, *name, *group;
	enum section section;
	enum unit unit;
	enum better better;
	unsigned indent;
	bool plain;
};

struct measure_list {
	struct measure *m;
	uint32_t count, room;
	uint32_t elided[SECTION_COUNT];	/* left out of the usual selection */
};

/** measures_usual() - what matters, in that order */
void measures_usual(const struct result_set *s, struct measure_list *l);

/** measures_named() - every number at or below the given paths; "all": every one */
int measures_named(const struct result_set *s, const char *const *paths,
		   uint32_t count, struct measure_list *l, struct errbuf *e);
void measures_release(struct measure_list *l);

/**
 * struct entry - one measure of one group
 * @change: against the group's baseline; pairs 0 if there is none
 * @relative: change.mean over the baseline's mean; only if @has_relative
 * @half_relative: the half width on the same scale
 * @assumed: costs could undo it: a sensitivity study says so, or, without one,
 *	assumed costs are a larger share of simulated time than the change
 */
struct entry {
	bool present, integral, compared, has_relative, assumed;
	struct sample value;
	struct change change;
	double base_mean, relative, half_relative;
	int verdict;		/* of a marked change: +1 better, -1 worse */
};

/**
 * struct table - @order: groups as columns, block by block, baseline first
 * entries are [measure * group_count + group]
 */
struct table {
	const struct result_set *set;
	struct measure_list measures;
	uint32_t *order;
	struct entry *entries;
};

int table_build(struct table *t, const struct result_set *s,
		const struct compare_options *o, struct errbuf *e);
void table_release(struct table *t);

static inline const struct entry *table_entry(const struct table *t,
					      uint32_t measure, uint32_t group)
{
	return &t->entries[(size_t)measure * t->set->group_count + group];
}

/** group_mean() - mean of a path over the group's replicates; false if absent */
bool group_mean(const struct result_set *s, uint32_t group, const char *path,
		double *mean);

/** entry_change() - "-9.0±0.4%*", "+12% exact*", "same", "x12±1*" */
void entry_change(struct text *out, const struct entry *e);
/** entry_change_short() - the same without %, for a column that says so */
void entry_change_short(struct text *out, const struct entry *e);

/** entry_spread() - spread of a group's own values: "±0.6%", "exact" or "" */
void entry_spread(struct text *out, const struct entry *e);

/** conclusion_holds() - no cost, alone or with all others, undoes it (study_conclusion()) */
bool conclusion_holds(const json_t *conclusion);

/** put_field() - the text that @o has under @key, clean; "?" if none */
void put_field(struct text *out, const json_t *o, const char *key);

/** conclusion_words() - "flips with KEY above V (now ..)", or over what it holds */
void conclusion_words(struct text *out, const json_t *conclusion);

enum { ASSUMED_SHOWN = 3 };
/** assumed_heaviest() - those of a cell's "costs" that came to most; how many */
uint32_t assumed_heaviest(const json_t *costs, const char *key[ASSUMED_SHOWN]);

/** assumed_words() - the assumed costs that a cell paid most for; nothing if none */
void assumed_words(struct text *out, const json_t *cell);

/**
 * assumed_report() - what a result rests on, or nothing if no assumed cost was paid
 * "assumed costs, 17 % of the time: .., all at their low or high ends: -5 to +9 %
 * of the time; flip points: mmreplay sensitivity @input". The two ends are of
 * first order: what was charged, without queueing.
 */
void assumed_report(struct text *out, const json_t *cell, const char *input);

/** table_summary() - which policy, why and how sure: plain lines, or none */
void table_summary(struct text *out, const struct table *t);

/* The words around the table, shared by all forms of it (notes.c). */

/** note_title() - scenario; note_block() - trace, machine, params of a block */
void note_block(struct text *out, const struct result_set *s, uint32_t block,
		enum text_form form);

/** note_differs() - how a group's policies differ from its baseline's */
void note_differs(struct text *out, const struct result_set *s, uint32_t group,
		  enum text_form form);

/**
 * struct note - something a reader must know, and which columns it is about
 */
struct note {
	char *text;		/* cleaned for its form */
	uint32_t *groups, group_count;
};

struct note_list {
	struct note *n;
	uint32_t count, room;
};

/** notes_collect() - warnings, failures, hung tasks, lost events, assumed costs */
void notes_collect(const struct result_set *s, enum text_form form,
		   struct note_list *l);
void notes_release(struct note_list *l);

int compare_text(const struct table *t, const struct compare_options *o,
		 FILE *out);
int compare_csv(const struct table *t, FILE *out);
int compare_json(const struct table *t, FILE *out);
int compare_markdown(const struct table *t, FILE *out);

#endif
