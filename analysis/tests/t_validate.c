/*
 * Pins the scorer of published results: skill, median and signs of hand-made
 * points against numbers worked out here, who is asked for which target, and
 * that predicting no change meets none, where a sign flips. Does not pin how values are found in a
 * folder: t_validate.sh runs one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/validate.h"

/* Three points: x2, x1.5 and x0.8. */
static json_t *published(const char *class, int noise_pct)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:i,s:[{s:i,s:f,s:f},{s:i,s:f,s:f},{s:i,s:f,s:f}]}",
			 "result", "r", "family", class, "class", class,
			 "quantity", "q", "noise_pct", noise_pct, "points",
			 "x", 1, "before", 10.0, "after", 20.0,
			 "x", 2, "before", 10.0, "after", 15.0,
			 "x", 3, "before", 10.0, "after", 8.0);
}

static void add(struct validation *v, const char *class, int noise_pct,
		const double *effects)
{
	json_t *o = published(class, noise_pct);
	struct errbuf e = { 0 };

	assert_int_equal(validation_add(v, NULL, o, true, &e), 0);
	for (int i = 0; effects && i < 3; i++) {
		struct vpoint *p = &v->results[v->count - 1].points[i];

		p->effect_predicted = effects[i];
		p->sign_right = p->effect_published * effects[i] > 0;
	}
	json_decref(o);
}

static void t_skill_is_the_sum_of_errors(void **state)
{
	/* off by 0.1, 0.2 and 0.4 */
	const double said[] = { log(2) - 0.1, log(1.5) + 0.2, log(0.8) + 0.4 };
	double whole = log(2) + log(1.5) - log(0.8);
	struct validation v = { 0 };

	(void)state;
	validation_reserve(&v, 1);
	add(&v, "prediction", 10, said);
	validation_score(&v);
	assert_int_equal(v.family_count, 1);
	assert_int_equal(v.families[0].points, 3);
	assert_true(fabs(v.families[0].skill - (1 - 0.7 / whole)) < 1e-12);
	assert_true(fabs(v.families[0].median_pct - 50) < 1e-9);
	/* all three exceed 0.2; the last has the wrong sign */
	assert_int_equal(v.families[0].strong, 3);
	assert_int_equal(v.families[0].sign_right, 2);
	assert_int_equal(v.families[0].skill_target, TARGET_MISSED);
	assert_int_equal(v.families[0].sign_target, TARGET_MISSED);
	validation_release(&v);
}

static void t_right_predictions_meet_both_targets(void **state)
{
	const double said[] = { log(2), log(1.4), log(0.9) };
	struct validation v = { 0 };

	(void)state;
	validation_reserve(&v, 1);
	add(&v, "prediction", 10, said);
	validation_score(&v);
	assert_int_equal(v.families[0].skill_target, TARGET_MET);
	assert_int_equal(v.families[0].sign_target, TARGET_MET);
	assert_int_equal(validation_met(&v), 2);
	assert_int_equal(validation_missed(&v), 0);
	validation_release(&v);
}

static void t_noise_and_class_decide_what_is_asked(void **state)
{
	const double said[] = { log(2), log(1.4), 0.1 };
	struct validation v = { 0 };

	(void)state;
	validation_reserve(&v, 3);
	add(&v, "prediction", 12, said);	/* log 0.8 is within 2 x 12 % */
	add(&v, "fitted", 10, said);
	add(&v, "sign-only", 40, said);
	validation_score(&v);
	assert_int_equal(v.family_count, 3);
	assert_int_equal(v.families[0].sign_target, TARGET_MET);
	assert_int_equal(v.families[1].skill_target, TARGET_NONE);
	assert_int_equal(v.families[1].sign_target, TARGET_NONE);
	assert_int_equal(v.families[2].skill_target, TARGET_NONE);
	assert_int_equal(v.families[2].strong, 0);
	validation_release(&v);
}

static void t_null_predictor_meets_no_target(void **state)
{
	struct validation v = { 0 };

	(void)state;
	validation_reserve(&v, 2);
	add(&v, "prediction", 10, NULL);
	add(&v, "sign-only", 10, NULL);
	validation_score(&v);
	assert_true(fabs(v.families[0].skill) < 1e-12);
	assert_int_equal(v.families[0].sign_right, 0);
	assert_int_equal(validation_met(&v), 0);
	assert_int_equal(validation_missed(&v), 3);
	validation_release(&v);
}

/* From +x2 at 100 to -20 % at 60: a straight line crosses 0 at 69.74; a weak
 * point asks for no sign, and an end where the cost is already has no effects. */
static void t_sign_flips_between_where_it_is_and_an_end(void **state)
{
	const double said[] = { log(2), log(1.5), log(0.8) };
	double low[] = { log(0.8), log(1.1), log(0.9) };
	char *text = NULL;
	size_t bytes = 0;
	struct validation v = { 0 };
	struct vresult *r;
	json_t *o, *flips;
	FILE *out;

	(void)state;
	validation_reserve(&v, 1);
	add(&v, "prediction", 10, said);
	r = &v.results[0];
	r->swings[0] = (struct vswing){ .cost = "a_ns", .value = 100,
					.end = { 60, 100 }, .effect = { low } };
	r->swing_count = 1;
	o = swings_json(r);
	flips = json_object_get(json_array_get(o, 0), "flips");
	assert_int_equal(json_array_size(flips), 1);
	assert_true(fabs(json_number_value(json_object_get(json_array_get(
		flips, 0), "at")) - (100 - 40 * log(2) / (log(2) - log(0.8)))) <
		    1e-9);
	assert_int_equal(json_array_size(json_object_get(json_array_get(o, 0),
							 "ends")), 1);
	json_decref(o);
	out = open_memstream(&text, &bytes);
	swings_text(r, out);
	fclose(out);
	assert_non_null(strstr(text, "a_ns                         60  -20.0 %  +10.0 %  -10.0 %"));
	assert_non_null(strstr(text, "the sign flips with a_ns below about 70"));
	free(text);
	r->points[0].strong = false;
	o = swings_json(r);
	assert_int_equal(json_array_size(json_object_get(json_array_get(o, 0),
							 "flips")), 0);
	json_decref(o);
	r->swing_count = 0;
	validation_release(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_skill_is_the_sum_of_errors),
		cmocka_unit_test(t_right_predictions_meet_both_targets),
		cmocka_unit_test(t_noise_and_class_decide_what_is_asked),
		cmocka_unit_test(t_null_predictor_meets_no_target),
		cmocka_unit_test(t_sign_flips_between_where_it_is_and_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
