/* cupel dump: training steps on a given batch, every value written down. */
#include "cli/common.h"

int command_dump(const struct arguments *arguments) {
    struct cupel_model *model;
    struct cupel_error error = {0};
    if (model_open(arguments, &model, &error)) return complain_error(&error);
    struct cupel_run_options options = run_options(arguments);
    options.batch = 0; /* here the flag names the file, whose images are the batch */
    enum cupel_status status = cupel_dump(model, &options, arguments->weights, arguments->batch_file,
                                          arguments->steps, arguments->out, &error);
    cupel_model_free(model);
    if (status) return complain_error(&error);
    printf("%s: values of %s step%s\n", arguments->out, count_text(arguments->steps),
           arguments->steps == 1 ? "" : "s");
    return EXIT_DONE;
}
