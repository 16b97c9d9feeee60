/*
 * Pins that a timeline is valid Chrome trace JSON: required fields by phase,
 * slices that nest on every track, async slices and arrows in pairs, times
 * that are those of the events. Does not pin the layout in a viewer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include "analysis/timeline.h"
#include "sim/base/mem.h"
#include "sim/base/rng.h"

#define HEAD "{\"events\":1,\"cell\":\"x\",\"label\":\"a \\u001b<b>\",\"start_ns\":1000,\"end_ns\":900000,\"cpus\":2}\n"
#define TASKS "{\"e\":\"task\",\"task\":0,\"pid\":7,\"tid\":7,\"comm\":\"main\"}\n" \
	"{\"e\":\"task\",\"task\":1,\"pid\":7,\"tid\":8,\"comm\":\"evil\\n\\\"<script>\"}\n" \
	"{\"e\":\"lock\",\"lock\":0,\"name\":\"mmap_lock\",\"of\":\"mm 1\"}\n" \
	"{\"e\":\"lock\",\"lock\":1,\"name\":\"vma_lock\"}\n"

/* The JSON of @events, or NULL and the message. */
static json_t *convert(const char *events, char *message)
{
	struct errbuf e = { 0 };
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	FILE *in = fmemopen((void *)(uintptr_t)events, strlen(events), "r");
	struct timeline t;
	json_t *root = NULL;
	json_error_t why;
	int err;

	assert_non_null(in);
	timeline_begin(&t, out);
	err = timeline_add(&t, in, "x.events", &e);
	if (!err)
		err = timeline_end(&t, &e);
	fclose(in);
	fclose(out);
	if (!err) {
		root = json_loads(text, 0, &why);
		if (!root)
			fail_msg("%s:\n%s", why.text, text);
	} else if (message) {
		snprintf(message, ERRBUF_BYTES, "%s", e.text);
	}
	free(text);
	return root;
}

static const json_t *events_of(const json_t *root)
{
	return json_object_get(root, "traceEvents");
}

static double number(const json_t *o, const char *key)
{
	assert_true(json_is_number(json_object_get(o, key)));
	return json_number_value(json_object_get(o, key));
}

static const char *phase(const json_t *o)
{
	const char *s = json_string_value(json_object_get(o, "ph"));

	return s ? s : "";
}

/* Slices of one track either nest or stand apart. */
static void check_nesting(const json_t *list)
{
	const json_t *a, *b;
	size_t i, k;

	json_array_foreach(list, i, a) {
		double from, to;

		if (strcmp(phase(a), "X"))
			continue;
		from = number(a, "ts");
		to = from + number(a, "dur");
		json_array_foreach(list, k, b) {
			double x, y;

			if (k <= i || strcmp(phase(b), "X") ||
			    number(a, "pid") != number(b, "pid") ||
			    number(a, "tid") != number(b, "tid"))
				continue;
			x = number(b, "ts");
			y = x + number(b, "dur");
			assert_true(y <= from + 1e-9 || x >= to - 1e-9 ||
				    (x >= from - 1e-9 && y <= to + 1e-9) ||
				    (x <= from + 1e-9 && y >= to - 1e-9));
		}
	}
}

/* Begin and end with one id are a pair, in order. */
static void check_pairs(const json_t *list, const char *begin, const char *end)
{
	const json_t *a, *b;
	size_t i, k;

	json_array_foreach(list, i, a) {
		uint32_t ends = 0;

		if (strcmp(phase(a), begin))
			continue;
		json_array_foreach(list, k, b) {
			if (strcmp(phase(b), end) ||
			    number(a, "id") != number(b, "id"))
				continue;
			ends++;
			assert_true(number(b, "ts") >= number(a, "ts"));
			assert_true(json_equal(json_object_get(a, "name"),
					       json_object_get(b, "name")));
			assert_true(json_equal(json_object_get(a, "cat"),
					       json_object_get(b, "cat")));
		}
		assert_int_equal(ends, 1);
	}
}

