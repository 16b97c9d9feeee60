/*
 * Runs the program under test as users do, and reads what it took: CPU time
 * and peak memory from the kernel's account of the process and its children,
 * counts from the result folder.
 */
#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sim/base/file.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "sim/tests/bench/program.h"

extern char **environ;

static double wall_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

/* What a command that failed complained about. */
static void repeat(FILE *complaints, const char *command)
{
	char buf[4096];
	size_t n;

	fprintf(stderr, "bench: %s failed:\n", command);
	rewind(complaints);
	while ((n = fread(buf, 1, sizeof(buf), complaints)))
		fwrite(buf, 1, n, stderr);
}

int run_words(struct cost *cost, const char *fmt, ...)
{
	char text[4096], line[4096], *word[WORDS_MAX + 1], *save = NULL;
	posix_spawn_file_actions_t files;
	FILE *complaints = tmpfile();
	struct rusage used;
	int n = 0, status;
	va_list ap;
	pid_t pid;

	if (!complaints)
		bench_die("no temporary file");

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(line, text, sizeof(line));
	for (char *w = strtok_r(text, " ", &save); w && n < WORDS_MAX;
	     w = strtok_r(NULL, " ", &save))
		word[n++] = w;
	word[n] = NULL;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, fileno(complaints), 2);
	cost->wall_s = wall_s();
	if (posix_spawnp(&pid, word[0], &files, NULL, word, environ))
		bench_die("%s: cannot be run", word[0]);
	posix_spawn_file_actions_destroy(&files);
	if (wait4(pid, &status, 0, &used) != pid)
		bench_die("%s: lost", word[0]);
	cost->wall_s = wall_s() - cost->wall_s;
	cost->cpu_s = seconds(used.ru_utime) + seconds(used.ru_stime);
	cost->peak_mib = (double)used.ru_maxrss / 1024;
	if (status)
		repeat(complaints, line);
	fclose(complaints);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

char *generate(struct bench *b, const char *words)
{
	char *path = xasprintf("%s/%s.mmt", b->dir, words);
	struct stat made, program;
	struct cost cost;

	for (char *c = path + strlen(b->dir) + 1; *c; c++)
		if (*c == ' ' || *c == '=')
			*c = '-';
	if (!stat(path, &made) && !stat(b->program, &program) &&
	    made.st_mtime >= program.st_mtime)
		return path;
	if (!run_words(&cost, "%s generate %s -o %s", b->program, words, path))
		return path;
	b->broken++;
	free(path);
	return NULL;
}

static json_t *read_json(const char *folder, const char *name)
{
	struct errbuf e = { 0 };
	char *path = xasprintf("%s/%s", folder, name);
	json_t *root = json_read(path, &e);

	if (!root)
		bench_die("%s", e.text);
	free(path);
	return root;
}

static double number(json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

/* Calls that fail cost less than those meant: such a replay is no figure. */
static bool astray(json_t *cell, const char *what)
{
	json_t *warning;
	size_t i;

	json_array_foreach(json_object_get(cell, "warnings"), i, warning) {
		const char *text = json_string_value(warning);

		if (!strstr(text, "hit no area") &&
		    !strstr(text, "failed in the replay"))
			continue;
		fprintf(stderr, "bench: %s: %s\n", what, text);
		return true;
	}
	return false;
}

bool replay(struct bench *b, const char *trace, const char *sets,
	    struct outcome *out)
{
	char *folder = xasprintf("%s/run.%d", b->dir, (int)getpid());
	json_t *results, *host, *cell, *run;
	struct cost ignored;
	bool good;

	if (run_words(&out->cost, "%s run %s -o %s -q --jobs 1 %s", b->program,
		      trace, folder, sets)) {
		run_words(&ignored, "rm -rf %s", folder);
		free(folder);
		b->broken++;
		return false;
	}
	results = read_json(folder, "results.json");
	host = read_json(folder, "host.json");
	cell = json_array_get(json_object_get(results, "cells"), 0);
	run = json_object_get(cell, "run");
	out->ops = number(run, "ops");
	out->contacts = number(run, "contacts");
	out->events = number(json_object_get(json_object_get(host, "cells"),
			     json_string_value(json_object_get(cell, "id"))),
			     "events");
	good = !astray(cell, trace);
	b->broken += !good;
	json_decref(results);
	json_decref(host);
	run_words(&ignored, "rm -rf %s", folder);
	free(folder);
	if (!(out->ops > 0))
		bench_die("run %s %s: no ops", trace, sets);
	return good;
}
