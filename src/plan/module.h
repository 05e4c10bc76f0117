/* Backends in shared modules, so that the program runs where what they need is not installed. */
#ifndef CUPEL_PLAN_MODULE_H
#define CUPEL_PLAN_MODULE_H

#include "plan/backend.h"

/* A module defines one of these by the name CUPEL_MODULE. */
struct module {
    const char *version;
    size_t layout; /* MODULE_LAYOUT of its build */
    const struct backend *backend;
};
#define CUPEL_MODULE cupel_module

/* Changes when one of the structs that the program and a module share does. */
#define MODULE_LAYOUT \
    (sizeof(struct call) ^ sizeof(struct node) << 16 ^ sizeof(struct backend) << 32 ^ (size_t)OP_COUNT << 48)

/* The backend of the module libcupel-NAME.so, which stays loaded. It is looked for in $CUPEL_MODULES or, without that,
 * beside the program and in the folder above it, and in ../lib/cupel. CUPEL_UNSUPPORTED says why there is none. */
enum cupel_status module_load(const char *name, const struct backend **backend, struct cupel_error *error);

#endif
