/* Choosing among known words. */
#include <stdio.h>
#include <string.h>

#include "cupel/version.h"
#include "model/fields.h"

static const char *word_at(struct cupel_words words, size_t index) {
    return *(const char *const *)((const char *)words.first + index * words.stride);
}

int cupel_words_find(struct cupel_words words, const char *text) {
    for (size_t i = 0; i < words.count; i++) {
        if (!strcmp(word_at(words, i), text)) return (int)i;
    }
    return -1;
}

void cupel_words_complain(const struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                          struct cupel_words words, const char *what, struct cupel_error *error) {
    char list[500] = "", suggestion[100] = "", shown[CUPEL_YAML_SHOWN];
    const char *word = cupel_nearest(item->text, words.first, words.count, words.stride);
    if (word) snprintf(suggestion, sizeof suggestion, "did you mean '%s'? ", word);
    for (size_t i = 0, used = 0; used < sizeof list && i < words.count; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", word_at(words, i));
    cupel_yaml_complain(yaml, item, error, "unknown %s %s; %s(known: %s)", what,
                        cupel_yaml_shown(item, shown, sizeof shown), suggestion, *list ? list : "none");
}
