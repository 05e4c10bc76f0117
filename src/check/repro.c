#include "check/repro.h"
enum cupel_status repro_save(const char *directory, const struct judge *judge, const struct single *single,
                             const struct evidence *evidence, int place, struct cupel_check_item *item,
                             struct cupel_error *error) {
    (void)directory, (void)judge, (void)single, (void)evidence, (void)place, (void)item, (void)error;
    return CUPEL_OK;
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
