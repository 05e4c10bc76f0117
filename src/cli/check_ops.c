#include "cli/check_ops.h"
enum cupel_status check_ops(const struct cupel_check_options *options, struct cupel_check *check,
                            struct cupel_error *error) {
    (void)options, (void)check;
    return cupel_fail(error, CUPEL_UNSUPPORTED, "later");
}
enum cupel_status cupel_check_repro(const char *path, const struct cupel_check_options *options,
                                    struct cupel_check *check, struct cupel_error *error) {
    (void)path, (void)options, (void)check;
    return cupel_fail(error, CUPEL_UNSUPPORTED, "later");
}
enum cupel_status cupel_check_save_json(const struct cupel_check *check, const char *path,
                                        struct cupel_error *error) {
    (void)path, (void)check;
    return cupel_fail(error, CUPEL_UNSUPPORTED, "later");
}
enum cupel_status cupel_check_save_junit(const struct cupel_check *check, const char *path,
                                         struct cupel_error *error) {
    (void)path, (void)check;
    return cupel_fail(error, CUPEL_UNSUPPORTED, "later");
}
