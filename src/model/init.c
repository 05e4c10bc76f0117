/* `init:` of layers: words for the initial values of a weight. */
#include "model/model.h"

static const struct init_row {
    const char *word;
    enum cupel_init_kind kind;
    size_t fewest, most; /* numbers that it takes */
    double a;            /* when none is given */
    const char *usage;
} inits[] = {
    {"zeros", CUPEL_INIT_ZEROS, 0, 0, 0, "zeros"},
    {"constant", CUPEL_INIT_CONSTANT, 1, 1, 0, "{constant: [value]}"},
    {"normal", CUPEL_INIT_NORMAL, 2, 2, 0, "{normal: [mean, standard deviation]}"},
    {"uniform", CUPEL_INIT_UNIFORM, 2, 2, 0, "{uniform: [low, high]}"},
    {"xavier_uniform", CUPEL_INIT_XAVIER_UNIFORM, 0, 1, 1, "xavier_uniform or {xavier_uniform: [gain]}"},
    {"xavier_normal", CUPEL_INIT_XAVIER_NORMAL, 0, 1, 1, "xavier_normal or {xavier_normal: [gain]}"},
    {"kaiming_uniform", CUPEL_INIT_KAIMING_UNIFORM, 0, 1, 0, "kaiming_uniform or {kaiming_uniform: [slope]}"},
    {"kaiming_normal", CUPEL_INIT_KAIMING_NORMAL, 0, 1, 0, "kaiming_normal or {kaiming_normal: [slope]}"},
};

enum cupel_status init_read(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                            struct cupel_init *init, struct cupel_error *error) {
    const struct cupel_yaml_item *word, *arguments;
    CUPEL_TRY(cupel_variant_read(yaml, item, "init", &word, &arguments, error));
    int index = cupel_words_find(CUPEL_WORDS(inits), word->text);
    if (index < 0) return cupel_words_fail(yaml, word, CUPEL_WORDS(inits), "init", error);
    const struct init_row *row = &inits[index];
    const struct cupel_field field = {.key = row->word, .type = CUPEL_FIELD_NUMBERS};
    struct cupel_numbers numbers = {0};
    if (arguments) CUPEL_TRY(cupel_field_read(yaml, arguments, &field, &numbers, error));
    if (numbers.count < row->fewest || numbers.count > row->most)
        return cupel_yaml_fail(yaml, word, error, "init '%s' has %zu numbers; write %s", row->word,
                               numbers.count, row->usage);
    *init = (struct cupel_init){row->kind, numbers.count > 0 ? numbers.values[0] : row->a,
                                numbers.count > 1 ? numbers.values[1] : 0};
    if (init->kind == CUPEL_INIT_NORMAL && init->b < 0)
        return cupel_yaml_fail(yaml, arguments, error, "the standard deviation is negative; write %s",
                               row->usage);
    if (init->kind == CUPEL_INIT_UNIFORM && init->a > init->b)
        return cupel_yaml_fail(yaml, arguments, error, "low is above high; write %s", row->usage);
    return CUPEL_OK;
}
