/* Status texts and recording the first error. */
#include "cupel/status.h"

#include <stdarg.h>
#include <stdio.h>

const char *cupel_status_text(enum cupel_status status) {
    static const char *const text[] = {
#define X(name, text) [CUPEL_##name] = text,
        CUPEL_STATUSES(X)
#undef X
    };
    return (unsigned)status < sizeof text / sizeof *text ? text[status] : "unknown status";
}

enum cupel_status cupel_fail(struct cupel_error *error, enum cupel_status status, const char *format, ...) {
    if (!error || error->status != CUPEL_OK) return status;
    error->status = status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}
