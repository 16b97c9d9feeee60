/*
 * plot: registry of plots, the common head of every script, and gnuplot.
 *
 * A picture is made in a folder of its own in $TMPDIR and then copied, file by
 * file, so RESULTS/plots/ never holds half a picture, nor what a plot that was
 * killed has left. Scripts name their files without
 * a path: whoever edits NAME.gp runs `gnuplot NAME.gp` beside it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "analysis/plots/plot.h"
#include "sim/base/file.h"
#include "sim/base/mem.h"

static const struct plot *const plots[] = {
#define PLOT(id) &plot_##id,
#include "analysis/plots/plots.def"
#undef PLOT
};

enum { PLOT_COUNT = sizeof(plots) / sizeof(plots[0]), HEADING_COLUMNS = 56,
       PICTURE_BYTES_MOST = 1 << 30 };

const struct plot_info *plot_at(unsigned n)
{
	return n < PLOT_COUNT ? &plots[n]->info : NULL;
}

/* Scenario and title, cut to what fits on one line of the picture. */
static void put_heading(struct text *out, const struct plot_job *job)
{
	struct text s = { 0 };

	text_clean(&s, job->set->scenario, TEXT_GNUPLOT);
	if (text_width(text_str(&s)) > HEADING_COLUMNS) {
		text_putn(out, s.s, text_bytes(s.s, HEADING_COLUMNS - 1));
		text_put(out, "\u2026");
	} else {
		text_put(out, text_str(&s));
	}
	text_add(out, ": %s", job->title);
	if (job->left_out)
		text_add(out, " (%u more not drawn)", job->left_out);
	text_release(&s);
}

/* The head of every script: fonts, grid, borders; then the picture, per form. */
static void script(struct text *out, const struct plot_job *job)
{
	text_add(out,
		 "# %s: %s\n"
		 "# Draw again with: gnuplot %s.gp (in this folder)\n"
		 "reset session\nset encoding utf8\nset datafile separator '\\t'\n"
		 "font = 'DejaVu Sans,10'\nheading = ",
		 job->name, job->title, job->name);
	text_put(out, "'");
	put_heading(out, job);
	text_put(out, "'\n");
	text_put(out,
		 "set border 3 lc rgb '#555555' lw 1\nset tics nomirror out scale 0.5 textcolor rgb '#333333'\n"
		 "set grid back lt 1 lc rgb '#e2e2e2' lw 1\nset title textcolor rgb '#111111'\n"
		 "set xlabel textcolor rgb '#333333'\nset ylabel textcolor rgb '#333333'\n"
		 "set key textcolor rgb '#222222'\n"
		 "do for [form in 'png svg'] {\n");
	text_add(out,
		 "if (form eq 'png') { set terminal pngcairo noenhanced size %u,%u font font background rgb 'white' }\n"
		 "if (form eq 'svg') { set terminal svg noenhanced size %u,%u dynamic font 'sans-serif,10' fontscale 1.25 background rgb 'white' }\n"
		 "set output '%s.'.form\n",
		 job->width, job->height, job->width, job->height,
		 job->name);
	text_put(out, text_str(&job->gp));
	if (strstr(text_str(&job->gp), "set multiplot"))
		text_put(out, "unset multiplot\n");
	text_put(out, "unset output\n}\n");
}

static int put_file(const char *dir, const char *name, const char *ext,
		    const struct text *content, struct errbuf *e)
{
	char *path = xasprintf("%s/%s.%s", dir, name, ext);
	struct atomic_file a;
	int err = atomic_open(&a, path, e);

	if (!err) {
		fwrite(text_str(content), 1, content->len, a.f);
		err = atomic_commit(&a, e);
	}
	free(path);
	return err;
}

/* gnuplot in @dir; its messages go to `messages` there. */
static int run_gnuplot(const char *dir, const char *name, struct errbuf *e)
{
	char *script_name = xasprintf("%s.gp", name);
	int status = 0;
	pid_t pid = fork();

	if (pid < 0) {
		free(script_name);
		return err_set(e, -errno, "gnuplot: fork: %s", strerror(errno));
	}
	if (!pid) {
		int fd = -1;

		if (!chdir(dir))
			fd = open("messages", O_WRONLY | O_CREAT | O_TRUNC, 0666);
		if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
			_exit(126);
		unsetenv("GNUTERM");
		execlp("gnuplot", "gnuplot", "-d", script_name, (char *)NULL);
		_exit(127);
	}
	free(script_name);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(e, -ENOENT, "gnuplot: not found; install gnuplot-nox to draw plots");
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return err_set(e, -EINVAL, "%s: gnuplot failed; see %s/messages",
			       name, dir);
	return 0;
}

