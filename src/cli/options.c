/* Parsing the command line by one table. */
#include "cli/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum option_type {
    OPTION_SWITCH, /* bool */
    OPTION_TEXT,   /* const char * */
    OPTION_NUMBER, /* int64_t, from low to high */
    OPTION_WORD,   /* const char *, one of `value`'s words */
    OPTION_LIST,   /* struct list; may be repeated */
};

struct option {
    const char *name;
    unsigned commands, required; /* bits of the commands that take it, and of those that need it */
    enum option_type type;
    const char *value; /* what help calls the value */
    size_t offset;     /* in struct arguments */
    int64_t low, high;
    const char *help;
};

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define AT(member) offsetof(struct arguments, member)

enum {
    WITH_MODEL = COMMAND_TRAIN | COMMAND_EVAL | COMMAND_PREDICT | COMMAND_SAMPLE | COMMAND_PLAN |
                 COMMAND_DUMP | COMMAND_CHECK | COMMAND_BENCH,
    NEEDS_WEIGHTS = COMMAND_EVAL | COMMAND_PREDICT | COMMAND_SAMPLE,
};

static const struct option options[] = {
    {"--data", COMMAND_TRAIN | COMMAND_EVAL | COMMAND_CHECK, 0, OPTION_TEXT, "PATH", AT(data),
     .help = "read the data set from here instead of the model file's data.path"},
    {"--skip-bad", COMMAND_TRAIN | COMMAND_EVAL, 0, OPTION_SWITCH, NULL, AT(skip_bad),
     .help = "leave out files of a folder that are no whole images, and say how many"},
    {"--data", COMMAND_DOCTOR, 0, OPTION_TEXT, "PATH", AT(data), .help = "the data set to look for"},
    {"--weights", NEEDS_WEIGHTS | COMMAND_DUMP | COMMAND_CHECK, NEEDS_WEIGHTS, OPTION_TEXT, "FILE",
     AT(weights), .help = "safetensors file: weights or a checkpoint"},
    {"--out", COMMAND_SAMPLE, COMMAND_SAMPLE, OPTION_TEXT, "PNG", AT(out),
     .help = "picture to write; its latents go beside it"},
    {"--n", COMMAND_SAMPLE, 0, OPTION_NUMBER, "N", AT(count), 1, 1 << 20,
     "images (default: what the grid holds)"},
    {"--n", COMMAND_EVAL, 0, OPTION_NUMBER, "N", AT(count), 1, 1 << 24,
     "gan: images to generate (default 10000)"},
    {"--grid", COMMAND_SAMPLE, 0, OPTION_TEXT, "RxC", AT(grid),
     .help = "rows and columns (default 8x8; a row for each class, where there are any)"},
    {"--single", COMMAND_SAMPLE, 0, OPTION_SWITCH, NULL, AT(single),
     .help = "a file for each image, PNG-0000.png and so on, instead of a grid"},
    {"--label", COMMAND_SAMPLE, 0, OPTION_TEXT, "CLASS", AT(label),
     .help = "one class for all images, by number or name (default: all, a row each)"},
    {"--interpolate", COMMAND_SAMPLE, 0, OPTION_SWITCH, NULL, AT(interpolate),
     .help = "each row goes from one latent to another"},
    {"--vector", COMMAND_SAMPLE, 0, OPTION_TEXT, "EXPR", AT(vector),
     .help = "latent arithmetic: \"a.safetensors:0,4 - b.safetensors:0-2 + c.safetensors:3\""},
    {"--latents", COMMAND_SAMPLE, 0, OPTION_TEXT, "FILE", AT(latents),
     .help = "take these latents instead of random ones"},
    {"--batchnorm", COMMAND_SAMPLE, 0, OPTION_WORD, "running|batch", AT(batchnorm),
     .help = "statistics: the running ones (default), or those of each batch"},
    {"--features", COMMAND_EVAL, 0, OPTION_TEXT, "MODEL", AT(features),
     .help = "gan: classifier in whose features images are compared"},
    {"--features-weights", COMMAND_EVAL, 0, OPTION_TEXT, "FILE", AT(features_weights),
     .help = "gan: the classifier's weights"},
    {"--batch", COMMAND_DUMP, COMMAND_DUMP, OPTION_TEXT, "FILE", AT(batch_file),
     .help = "safetensors file with the inputs: `image` (normalised), `label` (I32 or I64), a GAN's `noise`"},
    {"--batch", COMMAND_CHECK, 0, OPTION_TEXT, "FILE", AT(batch_file),
     .help = "inputs as for `cupel dump` (default: images of the data set, or random ones)"},
    {"--steps", COMMAND_CHECK, 0, OPTION_NUMBER, "N", AT(steps), 1, 1000,
     .help = "steps of the trajectory (default 5)"},
    {"--against", COMMAND_CHECK, 0, OPTION_TEXT, "NAME", AT(against),
     .help = "the device that is trusted (default reference)"},
    {"--filter", COMMAND_CHECK, 0, OPTION_TEXT, "REGEX", AT(filter),
     .help = "only nodes whose layer or op it matches"},
    {"--tolerance", COMMAND_CHECK, 0, OPTION_TEXT, "NUMBER", AT(tolerance),
     .help = "relative error to let pass (default 1e-5 in f32, 1e-3 in tf32, 1e-2 in 16 bits)"},
    {"--repeat", COMMAND_CHECK, 0, OPTION_NUMBER, "N", AT(repeat), 2, 100,
     .help = "run each node so often, and demand the same bits"},
    {"--json", COMMAND_CHECK, 0, OPTION_TEXT, "FILE", AT(json), .help = "write what was found as JSON"},
    {"--junit", COMMAND_CHECK, 0, OPTION_TEXT, "FILE", AT(junit), .help = "the same as JUnit's XML"},
    {"--save-repro", COMMAND_CHECK, 0, OPTION_TEXT, "DIR", AT(save_repro),
     .help = "write a file for each node that fails: inputs, outputs, attributes"},
    {"--repro", COMMAND_CHECK, 0, OPTION_TEXT, "PATH", AT(repro),
     .help = "instead of a model: run what such a file, or a directory of them, has"},
    {"--verbose", COMMAND_CHECK, 0, OPTION_SWITCH, NULL, AT(verbose),
     .help = "show all nodes, not only failures and the worst"},
    {"--filter", COMMAND_BENCH, 0, OPTION_TEXT, "REGEX", AT(filter),
     .help = "only rows whose name or op it matches"},
    {"--seconds", COMMAND_BENCH, 0, OPTION_TEXT, "NUMBER", AT(seconds),
     .help = "the most to spend on timing a row (default 0.25), or a model's step (default 5)"},
    {"--rounds", COMMAND_BENCH, 0, OPTION_NUMBER, "N", AT(rounds), 1, 50,
     .help = "ops: time each row so often, in a process of its own (default 5)"},
    {"--unverified", COMMAND_BENCH, 0, OPTION_SWITCH, NULL, AT(unverified),
     .help = "ops: do not hold results against the reference first"},
    {"--json", COMMAND_BENCH, 0, OPTION_TEXT, "FILE", AT(json), .help = "write what was measured as JSON"},
    {"--compare", COMMAND_BENCH, 0, OPTION_TEXT, "FILE", AT(compare),
     .help = "tell what is slower or faster than in such a file; exit status 1 when something is slower"},
    {"--trace", COMMAND_BENCH, 0, OPTION_TEXT, "FILE", AT(trace),
     .help = "model: write one step as a Chrome trace, for chrome://tracing"},
    {"--batch", COMMAND_BENCH, 0, OPTION_NUMBER, "N", AT(batch), 1, 1 << 24,
     "images in a batch (default: the model's; ops: 4 on cpu, 64 on cuda)"},
    {"--steps", COMMAND_DUMP, COMMAND_DUMP, OPTION_NUMBER, "N", AT(steps), 1, INT32_MAX,
     .help = "training steps to run on that batch"},
    {"--out", COMMAND_DUMP, COMMAND_DUMP, OPTION_TEXT, "FILE", AT(out),
     .help = "safetensors file to write: losses, activations, gradients, parameters"},
    {"--device", WITH_MODEL, 0, OPTION_TEXT, "NAME", AT(device),
     .help = "auto (default), cpu, reference, cuda[:N] or emu"},
    {"--threads", WITH_MODEL, 0, OPTION_NUMBER, "N", AT(threads), 1, 1024,
     .help = "threads of device cpu (default: one for each core)"},
    {"--threads", COMMAND_DATA, 0, OPTION_NUMBER, "N", AT(threads), 1, 1024,
     .help = "threads that decode images (default: one for each core)"},
    {"--precision", WITH_MODEL, 0, OPTION_WORD, "f32|tf32|bf16|f16", AT(precision),
     .help = "what to compute in (default bf16 on cuda, f32 elsewhere)"},
    {"--epochs", COMMAND_TRAIN, 0, OPTION_NUMBER, "N", AT(epochs), 1, INT32_MAX,
     "passes over the training images"},
    {"--steps", COMMAND_TRAIN, 0, OPTION_NUMBER, "N", AT(steps), 1, INT32_MAX,
     "stop after so many steps, if the epochs do not end first"},
    {"--batch", COMMAND_TRAIN | COMMAND_EVAL | COMMAND_SAMPLE | COMMAND_PLAN, 0, OPTION_NUMBER, "N",
     AT(batch), 1, 1 << 24, "images in a batch"},
    {"--seed", COMMAND_TRAIN | COMMAND_EVAL | COMMAND_SAMPLE | COMMAND_DUMP | COMMAND_CHECK, 0, OPTION_NUMBER,
     "N", AT(seed), 0, INT64_C(1) << 53, "seed of all random numbers"},
    {"--deterministic", COMMAND_TRAIN | COMMAND_DUMP | COMMAND_CHECK | COMMAND_BENCH, 0, OPTION_SWITCH, NULL,
     AT(deterministic), .help = "the same bits in every run on this device (cpu and reference always are)"},
    {"--stream", COMMAND_TRAIN | COMMAND_EVAL, 0, OPTION_SWITCH, NULL, AT(stream),
     .help = "leave images in their files and read each batch when it is needed (default: of large sets)"},
    {"--set", WITH_MODEL, 0, OPTION_LIST, "KEY=VALUE", AT(settings),
     .help = "override a key of the model file, as train.optimizer.adam.lr=0.01; repeatable"},
    {"--out", COMMAND_PREDICT, 0, OPTION_TEXT, "DIR", AT(out),
     .help = "of a segmenter: directory for the masks, which it needs"},
    {"--out", COMMAND_TRAIN, 0, OPTION_TEXT, "DIR", AT(out),
     .help = "directory of the run (default: runs/ and the model file's name)"},
    {"--sample-steps", COMMAND_TRAIN, 0, OPTION_NUMBER, "N", AT(sample_steps), 1, INT32_MAX,
     "steps between two grids of a GAN's images (default: a twentieth of the run)"},
    {"--resume", COMMAND_TRAIN, 0, OPTION_SWITCH, NULL, AT(resume),
     .help = "go on from the checkpoint in the run's directory"},
    {"--init", COMMAND_TRAIN, 0, OPTION_TEXT, "FILE", AT(init),
     .help = "start from these weights (a safetensors file) instead of random ones"},
    {"--init-skip", COMMAND_TRAIN, 0, OPTION_LIST, "PATTERN", AT(init_skip),
     .help = "leave tensors whose names match, as 'fc.*', as initialised, whatever --init has; repeatable"},
};

