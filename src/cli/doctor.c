/* cupel doctor: what this build can do on this machine. */
#include <inttypes.h>

#include "cli/common.h"
#include "cupel/data.h"

static const char default_data[] = "/usr/share/datasets/fashion-mnist";

static enum cupel_status print_data_set(const char *path, int threads) {
    struct cupel_dataset_scan scan;
    struct cupel_error error = {0};
    if (cupel_dataset_scan(path, threads, &scan, &error) != CUPEL_OK) {
        printf("not available: %s\n", error.message);
        return error.status;
    }
    printf("%s: format %s, %" PRId64 " training and %" PRId64 " test images", path, scan.format, scan.train,
           scan.test);
    if (scan.sizes == 1) printf(" of %" PRId64 " x %" PRId64 " pixels", scan.largest[1], scan.largest[0]);
    if (scan.sizes > 1) printf(" of %" PRId64 " sizes", scan.sizes);
    if (scan.classes) printf(", %" PRId64 " classes", scan.classes);
    if (scan.bad_count) printf("; %" PRId64 " bad files, which `cupel data scan` names", scan.bad_count);
    printf("\n");
    cupel_dataset_scan_free(&scan);
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
    enum cupel_status status =
        print_data_set(arguments->data ? arguments->data : default_data, (int)arguments->threads);
    return status && arguments->data ? EXIT_BAD_INPUT : EXIT_DONE;
}
