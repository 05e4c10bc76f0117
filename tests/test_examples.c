/* The example programs do what their comments say. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"
#include "training.h"

Test(examples, mlp_learns_the_circle) {
    struct outcome outcome = run_shell("exec '" CUPEL_BINARY_DIR "/examples/mlp'");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    const char *line = outcome.out;
    double loss = 0, first = 0;
    int step, lines = 0;
    while ((line = strstr(line, "step "))) {
        cr_assert_eq(sscanf(line++, "step %d loss %lf", &step, &loss), 2);
        if (!lines++) first = loss;
    }
    cr_assert_eq(lines, 11);
    cr_assert(first > 0.6 && first < 0.8, "the first loss is that of a guess, log 2: %g", first);
    cr_assert_lt(loss, 0.1);
}

Test(examples, train_model_trains_and_predicts) {
    struct outcome outcome = run_shell("exec '" CUPEL_BINARY_DIR "/examples/train_model' m.yaml data 30");
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    const char *end = strstr(outcome.out, "\n18 steps, test accuracy ");
    double accuracy;
    cr_assert(end, "%s", outcome.out);
    cr_assert_eq(sscanf(end, "\n18 steps, test accuracy %lf %%", &accuracy), 1);
    cr_assert_gt(accuracy, 90);
    int image, label, predicted, right = 0;
    double chance;
    while ((end = strstr(end, "test image "))) {
        cr_assert_eq(
            sscanf(end++, "test image %d: class %d with %lf %%, is %d", &image, &predicted, &chance, &label),
            4);
        right += predicted == label;
    }
    cr_assert_geq(right, 3, "%s", outcome.out);
}

Test(examples, the_one_in_the_readme_is_this_and_works) {
    size_t size, page_size;
    char *source = read_whole(CUPEL_SOURCE_DIR "/tests/examples/readme.c", &size);
    char *page = read_whole(CUPEL_SOURCE_DIR "/README.md", &page_size);
    cr_expect(strstr(page, source), "README.md shows another text than tests/examples/readme.c");
    free(source);
    free(page);
    struct outcome outcome = run_shell(
        "mkdir models && cp m.yaml models/lenet5.yaml && exec '" CUPEL_BINARY_DIR "/examples/readme'");
    double accuracy = 0;
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    cr_assert_eq(sscanf(outcome.out, "%lf %% of the test images are right\n", &accuracy), 1, "%s",
                 outcome.out);
    cr_assert(accuracy > 25 && accuracy <= 100);
}