void complain(const char *format, ...) {
    va_list list;
    va_start(list, format);
    fflush(stdout); /* so that the two streams keep their order on a terminal */
    fputs("cupel: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
}

int complain_error(const struct cupel_error *error) {
    complain("%s", error->message);
    return error->status == CUPEL_INVALID || error->status == CUPEL_UNSUPPORTED ? EXIT_BAD_INPUT
                                                                                : EXIT_RUN_FAILED;
}

/* ---- help ---- */

void command_help(const struct command *command, FILE *file) {
    fprintf(file, "usage: cupel %s", command->name);
    if (*command->words) fprintf(file, " %s", command->words);
    for (size_t i = 0; i < COUNT(options); i++)
        if (options[i].required & command->bit) fprintf(file, " %s %s", options[i].name, options[i].value);
    fprintf(file, " [FLAG]...\n\n%s.\n", command->summary);
    if (command->about) fprintf(file, "%s\n", command->about);
    fputs("\nFlags:\n", file);
    for (size_t i = 0; i < COUNT(options); i++) {
        if (!(options[i].commands & command->bit)) continue;
        char left[60];
        snprintf(left, sizeof left, "%s %s", options[i].name, options[i].value ? options[i].value : "");
        fprintf(file, "  %-31s %s\n", left, options[i].help);
    }
    fprintf(file, "  %-31s %s\n", "--help", "show this");
}

/* ---- parsing ---- */

struct parse {
    const struct command *command;
    struct arguments *arguments;
    bool seen[COUNT(options)];
};

static bool refuse(const struct parse *parse, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool refuse(const struct parse *parse, const char *format, ...) {
    char message[600];
    va_list list;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    complain("%s; `cupel %s --help` shows what it takes", message, parse->command->name);
    return false;
}

static bool read_number(const struct parse *parse, const struct option *option, const char *text,
                        int64_t *number) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || strspn(text, " \t\n\r\f\v"))
        return refuse(parse, "%s: '%.80s' is not a whole number", option->name, text);
    if (errno || value < option->low || value > option->high)
        return refuse(parse, "%s: %.80s is out of range; it goes from %" PRId64 " to %" PRId64, option->name,
                      text, option->low, option->high);
    *number = value;
    return true;
}

