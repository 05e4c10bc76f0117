/* Status codes and error messages: how every part of Cupel reports what went wrong.
 *
 * The library never exits, aborts or prints. A function that can fail returns an `enum cupel_status` and
 * takes a `struct cupel_error *` as its last argument (it may be NULL when the caller wants only the code).
 */
#ifndef CUPEL_STATUS_H
#define CUPEL_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, text): the one list from which the enum and the strings are made. */
#define CUPEL_STATUSES(X)           \
    X(OK, "ok")                     \
    X(INVALID, "bad input")         \
    X(NOMEM, "out of memory")       \
    X(IO, "input/output error")     \
    X(UNSUPPORTED, "not supported") \
    X(DEVICE, "device error")       \
    X(FAILED, "run failed")

enum cupel_status {
#define X(name, text) CUPEL_##name,
    CUPEL_STATUSES(X)
#undef X
};

/* The first thing that went wrong. `message` says what is wrong and what to do, without a trailing newline;
 * for a file it begins with `FILE:LINE:COL: `. Zero-initialise before use. */
struct cupel_error {
    enum cupel_status status;
    char message[4000];
};

/* The text of a status, such as "bad input"; "unknown status" for a value outside the enum. */
const char *cupel_status_text(enum cupel_status status);

/* Records a printf-style message and returns `status`. An error already recorded is kept: the first one
 * counts. `error` may be NULL. */
enum cupel_status cupel_fail(struct cupel_error *error, enum cupel_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Returns from the calling function with the status of `expression` unless it is CUPEL_OK. */
#define CUPEL_TRY(expression)                                      \
    do {                                                           \
        enum cupel_status cupel_try_status = (expression);         \
        if (cupel_try_status != CUPEL_OK) return cupel_try_status; \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif
