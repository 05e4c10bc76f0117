#include "cli/common.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_ROOM = 48 };

/* The buffers of texts for one printf, used in turn. */
static char *text_room(void) {
    static char texts[8][TEXT_ROOM];
    static unsigned next;
    return texts[next++ % 8];
}

static void print_note(void *context, const char *text) {
    (void)context;
    fflush(stdout);
    fprintf(stderr, "cupel: note: %s\n", text);
}

struct cupel_run_options run_options(const struct arguments *arguments) {
    return (struct cupel_run_options){
        .device = arguments->device,
        .threads = (int)arguments->threads,
        .precision = arguments->precision,
        .deterministic = arguments->deterministic,
        .stream = arguments->stream,
        .data = arguments->data,
        .skip_bad = arguments->skip_bad,
        .batch = arguments->batch,
        .has_seed = arguments->seed >= 0,
        .seed = (uint64_t)arguments->seed,
        .note = print_note,
    };
}

enum cupel_status model_open(const struct arguments *arguments, struct cupel_model **model,
                             struct cupel_error *error) {
    return cupel_model_read(arguments->model, arguments->settings.items, arguments->settings.count, model,
                            error);
}

int64_t network_parameters(const struct cupel_network *network) {
    int count;
    const struct cupel_layer_info *layers = cupel_network_layers(network, &count);
    int64_t sum = 0;
    for (int i = 0; i < count; i++) sum += layers[i].parameters;
    return sum;
}

int64_t network_frozen(const struct cupel_network *network) {
    int count;
    const struct cupel_parameter *parameters = cupel_network_parameters(network, &count);
    int64_t sum = 0;
    for (int i = 0; i < count; i++) sum += parameters[i].frozen ? cupel_shape_count(&parameters[i].shape) : 0;
    return sum;
}

int64_t model_parameters(const struct cupel_model *model) {
    int64_t sum = 0;
    const struct cupel_network *network;
    for (int i = 0; (network = cupel_model_network(model, i)); i++) sum += network_parameters(network);
    return sum;
}

const char *count_text(int64_t number) {
    char digits[24], *text = text_room(), *to = text;
    int length = snprintf(digits, sizeof digits, "%" PRId64, number);
    for (int i = 0; i < length; i++) {
        if (i > 0 && digits[i - 1] != '-' && (length - i) % 3 == 0) *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}

const char *time_text(double seconds) {
    char *text = text_room();
    if (!(seconds >= 0) || seconds > 1e9)
        snprintf(text, TEXT_ROOM, "?");
    else if (seconds < 60)
        snprintf(text, TEXT_ROOM, "%.1f s", seconds);
    else if (seconds < 3600)
        snprintf(text, TEXT_ROOM, "%d min %d s", (int)seconds / 60, (int)seconds % 60);
    else
        snprintf(text, TEXT_ROOM, "%d h %d min", (int)seconds / 3600, (int)seconds / 60 % 60);
    return text;
}

const char *class_text(const struct cupel_class_names *names, int64_t class) {
    if (names->count) return names->names[class];
    char *text = text_room();
    snprintf(text, TEXT_ROOM, "%" PRId64, class);
    return text;
}