static bool is_one_of(const char *words, const char *text) {
    size_t length = strlen(text);
    for (const char *word = words; word; word = strchr(word, '|')) {
        word += *word == '|';
        if (strcspn(word, "|") == length && !strncmp(word, text, length)) return true;
    }
    return false;
}

static bool take_value(const struct parse *parse, const struct option *option, const char *value) {
    void *place = (char *)parse->arguments + option->offset;
    if (!*value) return refuse(parse, "%s: its value is empty", option->name);
    switch (option->type) {
    case OPTION_NUMBER:
        if (!read_number(parse, option, value, place)) return false;
        break;
    case OPTION_WORD:
        if (!is_one_of(option->value, value))
            return refuse(parse, "%s: '%.80s' is none of %s", option->name, value, option->value);
        *(const char **)place = value;
        break;
    case OPTION_LIST: {
        struct list *list = place;
        list->items[list->count++] = value;
        break;
    }
    default:
        *(const char **)place = value;
    }
    return true;
}

/* Complains about a flag that the command does not have. */
static bool refuse_flag(const struct parse *parse, const char *name, size_t length) {
    const char *known[COUNT(options) + 1];
    size_t count = 0;
    char text[60];
    snprintf(text, sizeof text, "%.*s", (int)length, name);
    for (size_t i = 0; i < COUNT(options); i++)
        if (options[i].commands & parse->command->bit) known[count++] = options[i].name;
    known[count++] = "--help";
    const char *nearest = cupel_nearest(text, known, count, sizeof *known);
    return refuse(parse, "unknown flag '%s'%s%s%s", text, nearest ? "; did you mean '" : "",
                  nearest ? nearest : "", nearest ? "'?" : "");
}

