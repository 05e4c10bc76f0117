/* cupel eval: how good trained weights are. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli/common.h"
#include "cupel/gan.h"

enum { MAX_MATRIX = 20, NAME_WIDTH = 16 };

/* The class that images of `label` were most often taken for by mistake; -1 when all are right. */
static int64_t worst_mistake(const struct cupel_evaluation *evaluation, int64_t label) {
    const int64_t *row = evaluation->confusion + label * evaluation->classes;
    int64_t worst = -1;
    for (int64_t c = 0; c < evaluation->classes; c++)
        if (c != label && row[c] && (worst < 0 || row[c] > row[worst])) worst = c;
    return worst;
}

static void print_classes(const struct cupel_class_names *names, const struct cupel_evaluation *evaluation) {
    const double *iou = evaluation->class_iou;
    printf("\n%5s  %-*s %8s %10s%s   %s\n", "class", NAME_WIDTH, "", iou ? "pixels" : "images", "accuracy",
           iou ? "        IoU" : "", "most often taken for");
    for (int64_t label = 0; label < evaluation->classes; label++) {
        const int64_t *row = evaluation->confusion + label * evaluation->classes;
        const char *name = names->count ? names->names[label] : "";
        int64_t count = 0, worst = worst_mistake(evaluation, label);
        for (int64_t c = 0; c < evaluation->classes; c++) count += row[c];
        printf("%5" PRId64 "  %-*s %8s", label, NAME_WIDTH, name, count_text(count));
        if (count)
            printf(" %8.2f %%", 100.0 * (double)row[label] / (double)count);
        else
            printf(" %10s", "-");
        if (iou && isnan(iou[label]))
            printf(" %10s", "-");
        else if (iou)
            printf(" %8.2f %%", 100 * iou[label]);
        if (worst >= 0)
            printf("   %s (%.1f %%)", class_text(names, worst), 100.0 * (double)row[worst] / (double)count);
        putchar('\n');
    }
}

static void print_matrix(const struct cupel_evaluation *evaluation) {
    if (evaluation->classes > MAX_MATRIX) return;
    const int width = evaluation->class_iou ? 12 : 7;
    printf("\nconfusion matrix: a row for what %s is, a column for what it was taken for\n\n%5s ",
           evaluation->class_iou ? "a pixel" : "an image", "");
    for (int64_t c = 0; c < evaluation->classes; c++) printf("%*" PRId64, width, c);
    putchar('\n');
    for (int64_t label = 0; label < evaluation->classes; label++) {
        printf("%5" PRId64 " ", label);
        for (int64_t c = 0; c < evaluation->classes; c++) {
            int64_t count = evaluation->confusion[label * evaluation->classes + c];
            if (count)
                printf("%*" PRId64, width, count);
            else
                printf("%*s", width, ".");
        }
        putchar('\n');
    }
}

static enum cupel_status print_accuracy(const struct cupel_model *model, const struct arguments *arguments,
                                        struct cupel_error *error) {
    struct cupel_run_options options = run_options(arguments);
    struct cupel_evaluation evaluation = {0};
    struct cupel_class_names names;
    if (arguments->features || arguments->features_weights || arguments->count)
        return cupel_fail(error, CUPEL_INVALID, "%s: --features, --features-weights and --n are for gans",
                          cupel_model_name(model));
    CUPEL_TRY(cupel_evaluate(model, &options, arguments->weights, 0, &evaluation, error));
    printf("%s with %s on %s test images\n\n", cupel_model_name(model), arguments->weights,
           count_text(evaluation.count));
    printf("loss      %.4f\naccuracy  %.2f %%\n", evaluation.loss, 100 * evaluation.accuracy);
    if (evaluation.class_iou)
        printf("mean IoU  %.2f %%\n", 100 * evaluation.iou);
    else if (evaluation.classes > 5)
        printf("top-5     %.2f %%\n", 100 * evaluation.top5);
    cupel_class_names(model, &options, &names);
    print_classes(&names, &evaluation);
    cupel_class_names_free(&names);
    print_matrix(&evaluation);
    cupel_evaluation_free(&evaluation);
    return CUPEL_OK;
}

/* ---- gans ---- */

static enum cupel_status print_quality(const struct cupel_model *model, const struct arguments *arguments,
                                       struct cupel_error *error) {
    enum { DEFAULT_COUNT = 10000 };
    struct cupel_run_options options = run_options(arguments);
    struct cupel_quality quality;
    struct cupel_model *classifier;
    if (!arguments->features || !arguments->features_weights)
        return cupel_fail(
            error, CUPEL_INVALID,
            "%s: images of a gan are judged by a classifier's features: name a model by --features "
            "and its weights by --features-weights",
            cupel_model_name(model));
    CUPEL_TRY(cupel_model_read(arguments->features, NULL, 0, &classifier, error));
    enum cupel_status status =
        cupel_quality(model, &options, arguments->weights, classifier, arguments->features_weights,
                      arguments->count ? arguments->count : DEFAULT_COUNT, &quality, error);
    cupel_model_free(classifier);
    if (status) return status;
    printf("%s with %s: %s generated and %s test images, by %s features of %s with %s\n\n",
           cupel_model_name(model), arguments->weights, count_text(quality.generated),
           count_text(quality.real), count_text(quality.features), arguments->features,
           arguments->features_weights);
    printf("frechet_distance  %.6g\nprecision         %.4f\nrecall            %.4f\n",
           quality.frechet_distance, quality.precision, quality.recall);
    return CUPEL_OK;
}

int command_eval(const struct arguments *arguments) {
    struct cupel_model *model;
    struct cupel_error error = {0};
    if (model_open(arguments, &model, &error)) return complain_error(&error);
    enum cupel_status status = cupel_model_task(model) == CUPEL_TASK_GAN
                                   ? print_quality(model, arguments, &error)
                                   : print_accuracy(model, arguments, &error);
    cupel_model_free(model);
    return status ? complain_error(&error) : EXIT_DONE;
}