static void remove_work(const char *dir, const char *name)
{
	static const char *const ext[] = { "gp", "dat", "png", "svg" };
	char *path = xasprintf("%s/messages", dir);

	unlink(path);
	free(path);
	for (int i = 0; i < 4; i++) {
		path = xasprintf("%s/%s.%s", dir, name, ext[i]);
		unlink(path);
		free(path);
	}
	rmdir(dir);
}

static int copy_file(const char *from, const char *to, struct errbuf *e)
{
	char *bytes;
	size_t n;
	struct atomic_file a;
	int err = file_read(from, PICTURE_BYTES_MOST, &bytes, &n, e);

	if (err)
		return err;
	err = atomic_open(&a, to, e);
	if (!err) {
		fwrite(bytes, 1, n, a.f);
		err = atomic_commit(&a, e);
	}
	free(bytes);
	return err;
}

/* What the plot is made from, then the pictures, whose paths are printed. */
static int copy_all(const char *from, const char *to, const char *name,
		    FILE *out, struct errbuf *e)
{
	static const char *const ext[] = { "dat", "gp", "svg", "png" };
	int err = 0;

	for (int i = 0; i < 4 && !err; i++) {
		char *a = xasprintf("%s/%s.%s", from, name, ext[i]);
		char *b = xasprintf("%s/%s.%s", to, name, ext[i]);

		err = copy_file(a, b, e);
		if (!err && i >= 2)
			fprintf(out, "%s\n", b);
		free(a);
		free(b);
	}
	return err;
}

static int draw(struct plot_job *job, const char *dir, FILE *out,
		struct errbuf *e)
{
	char *work = xasprintf("%s/mmreplay-plot.XXXXXX", temp_folder());
	struct text gp = { 0 };
	int err = make_dirs(dir, e);

	if (!err && !mkdtemp(work))
		err = err_sys(e, work, "cannot make folder");
	script(&gp, job);
	if (!err)
		err = put_file(work, job->name, "gp", &gp, e);
	if (!err)
		err = put_file(work, job->name, "dat", &job->dat, e);
	if (!err)
		err = run_gnuplot(work, job->name, e);
	if (!err)
		err = copy_all(work, dir, job->name, out, e);
	if (err != -EINVAL)		/* then its messages are worth a look */
		remove_work(work, job->name);
	text_release(&gp);
	free(work);
	return err;
}

static bool wanted(const struct plot_options *o, const char *name)
{
	for (uint32_t i = 0; i < o->name_count; i++)
		if (!strcmp(o->names[i], name))
			return true;
	return !o->name_count;
}

static int check_names(const struct plot_options *o, struct errbuf *e)
{
	const char *names[PLOT_COUNT];

	for (uint32_t i = 0; i < PLOT_COUNT; i++)
		names[i] = plots[i]->info.name;
	for (uint32_t i = 0; i < o->name_count; i++) {
		bool known = false;

		for (uint32_t k = 0; k < PLOT_COUNT; k++)
			known |= !strcmp(names[k], o->names[i]);
		if (!known)
			return err_unknown(e, (struct loc){ 0 }, "plot",
					   o->names[i], names, PLOT_COUNT);
	}
	return 0;
}

int plot_write(const struct result_set *s, const struct plot_options *o,
	       FILE *out, struct errbuf *e)
{
	char *dir = xasprintf("%s/plots", o->dir);
	struct text undrawn = { 0 };
	int err = check_names(o, e);

	if (!err)
		err = make_dirs(dir, e);
	for (uint32_t i = 0; i < PLOT_COUNT && !err; i++) {
		const struct plot *p = plots[i];
		struct plot_job job = {
			.set = s, .name = p->info.name, .title = p->info.title,
		};

		if (!wanted(o, p->info.name))
			continue;
		p->build(&job);
		if (job.bad.code)
			err = err_set(e, job.bad.code, "%s", job.bad.text);
		else if (job.dat.len)
			err = draw(&job, dir, out, e);
		else if (o->words && o->name_count)
			fprintf(o->words, "%s: not drawn: %s\n", p->info.name,
				text_str(&job.why));
		else
			text_add(&undrawn, " %s", p->info.name);
		text_release(&job.dat);
		text_release(&job.gp);
		text_release(&job.why);
	}
	if (undrawn.len && o->words)
		fprintf(o->words, "not drawn for lack of data (name one to see why):%s\n",
			text_str(&undrawn));
	text_release(&undrawn);
	free(dir);
	return err;
}