static const struct option *find_option(const struct parse *parse, const char *name, size_t length) {
    for (size_t i = 0; i < COUNT(options); i++)
        if (options[i].commands & parse->command->bit && strlen(options[i].name) == length &&
            !strncmp(options[i].name, name, length))
            return &options[i];
    return NULL;
}

/* Reads the flag at argv[*index], and its value, which may be the next argument. */
static bool take_flag(struct parse *parse, int count, char **argv, int *index) {
    const char *flag = argv[*index], *equals = strchr(flag, '=');
    size_t length = equals ? (size_t)(equals - flag) : strlen(flag);
    const struct option *option = find_option(parse, flag, length);
    if (!option) return refuse_flag(parse, flag, length);
    if (option->type != OPTION_LIST && parse->seen[option - options])
        return refuse(parse, "%s is given twice", option->name);
    parse->seen[option - options] = true;
    if (option->type == OPTION_SWITCH) {
        if (equals) return refuse(parse, "%s takes no value", option->name);
        *(bool *)((char *)parse->arguments + option->offset) = true;
        return true;
    }
    if (equals) return take_value(parse, option, equals + 1);
    if (*index + 1 >= count || !strncmp(argv[*index + 1], "--", 2))
        return refuse(parse, "%s needs a value: %s %s", option->name, option->name, option->value);
    return take_value(parse, option, argv[++*index]);
}