static void check_schema(const json_t *root)
{
	const json_t *list = events_of(root), *o;
	size_t i;

	assert_true(json_is_array(list));
	json_array_foreach(list, i, o) {
		const char *ph = phase(o);

		assert_true(strlen(ph) == 1 && strchr("MXbesfC", *ph));
		number(o, "pid");
		number(o, "tid");
		assert_true(number(o, "ts") >= 0);
		assert_true(*json_string_value(json_object_get(o, "name")));
		if (*ph == 'X')
			assert_true(number(o, "dur") >= 0);
		if (strchr("besf", *ph))
			assert_true(*json_string_value(json_object_get(o, "cat")));
		if (strchr("besf", *ph))
			number(o, "id");
		if (*ph == 'C')
			number(json_object_get(o, "args"), "value");
		if (*ph == 'M')
			assert_true(json_is_string(json_object_get(
				json_object_get(o, "args"), "name")));
	}
	check_nesting(list);
	check_pairs(list, "b", "e");
	check_pairs(list, "s", "f");
}

static const json_t *find(const json_t *list, const char *ph, const char *name)
{
	const json_t *o;
	size_t i;

	json_array_foreach(list, i, o)
		if (!strcmp(phase(o), ph) &&
		    !strcmp(json_string_value(json_object_get(o, "name")), name))
			return o;
	fail_msg("no %s %s", ph, name);
	return NULL;
}

/*
 * 0: munmap |--- hold W ---|            t in ns
 * 1:    fault |--- wait ---|-- hold R --|
 */
static void t_small(void **state)
{
	json_t *root = convert(HEAD TASKS
		"{\"t\":1000,\"e\":\"cpu\",\"cpu\":0,\"task\":0}\n"
		"{\"t\":2000,\"e\":\"op\",\"task\":0,\"op\":\"munmap\"}\n"
		"{\"t\":2500,\"e\":\"got\",\"task\":0,\"lock\":0,\"side\":\"write\"}\n"
		"{\"t\":3000,\"e\":\"op\",\"task\":1,\"op\":\"fault\"}\n"
		"{\"t\":3001,\"e\":\"wait\",\"task\":1,\"lock\":0,\"side\":\"read\"}\n"
		"{\"t\":9000,\"e\":\"free\",\"task\":0,\"lock\":0}\n"
		"{\"t\":9500,\"e\":\"got\",\"task\":1,\"lock\":0,\"side\":\"read\",\"from\":0}\n"
		"{\"t\":9600,\"e\":\"end\",\"task\":0}\n"
		"{\"t\":9700,\"e\":\"count\",\"name\":\"hold.vma\",\"value\":184}\n"
		"{\"t\":9800,\"e\":\"free\",\"task\":1,\"lock\":0}\n"
		"{\"t\":9900,\"e\":\"end\",\"task\":1}\n"
		"{\"t\":9950,\"e\":\"cpu\",\"cpu\":0}\n", NULL);
	const json_t *list = events_of(root), *o;

	(void)state;
	check_schema(root);
	o = find(list, "X", "munmap");
	assert_true(number(o, "ts") == 1 && number(o, "dur") == 7.6);
	o = find(list, "X", "wait mmap_lock, mm 1 (R)");
	assert_true(number(o, "ts") == 2.001 && number(o, "dur") == 6.499);
	o = find(list, "s", "waits for");
	assert_true(number(o, "ts") == 2.001 && number(o, "tid") == 8);
	o = find(list, "f", "waits for");
	assert_true(number(o, "ts") == 8 && number(o, "tid") == 7);
	o = find(list, "X", "task 7");
	assert_true(number(o, "dur") == 8.95);
	find(list, "M", "thread_name");
	json_decref(root);
}

/* What began before the window or is open at its end is cut there. */
static void t_window(void **state)
{
	json_t *root = convert(HEAD TASKS
		"{\"t\":5000,\"e\":\"free\",\"task\":0,\"lock\":0}\n"
		"{\"t\":6000,\"e\":\"end\",\"task\":0}\n"
		"{\"t\":7000,\"e\":\"op\",\"task\":1,\"op\":\"exit\"}\n"
		"{\"t\":7000,\"e\":\"got\",\"task\":1,\"lock\":0,\"side\":\"write\"}\n"
		"{\"t\":8000,\"e\":\"downgrade\",\"task\":1,\"lock\":0}\n"
		"{\"t\":8500,\"e\":\"wait\",\"task\":1,\"lock\":1,\"side\":\"read\"}\n",
		NULL);
	const json_t *list = events_of(root), *o;

	(void)state;
	check_schema(root);
	o = find(list, "X", "(began earlier)");
	assert_true(number(o, "ts") == 0 && number(o, "dur") == 5);
	o = find(list, "X", "exit");
	assert_true(number(o, "dur") == 893);
	o = find(list, "b", "exit (R) by 8");	/* the read half of the downgrade */
	assert_true(number(o, "ts") == 7);
	o = find(list, "X", "exit (W) by 8");
	assert_true(number(o, "ts") == 6 && number(o, "dur") == 1);
	find(list, "X", "wait vma_lock (R)");
	json_decref(root);
}

