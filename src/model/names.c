/* Names of layers, as names.h describes them. */
#include "model/names.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

/* Words that `from` knows in every list, and what they mean; the input's is the list's own. */
static const char *const own_words[] = {"input", "label"};
enum { OWN_INPUT, OWN_LABEL, OWN_WORDS };

/* Whether the name means nothing else yet. */
static enum cupel_status name_free(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                   struct cupel_error *error) {
    char shown[CUPEL_YAML_SHOWN];
    if (cupel_words_find(CUPEL_WORDS(own_words), item->text) < 0) return CUPEL_OK;
    return cupel_yaml_fail(yaml, item, error, "%s already means %s; choose another name",
                           cupel_yaml_shown(item, shown, sizeof shown),
                           cupel_yaml_is(item, own_words[OWN_INPUT]) ? "what goes into this list"
                                                                     : "the class labels");
}

/* Whether the scalar is letters, digits, _ and -; such texts joined by dots, if they may be. */
static bool is_made_of(const char *text, bool dots) {
    bool begun = false;
    for (; *text; text++) {
        if (*text == '.' ? !dots || !begun : !isalnum((unsigned char)*text) && *text != '_' && *text != '-')
            return false;
        begun = *text != '.';
    }
    return begun;
}

enum cupel_status word_check(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                             struct cupel_error *error) {
    char shown[CUPEL_YAML_SHOWN];
    if (item->kind != CUPEL_YAML_SCALAR || !is_made_of(item->text, false) ||
        !(isalpha((unsigned char)*item->text) || *item->text == '_'))
        return cupel_yaml_fail(yaml, item, error,
                               "%s cannot be a name; use letters, digits, _ and -, and begin with a letter",
                               cupel_yaml_shown(item, shown, sizeof shown));
    return name_free(yaml, item, error);
}

/* Checks the given name of a layer. */
static enum cupel_status name_check(struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                                    struct cupel_error *error) {
    char shown[CUPEL_YAML_SHOWN];
    if (item->kind != CUPEL_YAML_SCALAR || !is_made_of(item->text, true))
        return cupel_yaml_fail(
            yaml, item, error,
            "%s cannot be a name; use letters, digits, _ and -, and dots between such parts",
            cupel_yaml_shown(item, shown, sizeof shown));
    return name_free(yaml, item, error);
}

enum cupel_status name_add(struct cupel_yaml *yaml, struct scope *scope, const struct cupel_yaml_item *word,
                           const struct cupel_yaml_item *given, struct name **name,
                           struct cupel_error *error) {
    int place = 1;
    for (const struct name *other = scope->names; other; other = other->next)
        place += !strcmp(other->word, word->text);
    if (given) CUPEL_TRY(name_check(yaml, given, error));
    struct name *made = cupel_heap_alloc(&yaml->heap, 1, sizeof *made);
    const char *text = given ? given->text : cupel_heap_text(&yaml->heap, "%s%d", word->text, place);
    if (!made || !text) return cupel_yaml_no_memory(yaml, error);
    for (const struct name *other = scope->names; other; other = other->next) {
        if (!strcmp(other->text, text))
            return cupel_yaml_fail(
                yaml, given ? given : word, error,
                "the name '%.60s' is taken by the layer at line %d; give this one another `name`", text,
                other->item->line);
    }
    *made = (struct name){text, word->text, NETWORK_INPUT, word, scope->names};
    scope->names = *name = made;
    return CUPEL_OK;
}

/* "unknown earlier layer 'x'; ..." with the names before `self`, in file order. */
static enum cupel_status unknown_input(struct cupel_yaml *yaml, const struct name *self,
                                       const struct cupel_yaml_item *item, struct cupel_error *error) {
    size_t count = OWN_WORDS;
    for (const struct name *name = self->next; name; name = name->next) count++;
    const char **known = cupel_heap_alloc(&yaml->heap, count, sizeof *known);
    if (!known) return cupel_yaml_no_memory(yaml, error);
    memcpy(known, own_words, sizeof own_words);
    size_t i = count;
    for (const struct name *name = self->next; name; name = name->next) known[--i] = name->text;
    return cupel_words_fail(yaml, item, (struct cupel_words){known, count, sizeof *known}, "earlier layer",
                            error);
}

static enum cupel_status find_input(struct cupel_yaml *yaml, const struct scope *scope,
                                    const struct name *self, const struct cupel_yaml_item *item, int *layer,
                                    struct cupel_error *error) {
    char shown[CUPEL_YAML_SHOWN];
    if (item->kind != CUPEL_YAML_SCALAR)
        return cupel_yaml_fail(yaml, item, error, "'from' holds %s; it must hold names of layers",
                               cupel_yaml_shown(item, shown, sizeof shown));
    int own = cupel_words_find(CUPEL_WORDS(own_words), item->text);
    *layer = own == OWN_LABEL ? NETWORK_LABEL : scope->input;
    if (own >= 0) return CUPEL_OK;
    const struct name *name = self->next;
    while (name && strcmp(name->text, item->text) != 0) name = name->next;
    if (!name) return unknown_input(yaml, self, item, error);
    *layer = name->layer;
    return CUPEL_OK;
}

/* That the layer cannot have so many inputs. */
static enum cupel_status inputs_misfit(struct cupel_yaml *yaml, const struct name *self,
                                       const struct cupel_yaml_item *from, int least, int most,
                                       struct cupel_error *error) {
    if (most == 1)
        return cupel_yaml_fail(yaml, from, error,
                               "%.60s has one input; write `from: name`, or join with add or concat",
                               self->word);
    const char *takes = most == INT_MAX ? "joins two layers or more"
                        : least == most ? "takes two layers"
                                        : "takes one layer or two";
    return cupel_yaml_fail(yaml, from ? from : self->item, error, "%s %s; write `from: [one, other]`",
                           self->word, takes);
}

enum cupel_status name_inputs(struct cupel_yaml *yaml, const struct scope *scope, const struct name *self,
                              const struct cupel_yaml_item *from, int least, int most, int **inputs,
                              int *count, struct cupel_error *error) {
    const bool listed = from && from->kind == CUPEL_YAML_SEQUENCE;
    const struct cupel_yaml_item *list = listed ? from->first : NULL;
    *count = listed ? 0 : 1;
    for (const struct cupel_yaml_item *item = list; item; item = item->next) ++*count;
    if (*count < least || *count > most) return inputs_misfit(yaml, self, from, least, most, error);
    *inputs = cupel_heap_alloc(&yaml->heap, (size_t)*count, sizeof **inputs);
    if (!*inputs) return cupel_yaml_no_memory(yaml, error);
    **inputs = scope->previous;
    int *input = *inputs;
    for (const struct cupel_yaml_item *item = list; item; item = item->next)
        CUPEL_TRY(find_input(yaml, scope, self, item, input++, error));
    if (from && !listed) CUPEL_TRY(find_input(yaml, scope, self, from, *inputs, error));
    return CUPEL_OK;
}
