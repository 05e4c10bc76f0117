/* Model files: any bytes, split at the first NUL into a model and an override, must be read or refused with a
 * message. */
#include <stdlib.h>
#include <string.h>

#include "cupel/model.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    const unsigned char *split = memchr(data, 0, size);
    size_t length = split ? (size_t)(split - data) : size, rest = split ? size - length - 1 : 0;
    char *setting = malloc(rest + 1);
    if (!setting) return 0;
    if (rest) memcpy(setting, split + 1, rest);
    setting[rest] = 0;
    struct cupel_model *model;
    struct cupel_error error = {0};
    enum cupel_status status =
        cupel_model_read_text("fuzz.yaml", (const char *)data, length, (const char *const[]){setting},
                              split != NULL, &model, &error);
    if ((status == CUPEL_OK) != (model != NULL) || (status != CUPEL_OK && !*error.message)) abort();
    cupel_model_free(model);
    free(setting);
    return 0;
}