/* The words of `data`. */
static bool take_scan(const struct parse *parse) {
    struct arguments *arguments = parse->arguments;
    const bool scan = arguments->word_count && !strcmp(arguments->words[0], "scan");
    if (arguments->word_count && !scan)
        return refuse(parse, "'%.80s' is nothing to do with data; write `cupel data scan PATH`",
                      arguments->words[0]);
    if (arguments->word_count < 2) return refuse(parse, "which data set? Write `cupel data scan PATH`");
    if (arguments->word_count > 2)
        return refuse(parse, "'%.80s' is one argument too many", arguments->words[2]);
    arguments->data = arguments->words[1];
    return true;
}

/* Gives the arguments that are no flags their meaning: MODEL first, then images where the command takes
 * them. */
static bool take_words(const struct parse *parse) {
    struct arguments *arguments = parse->arguments;
    const struct command *command = parse->command;
    bool model = command->bit & WITH_MODEL && !arguments->repro, images = command->bit == COMMAND_PREDICT;
    if (command->bit == COMMAND_DATA) return take_scan(parse);
    if (model && !arguments->word_count) return refuse(parse, "which model? Name a model file");
    if (images && arguments->word_count < 2)
        return refuse(parse, "which image? Name a PNG or JPEG file or more");
    if (!images && arguments->word_count > model)
        return refuse(parse, "'%.80s' is one argument too many", arguments->words[model]);
    if (model) arguments->model = arguments->words[0];
    arguments->images = arguments->words + model;
    arguments->image_count = arguments->word_count - model;
    return true;
}

static bool parse_all(struct parse *parse, int count, char **argv) {
    bool flags = true;
    for (int i = 0; i < count; i++) {
        if (flags && !strcmp(argv[i], "--"))
            flags = false;
        else if (flags && argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!take_flag(parse, count, argv, &i)) return false;
        } else
            parse->arguments->words[parse->arguments->word_count++] = argv[i];
    }
    for (size_t i = 0; i < COUNT(options); i++)
        if (options[i].required & parse->command->bit && !parse->seen[i])
            return refuse(parse, "%s %s is missing", options[i].name, options[i].value);
    return take_words(parse);
}

bool arguments_read(const struct command *command, int count, char **argv, struct arguments *arguments,
                    int *exit_status) {
    struct parse parse = {.command = command, .arguments = arguments};
    *arguments = (struct arguments){.seed = -1};
    size_t room = (size_t)count + 1;
    arguments->settings.items = calloc(room, sizeof *arguments->settings.items);
    arguments->init_skip.items = calloc(room, sizeof *arguments->init_skip.items);
    arguments->words = calloc(room, sizeof *arguments->words);
    *exit_status = EXIT_DONE;
    for (int i = 0; i < count && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "-h") != 0) continue;
        command_help(command, stdout);
        return false;
    }
    *exit_status = EXIT_BAD_INPUT;
    if (!arguments->settings.items || !arguments->init_skip.items || !arguments->words)
        return refuse(&parse, "out of memory");
    return parse_all(&parse, count, argv);
}

void arguments_free(struct arguments *arguments) {
    free(arguments->settings.items);
    free(arguments->init_skip.items);
    free(arguments->words);
}
