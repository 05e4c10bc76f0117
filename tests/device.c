#include "device.h"

#include <criterion/criterion.h>
#include <string.h>

#include "plan/backend.h"

bool need_device(const char *name) {
    struct cupel_device *device = NULL;
    struct cupel_error error = {0};
    const bool has = cupel_device_open(name, 1, &device, &error) == CUPEL_OK;
    cupel_device_close(device);
    bool may_miss = strcmp(name, "cuda") == 0;
#ifdef CUPEL_NO_EMULATOR
    may_miss = may_miss || strcmp(name, "emu") == 0;
#endif
    if (!has && may_miss) cr_skip_test("%s", error.message);
    cr_assert(has, "%s", error.message);
    return has;
}

bool need_precision(const char *name, enum cupel_precision precision) {
    struct cupel_device *device = NULL;
    struct cupel_error error = {0};
    if (!need_device(name)) return false;
    cr_assert_eq(cupel_device_open(name, 1, &device, &error), CUPEL_OK, "%s", error.message);
    const bool can = device_check_precision(device, precision, &error) == CUPEL_OK;
    cupel_device_close(device);
    if (!can) cr_skip_test("%s", error.message);
    return can;
}
