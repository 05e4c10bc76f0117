/* Loading backends from shared modules. */
#include "plan/module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The module's file in one of the folders where it may be; "" when it is in none. */
static void find(const char *name, char *path, size_t size) {
    static const char *const near[] = {"", "../", "../lib/cupel/"};
    const char *folder = getenv("CUPEL_MODULES");
    if (folder) {
        snprintf(path, size, "%s/libcupel-%s.so", folder, name);
        return;
    }
    char program[4096];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = 0;
    char *end = strrchr(program, '/');
    if (end) end[1] = 0;
    for (size_t i = 0; i < sizeof near / sizeof *near; i++) {
        snprintf(path, size, "%s%slibcupel-%s.so", program, near[i], name);
        if (access(path, F_OK) == 0) return;
    }
    *path = 0;
}

enum cupel_status module_load(const char *name, const struct backend **backend, struct cupel_error *error) {
    char path[4608];
    const char *check = getenv("CUPEL_EMU_CHECK"); /* names another build of the emulator's module */
    if (check && *check && strcmp(name, "emu") == 0) {
        char checking[64];
        snprintf(checking, sizeof checking, "emu-%s", check);
        find(checking, path, sizeof path);
    } else {
        find(name, path, sizeof path);
    }
    if (!*path || access(path, F_OK) != 0)
        return cupel_fail(error, CUPEL_UNSUPPORTED,
                          "there is no libcupel-%s.so %s; this build has no such module", name,
                          *path ? "in $CUPEL_MODULES" : "beside the program");
    /* Never closed: threads and exit handlers of the libraries that it brings outlive it otherwise. */
    void *loaded = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!loaded) return cupel_fail(error, CUPEL_UNSUPPORTED, "%s", dlerror());
    const struct module *module = dlsym(loaded, "cupel_module");
    if (!module || strcmp(module->version, CUPEL_VERSION) != 0 || module->layout != MODULE_LAYOUT)
        return cupel_fail(error, CUPEL_UNSUPPORTED,
                          "%s belongs to another build of Cupel; build both together", path);
    *backend = module->backend;
    return CUPEL_OK;
}
