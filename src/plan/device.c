/* Opening devices by name. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan/module.h"

/* In the order in which "auto" tries them. */
static const struct {
    const char *name;
    const struct backend *backend; /* NULL: in a module */
    bool automatic;                /* "auto" may choose it */
    bool many;                     /* a machine can have several: NAME:N */
} known[] = {
    {"cuda", NULL, true, true},
    {"cpu", &backend_cpu, true, false},
    {"reference", &backend_reference, false, false},
    {"emu", NULL, false, false},
};
enum { N_KNOWN = sizeof known / sizeof *known };

/* Opens known[i]. */
static enum cupel_status device_open(int i, int index, int threads, struct cupel_device **device,
                                     struct cupel_error *error) {
    const struct backend *backend = known[i].backend;
    if (!backend) CUPEL_TRY(module_load(known[i].name, &backend, error));
    struct cupel_device *opened = calloc(1, sizeof *opened);
    if (!opened) return cupel_fail(error, CUPEL_NOMEM, "no memory for a device");
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    *opened = (struct cupel_device){.backend = backend,
                                    .index = index,
                                    .threads = threads > 0 ? threads
                                               : cores > 0 ? (int)cores
                                                           : 1};
    const enum cupel_status status = backend->open(opened, error);
    if (status == CUPEL_OK)
        *device = opened;
    else
        free(opened);
    return status;
}

static enum cupel_status unknown(const char *name, struct cupel_error *error) {
    char names[200] = "auto";
    for (int i = 0; i < N_KNOWN; i++) {
        const size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, ", %s%s", known[i].name, known[i].many ? "[:N]" : "");
    }
    return cupel_fail(error, CUPEL_INVALID, "no device '%s'; known devices: %s", name, names);
}

/* Takes the number from "cuda:1"; false when it is none. */
static bool read_index(const char *text, int *index) {
    *index = 0;
    if (!*text) return true;
    const size_t digits = strspn(text + 1, "0123456789");
    if (!digits || digits > 4 || text[1 + digits]) return false;
    *index = atoi(text + 1);
    return true;
}

enum cupel_status cupel_device_open(const char *name, int threads, struct cupel_device **device,
                                    struct cupel_error *error) {
    *device = NULL;
    if (threads < 0 || threads > 1024)
        return cupel_fail(error, CUPEL_INVALID,
                          "%d threads are not possible; use 1 to 1024, or 0 for all cores", threads);
    for (int i = 0; i < N_KNOWN && strcmp(name, "auto") == 0; i++)
        if (known[i].automatic && device_open(i, 0, threads, device, NULL) == CUPEL_OK) return CUPEL_OK;
    const size_t length = strcspn(name, ":");
    int index;
    for (int i = 0; i < N_KNOWN; i++) {
        if (strlen(known[i].name) != length || strncmp(name, known[i].name, length) != 0) continue;
        if (!read_index(name + length, &index) || (name[length] && !known[i].many)) break;
        struct cupel_error why = {0};
        const enum cupel_status status = device_open(i, index, threads, device, &why);
        return status == CUPEL_OK ? status : cupel_fail(error, status, "device %s: %s", name, why.message);
    }
    return unknown(name, error);
}

void cupel_device_close(struct cupel_device *device) {
    if (!device) return;
    device->backend->close(device);
    free(device);
}

size_t cupel_device_room(struct cupel_device *device) {
    return device->backend->room ? device->backend->room(device) : SIZE_MAX;
}

void *cupel_device_pin(struct cupel_device *device, size_t bytes) {
    return device->backend->pin ? device->backend->pin(device, bytes) : malloc(bytes ? bytes : 1);
}

void cupel_device_unpin(struct cupel_device *device, void *data) {
    if (!data) return;
    if (device->backend->unpin)
        device->backend->unpin(device, data);
    else
        free(data);
}

static const char *const precisions[] = {"f32", "tf32", "bf16", "f16"};
enum { N_PRECISIONS = sizeof precisions / sizeof *precisions };

const char *cupel_precision_text(enum cupel_precision precision) {
    return (unsigned)precision < N_PRECISIONS ? precisions[precision] : "that";
}

enum cupel_status cupel_precision_read(const char *text, enum cupel_precision *precision,
                                       struct cupel_error *error) {
    for (int i = 0; i < N_PRECISIONS; i++) {
        if (strcmp(text, precisions[i]) != 0) continue;
        *precision = (enum cupel_precision)i;
        return CUPEL_OK;
    }
    return cupel_fail(error, CUPEL_INVALID, "no precision '%s'; known precisions: f32, tf32, bf16, f16",
                      text);
}

enum cupel_precision cupel_device_precision(const struct cupel_device *device) {
    return device->precision;
}

enum cupel_status device_check_precision(const struct cupel_device *device, enum cupel_precision precision,
                                         struct cupel_error *error) {
    const struct backend *backend = device->backend;
    const bool knows = precision == CUPEL_PRECISION_F32 ||
                       ((unsigned)precision < N_PRECISIONS && backend->precisions >> precision & 1);
    const char *missing = knows && backend->lacks ? backend->lacks(precision) : NULL;
    if (knows && !missing) return CUPEL_OK;
    return cupel_fail(error, CUPEL_UNSUPPORTED, "device %s does not compute in %s%s%s; use f32",
                      backend->name, cupel_precision_text(precision), missing ? " here: " : "",
                      missing ? missing : "");
}

const char *cupel_device_describe(const struct cupel_device *device) {
    return device->description;
}

const char *cupel_device_name(const struct cupel_device *device) {
    return device->backend->name;
}

/* What the backend says of its drivers and libraries, whether or not it has a device. */
static void print_details(int i, FILE *file) {
    const struct backend *backend = known[i].backend;
    char text[4000] = "", *next = text;
    if (!backend && module_load(known[i].name, &backend, NULL) != CUPEL_OK) return;
    if (backend->describe) backend->describe(text, sizeof text);
    for (char *line = strsep(&next, "\n"); line; line = strsep(&next, "\n"))
        if (*line) fprintf(file, "%-10s %s\n", "", line);
}

void cupel_devices_print(FILE *file) {
    for (int i = 0; i < N_KNOWN; i++) {
        struct cupel_device *device = NULL;
        struct cupel_error error = {0};
        if (device_open(i, 0, 0, &device, &error) == CUPEL_OK)
            fprintf(file, "%-10s %s\n", known[i].name, device->description);
        else
            fprintf(file, "%-10s not available: %s\n", known[i].name, error.message);
        cupel_device_close(device);
        print_details(i, file);
    }
}
