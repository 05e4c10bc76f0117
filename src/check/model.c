/* Checking a model, and what a check's result is made of. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "io/file.h"
#include "plan/plan.h"

const char *cupel_check_verdict_text(enum cupel_check_verdict verdict) {
    static const char *const texts[] = {"passed", "ill-conditioned", "FAILED"};
    return texts[verdict];
}

bool cupel_check_has_failed(const struct cupel_check *check) {
    return check->failed > 0 || *check->steps_note;
}

void cupel_check_free(struct cupel_check *check) {
    free(check->items);
    free(check->points);
    *check = (struct cupel_check){0};
}

enum cupel_status check_add(struct cupel_check *check, const struct cupel_check_item *item,
                            struct cupel_error *error) {
    if ((check->count & (check->count - 1)) == 0) { /* room for the next power of two */
        const size_t room = check->count ? 2 * (size_t)check->count : 1;
        struct cupel_check_item *items = realloc(check->items, room * sizeof *items);
        if (!items) return cupel_fail(error, CUPEL_NOMEM, "no memory for what a check found");
        check->items = items;
    }
    check->items[check->count++] = *item;
    check->failed += item->verdict == CUPEL_CHECK_FAILED;
    check->ill += item->verdict == CUPEL_CHECK_ILL;
    return CUPEL_OK;
}

enum cupel_status check_stopped(struct cupel_check *check, enum cupel_status status,
                                const struct cupel_error *why, struct cupel_error *error) {
    if (!status) return CUPEL_OK;
    if (!check->failed) return cupel_fail(error, status, "%s", why->message);
    snprintf(check->steps_note, sizeof check->steps_note, "the check could not go on after that: %.600s",
             why->message);
    return CUPEL_OK;
}

enum cupel_status options_check(const struct cupel_check_options *options, struct cupel_error *error) {
    if (options->steps < 0 || options->steps > 1000)
        return cupel_fail(error, CUPEL_INVALID, "%lld steps are not possible; use 1 to 1000",
                          (long long)options->steps);
    if (options->repeat < 0 || options->repeat == 1 || options->repeat > 100)
        return cupel_fail(error, CUPEL_INVALID, "%d runs of a node cannot be compared; use 2 to 100",
                          options->repeat);
    if (!(options->tolerance >= 0) || isinf(options->tolerance))
        return cupel_fail(error, CUPEL_INVALID, "a tolerance of %g is not possible; use one above 0",
                          options->tolerance);
    return options->save ? directory_make(options->save, error) : CUPEL_OK;
}

enum cupel_status check_model(const struct cupel_model *model, const struct cupel_check_options *options,
                              void (*opened)(struct cupel_device *device), struct cupel_check *check,
                              struct cupel_error *error) {
    struct sides sides;
    *check = (struct cupel_check){0};
    CUPEL_TRY(options_check(options, error));
    enum cupel_status status = sides_open(model, options, opened, &sides, check, error);
    if (status == CUPEL_OK) {
        const struct judge judge = {.device = sides.checked.setup.device,
                                    .against = sides.trusted.setup.device,
                                    .plan = sides.checked.setup.plan,
                                    .tolerance = options->tolerance,
                                    .repeat = options->repeat};
        status = run_steps(&sides, &judge, check, error);
    }
    sides_close(&sides);
    if (status) cupel_check_free(check);
    return status;
}

enum cupel_status cupel_check_model(const struct cupel_model *model,
                                    const struct cupel_check_options *options, struct cupel_check *check,
                                    struct cupel_error *error) {
    return check_model(model, options, NULL, check, error);
}