static void expect_error(const char *events, const char *want)
{
	char message[ERRBUF_BYTES] = "";
	json_t *root = convert(events, message);

	assert_null(root);
	if (!strstr(message, want))
		fail_msg("'%s' does not say '%s'", message, want);
}

static void t_errors(void **state)
{
	(void)state;
	expect_error("{}\n", "x.events:1: expected a head");
	expect_error("[1]\n", "x.events:1: expected a JSON object");
	expect_error(HEAD "{\"e\":\"op\",\"t\":2000,\"task\":0}\n",
		     "x.events:2: task was not declared");
	expect_error(HEAD TASKS "{\"t\":1,\"e\":\"end\",\"task\":0}\n",
		     "x.events:6: time goes backward");
	expect_error(HEAD TASKS "{\"t\":2000,\"e\":\"jump\",\"task\":0}\n",
		     "unknown kind");
	expect_error(HEAD TASKS "{\"t\":2000,\"e\":\"cpu\",\"cpu\":2,\"task\":0}\n",
		     "cpu out of range");
	expect_error(HEAD TASKS "{\"e\":\"task\",\"task\":99999999,\"pid\":1}\n",
		     "within limits");
	expect_error(HEAD TASKS "{\"t\":2000,\"e\":\"got\",\"task\":0,\"lock\":9}\n",
		     "lock was not declared");
	expect_error(HEAD "{\"t\":\n", "x.events:2:");
	expect_error(HEAD TASKS
		     "{\"t\":2000,\"e\":\"op\",\"task\":0,\"op\":\"a\"}\n"
		     "{\"t\":2000,\"e\":\"op\",\"task\":0,\"op\":\"a\"}\n",
		     "op begins inside another");
}

/* A random run of two tasks and two locks, always legal, always valid. */
static void t_random(void **state)
{
	(void)state;
	for (uint64_t round = 0; round < 40; round++) {
		bool in_op[2] = { 0 }, waits[2] = { 0 }, holds[2][2] = { { 0 } };
		char *text = NULL;
		size_t bytes;
		FILE *f = open_memstream(&text, &bytes);
		long long t = 1000;
		json_t *root;

		fputs(HEAD TASKS, f);
		for (uint64_t i = 0; i < 120; i++) {
			unsigned k = (unsigned)draw(round, i, DRAW_TEST, 0) & 1;
			unsigned lock = (unsigned)draw(round, i, DRAW_TEST, 1) & 1;

			t += (long long)draw_below(draw(round, i, DRAW_TEST, 2), 900);
			if (!in_op[k]) {
				fprintf(f, "{\"t\":%lld,\"e\":\"op\",\"task\":%u,\"op\":\"o\"}\n", t, k);
				in_op[k] = true;
			} else if (waits[k]) {
				lock = holds[k][0];
				fprintf(f, "{\"t\":%lld,\"e\":\"got\",\"task\":%u,\"lock\":%u,\"side\":\"read\",\"from\":%u}\n",
					t, k, lock, !k);
				waits[k] = false;
				holds[k][lock] = true;
			} else if (holds[k][lock]) {
				fprintf(f, "{\"t\":%lld,\"e\":\"free\",\"task\":%u,\"lock\":%u}\n", t, k, lock);
				holds[k][lock] = false;
			} else if (!holds[k][0] && !holds[k][1] && i % 5 == 0) {
				fprintf(f, "{\"t\":%lld,\"e\":\"end\",\"task\":%u}\n", t, k);
				in_op[k] = false;
			} else if (!holds[k][holds[k][0]]) {
				fprintf(f, "{\"t\":%lld,\"e\":\"wait\",\"task\":%u,\"lock\":%u,\"side\":\"read\"}\n",
					t, k, holds[k][0]);
				waits[k] = true;
			}
		}
		fclose(f);
		root = convert(text, NULL);
		check_schema(root);
		json_decref(root);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_small), cmocka_unit_test(t_window),
		cmocka_unit_test(t_errors), cmocka_unit_test(t_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
