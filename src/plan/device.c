/* Opening devices by name. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan/backend.h"

/* In the order in which "auto" tries them. */
static const struct backend *const backends[] = {&backend_cpu, &backend_reference};
enum { N_BACKENDS = sizeof backends / sizeof *backends };

/* What this build has not, and why. */
static const struct {
    const char *name, *why;
} absent[] = {
    {"cuda", "this build has no CUDA module"},
    {"emu", "this build has no emulator of CUDA kernels"},
};
enum { N_ABSENT = sizeof absent / sizeof *absent };

static enum cupel_status device_open(const struct backend *backend, int threads, struct cupel_device **device,
                                     struct cupel_error *error) {
    struct cupel_device *opened = calloc(1, sizeof *opened);
    if (!opened) return cupel_fail(error, CUPEL_NOMEM, "no memory for a device");
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    *opened = (struct cupel_device){.backend = backend,
                                    .threads = threads > 0 ? threads
                                               : cores > 0 ? (int)cores
                                                           : 1};
    enum cupel_status status = backend->open(opened, error);
    if (status == CUPEL_OK)
        *device = opened;
    else
        free(opened);
    return status;
}

enum cupel_status cupel_device_open(const char *name, int threads, struct cupel_device **device,
                                    struct cupel_error *error) {
    *device = NULL;
    if (threads < 0 || threads > 1024)
        return cupel_fail(error, CUPEL_INVALID,
                          "%d threads are not possible; use 1 to 1024, or 0 for all cores", threads);
    for (int i = 0; i < N_BACKENDS; i++)
        if (strcmp(name, backends[i]->name) == 0 || strcmp(name, "auto") == 0)
            return device_open(backends[i], threads, device, error);
    for (int i = 0; i < N_ABSENT; i++) /* also "cuda:1" */
        if (strncmp(name, absent[i].name, strcspn(name, ":")) == 0 &&
            strcspn(name, ":") == strlen(absent[i].name))
            return cupel_fail(error, CUPEL_UNSUPPORTED, "device %s: %s; use auto, cpu or reference", name,
                              absent[i].why);
    char known[200] = "auto";
    for (int i = 0; i < N_BACKENDS; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, ", %s", backends[i]->name);
    }
    return cupel_fail(error, CUPEL_INVALID, "no device '%s'; known devices: %s", name, known);
}

void cupel_device_close(struct cupel_device *device) {
    if (!device) return;
    device->backend->close(device);
    free(device);
}

const char *cupel_device_describe(const struct cupel_device *device) {
    return device->description;
}

const char *cupel_device_name(const struct cupel_device *device) {
    return device->backend->name;
}

void cupel_devices_print(FILE *file) {
    for (int i = 0; i < N_BACKENDS; i++) {
        struct cupel_device *device = NULL;
        struct cupel_error error = {0};
        if (device_open(backends[i], 0, &device, &error) == CUPEL_OK)
            fprintf(file, "%-10s %s\n", backends[i]->name, device->description);
        else
            fprintf(file, "%-10s not available: %s\n", backends[i]->name, error.message);
        cupel_device_close(device);
    }
    for (int i = 0; i < N_ABSENT; i++)
        fprintf(file, "%-10s not available: %s\n", absent[i].name, absent[i].why);
}
