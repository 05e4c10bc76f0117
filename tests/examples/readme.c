#include <cupel/cupel.h>
#include <stdio.h>

int main(void) {
    struct cupel_error error = {0};
    struct cupel_model *model;
    struct cupel_train_result result;
    const struct cupel_train_options options = {.epochs = 1, .out = "runs/from-c"};
    if (cupel_model_read("models/lenet5.yaml", NULL, 0, &model, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 2;
    }
    if (cupel_train(model, &options, &result, &error))
        fprintf(stderr, "%s\n", error.message);
    else
        printf("%.2f %% of the test images are right\n", 100 * result.evaluation.accuracy);
    cupel_train_result_free(&result);
    cupel_model_free(model);
    return error.status != CUPEL_OK;
}
