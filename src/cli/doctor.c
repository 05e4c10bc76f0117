/* cupel doctor: what this build can do on this machine. */
#include <inttypes.h>

#include "cli/common.h"
#include "cupel/data.h"

static const char default_data[] = "/usr/share/datasets/fashion-mnist";

static enum cupel_status print_data_set(const char *path) {
    const struct cupel_dataset_spec spec = {.format = "idx", .path = path};
    struct cupel_dataset dataset;
    struct cupel_error error = {0};
    if (cupel_dataset_open(&spec, &dataset, &error) != CUPEL_OK) {
        printf("not available: %s\n", error.message);
        return error.status;
    }
    printf("%s: %" PRId64 " training and %" PRId64 " test images of [%" PRId64 ", %" PRId64 ", %" PRId64
           "], %" PRId64 " classes\n",
           path, dataset.train.count, dataset.test.count, dataset.shape[0], dataset.shape[1],
           dataset.shape[2], dataset.classes);
    cupel_dataset_free(&dataset);
    return CUPEL_OK;
}

int command_doctor(const struct arguments *arguments) {
    printf("cupel %s\n\nLibraries\n", cupel_version());
    cupel_libraries_print(stdout);
    printf("\nDevices\n");
    cupel_devices_print(stdout);
    printf("\nProcessor\n");
    cupel_processor_print(stdout);
    printf("\nData set\n");
    enum cupel_status status = print_data_set(arguments->data ? arguments->data : default_data);
    return status && arguments->data ? EXIT_BAD_INPUT : EXIT_DONE;
}
