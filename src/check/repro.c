#include "check/repro.h"
enum cupel_status repro_save(const char *directory, const struct judge *judge, const struct single *single,
                             const struct evidence *evidence, int place, struct cupel_check_item *item,
                             struct cupel_error *error) {
    (void)directory, (void)judge, (void)single, (void)evidence, (void)place, (void)item, (void)error;
    return CUPEL_OK;
}
