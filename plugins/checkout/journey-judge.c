/*
 * journey-judge.c - one answer to one step: judged (answer.h), and when all is well, captured.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/checkout/journey.h"

void
step_judge(const struct step *s, const struct tw_answer *a, int64_t now_ms, struct values *values,
    struct verdict *v)
{
	json_t *root;

	answer_judge(&s->demands, a, now_ms, &root, v);
	if (v->outcome == OUTCOME_OK || v->outcome == OUTCOME_PARTIAL)
		(void)captures_take(s, a, root, values, v);
	json_decref(root);
}
