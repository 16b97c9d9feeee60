/*
 * The HTML report: one file that needs nothing else. Foreign text is escaped
 * wherever it stands; pictures are SVG inside data URLs of <img>, where a
 * browser runs no script; a content policy forbids any request. Warnings come
 * before the first number.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analysis/report.h"
#include "sim/base/file.h"
#include "sim/base/mem.h"

static const size_t file_most = (size_t)64 << 20;

static void base64(FILE *out, const char *data, size_t bytes)
{
	static const char digit[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)data;

	for (size_t i = 0; i < bytes; i += 3) {
		size_t left = bytes - i;
		unsigned v = (unsigned)p[i] << 16 |
			     (left > 1 ? (unsigned)p[i + 1] << 8 : 0) |
			     (left > 2 ? p[i + 2] : 0);

		fputc(digit[v >> 18 & 63], out);
		fputc(digit[v >> 12 & 63], out);
		fputc(left > 1 ? digit[v >> 6 & 63] : '=', out);
		fputc(left > 2 ? digit[v & 63] : '=', out);
	}
}

static void head(FILE *out, const struct result_set *s)
{
	const char *program = json_string_value(
		json_object_get(s->heads[0], "program"));
	const char *model = json_string_value(
		json_object_get(s->heads[0], "model_id"));

	fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
	      "base-uri 'none'; form-action 'none'\">\n<title>", out);
	report_html(out, s->scenario);
	fprintf(out, " - mmreplay</title>\n<style>\n%s</style>\n</head>\n<body>\n",
		report_style);
	fputs("<a class=\"skip\" href=\"#measures\">Skip to the table</a>\n"
	      "<header>\n<h1>", out);
	report_html(out, s->scenario);
	fputs("</h1>\n<p class=\"dim\">", out);
	report_html(out, program ? program : "mmreplay");
	fputs(", model <code>", out);
	report_html(out, model ? model : "unknown");
	fputs("</code></p>\n<nav aria-label=\"Parts of this page\">"
	      "<a href=\"#policies\">Policies</a><a href=\"#pictures\">Pictures</a>"
	      "<a href=\"#measures\">All measures</a><a href=\"#axes\">Axes</a>"
	      "<a href=\"#scenario\">Scenario and machine</a><a href=\"#cells\">Cells</a>"
	      "</nav>\n</header>\n<main>\n", out);
}

static void put_columns(FILE *out, const struct table *t, const struct note *n)
{
	if (n->group_count == t->set->group_count)
		return;
	for (uint32_t k = 0; k < t->set->group_count; k++)
		for (uint32_t i = 0; i < n->group_count; i++)
			if (n->groups[i] == t->order[k])
				fprintf(out, "[%u] ", k + 1);
}

static void warnings(FILE *out, const struct table *t)
{
	struct note_list l = { 0 };

	notes_collect(t->set, TEXT_HTML, &l);
	if (l.count) {
		fprintf(out, "<section class=\"warn\" aria-labelledby=\"warnings\">\n"
			"<h2 id=\"warnings\">Read first: %u warning%s</h2>\n<ul>\n",
			l.count, l.count == 1 ? "" : "s");
		for (uint32_t i = 0; i < l.count; i++) {
			fputs("<li>", out);
			put_columns(out, t, &l.n[i]);
			fprintf(out, "%s</li>\n", l.n[i].text);
		}
		fputs("</ul>\n</section>\n", out);
	}
	notes_release(&l);
}

static void summary(FILE *out, const struct table *t)
{
	struct text s = { 0 };
	char *save = NULL;

	table_summary(&s, t);
	if (s.len) {
		fputs("<div class=\"short\">\n", out);
		for (char *line = strtok_r(s.s, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save)) {
			fputs("<p>", out);
			report_html(out, line);
			fputs("</p>\n", out);
		}
		fputs("</div>\n", out);
	}
	text_release(&s);
}

static void legend(FILE *out)
{
	fputs("<p class=\"dim\">Below a value of the baseline stands its replay spread (standard "
	      "deviation over replicates); below the others the change against the baseline: mean "
	      "of paired differences &#177; half of its 95&nbsp;% interval (replay spread, Student "
	      "t, at least 3 replicates; with fewer no spread is claimed). * exceeds the replay "
	      "spread. ? assumed costs could undo it. <em>exact</em>: zero variance. -: absent. "
	      "Point at a value for its exact number. Headings sort.</p>\n", out);
}

static void picture(FILE *out, const char *dir, const struct plot_info *p,
		    bool *any)
{
	char *path = xasprintf("%s/plots/%s.svg", dir, p->name), *svg;
	struct errbuf e = { 0 };
	size_t bytes;

	if (!access(path, R_OK) && !file_read(path, file_most, &svg, &bytes, &e)) {
		fprintf(out, "<figure id=\"plot-%s\"><div class=\"scroll\" tabindex=\"0\"><img alt=\"", p->name);
		report_html(out, p->title);
		fputs("\" src=\"data:image/svg+xml;base64,", out);
		base64(out, svg, bytes);
		fputs("\"></div><figcaption>", out);
		report_html(out, p->title);
		fprintf(out, " <span class=\"dim\">(plots/%s.png, .svg, .gp, .dat)</span>"
			"</figcaption></figure>\n", p->name);
		free(svg);
		*any = true;
	}
	free(path);
}

static void pictures(FILE *out, const char *dir)
{
	const struct plot_info *p;
	bool any = false;

	fputs("<section aria-labelledby=\"pictures\"><h2 id=\"pictures\">Pictures</h2>\n",
	      out);
	for (unsigned i = 0; (p = plot_at(i)); i++)
		picture(out, dir, p, &any);
	if (!any)
		fputs("<p>No pictures: <code>mmreplay plot</code> draws them, with gnuplot.</p>\n",
		      out);
	fputs("</section>\n", out);
}

static void file_text(FILE *out, const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name), *text;
	struct errbuf e = { 0 };
	char *save = NULL;
	size_t bytes;

	if (!access(path, R_OK) && !file_read(path, file_most, &text, &bytes, &e)) {
		fprintf(out, "<details open><summary>%s</summary>\n<pre tabindex=\"0\">",
			name);
		for (char *line = strtok_r(text, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save)) {
			report_html(out, line);
			fputc('\n', out);
		}
		fputs("</pre></details>\n", out);
		free(text);
	}
	free(path);
}

static void reference(FILE *out, const struct result_set *s)
{
	const char *source = json_string_value(
		json_object_get(s->reference, "source"));
	const char *kind = json_string_value(json_object_get(s->reference, "kind"));

	if (!s->reference)
		return;
	fputs("<p>Reference (", out);
	report_html(out, kind ? kind : "unknown kind");
	fputs("): ", out);
	report_html(out, source ? source : "no source named");
	fputs("</p>\n", out);
}

static void scenario(FILE *out, const struct result_set *s, const char *dir)
{
	fputs("<section aria-labelledby=\"scenario\"><h2 id=\"scenario\">Scenario and machine</h2>\n",
	      out);
	reference(out, s);
	fputs("<p>The resolved scenario, every default written out, with the machine's costs and "
	      "their sources as the run had them.</p>\n", out);
	file_text(out, dir, "scenario.yaml");
	fputs("</section>\n", out);
}

static void cells(FILE *out, const struct result_set *s)
{
	fputs("<section aria-labelledby=\"cells\"><h2 id=\"cells\">Cells</h2>\n"
	      "<details><summary>Where every number comes from: one file a cell</summary>\n"
	      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Cells\"><table>\n"
	      "<thead><tr><th scope=\"col\">label</th><th scope=\"col\">replicate</th>"
	      "<th scope=\"col\">file</th><th scope=\"col\">failed</th></tr></thead>\n<tbody>\n", out);
	for (uint32_t i = 0; i < s->cell_count; i++) {
		const struct result_cell *c = &s->cells[i];

		fputs("<tr><td>", out);
		report_html(out, c->label);
		fprintf(out, "</td><td>%llu</td><td>cells/",
			(unsigned long long)c->replicate);
		report_html(out, c->id);
		fputs(".json</td><td>", out);
		report_html(out, c->failure ? c->failure : c->failed ? "yes" : "");
		fputs("</td></tr>\n", out);
	}
	fputs("</tbody></table></div></details></section>\n", out);
}

int report_write(const struct result_set *s, const char *dir, FILE *out,
		 struct errbuf *e)
{
	struct compare_options o = { 0 };
	struct table t;
	int err = table_build(&t, s, &o, e);

	if (err)
		return err;
	head(out, s);
	warnings(out, &t);
	summary(out, &t);
	fputs("<section aria-labelledby=\"policies\"><h2 id=\"policies\">Policies</h2>\n", out);
	report_policies(out, &t);
	legend(out);
	fputs("</section>\n", out);
	pictures(out, dir);
	fputs("<section aria-labelledby=\"measures\"><h2 id=\"measures\">All measures, side by side</h2>\n",
	      out);
	report_measures(out, &t);
	fputs("</section>\n<section aria-labelledby=\"axes\"><h2 id=\"axes\">Policy on each axis</h2>\n",
	      out);
	report_axes(out, &t);
	fputs("</section>\n", out);
	scenario(out, s, dir);
	cells(out, s);
	fprintf(out, "</main>\n<script>\n%s</script>\n</body>\n</html>\n",
		report_script);
	table_release(&t);
	return err_stream(e, out, "report");
}
