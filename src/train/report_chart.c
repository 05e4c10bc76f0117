/* Charts of a run's history. */
#include <stdlib.h>

#include "train/report.h"

/* The points that a curve may take its numbers from; each begins with its step. */
struct points {
    const char *first;
    size_t size, count;
};

static struct points points_of(const struct cupel_history *history, const struct curve *curve) {
    switch (curve->of) {
    case CURVE_TEST:
    case CURVE_VALIDATION:
        return (struct points){(const char *)history->evaluations, sizeof *history->evaluations,
                               history->evaluation_count};
    case CURVE_SAMPLES:
        return (struct points){(const char *)history->samples, sizeof *history->samples,
                               history->sample_count};
    case CURVE_TRAINING:
        break;
    }
    return (struct points){(const char *)history->training, sizeof *history->training,
                           history->training_count};
}

static bool belongs(const struct curve *curve, const char *point) {
    if (curve->of != CURVE_TEST && curve->of != CURVE_VALIDATION) return true;
    return ((const struct cupel_evaluation_point *)(const void *)point)->validation ==
           (curve->of == CURVE_VALIDATION);
}

/* Makes the series of a curve: x then y in one allocation, which the caller frees by its x. */
static bool make_series(const struct cupel_history *history, const struct curve *curve,
                        struct series *series) {
    const struct points points = points_of(history, curve);
    double *values = calloc(2 * points.count + 1, sizeof *values), *numbers = values + points.count;
    *series = (struct series){curve->name, curve->style, values, numbers, 0, curve->of != CURVE_TRAINING};
    for (size_t i = 0; values && i < points.count; i++) {
        const char *point = points.first + i * points.size;
        if (!belongs(curve, point)) continue;
        values[series->count] = (double)*(const int64_t *)(const void *)point;
        numbers[series->count++] = *(const double *)(const void *)(point + curve->offset) * curve->scale;
    }
    return values;
}

void report_chart(struct report *report, const char *title, const char *unit, const struct curve *curves,
                  size_t count) {
    struct series series[3];
    size_t made = 0;
    bool failed = false;
    for (size_t i = 0; i < count; i++) {
        failed |= !make_series(&report->history, &curves[i], &series[made]);
        if (i && !series[made].count)
            free((void *)series[made].x);
        else
            made++;
    }
    if (!failed) page_chart(&report->page, &(struct chart){title, "step", unit, series, made});
    report->page.failed |= failed;
    for (size_t i = 0; i < made; i++) free((void *)series[i].x);
}
