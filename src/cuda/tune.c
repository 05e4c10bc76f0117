/* Ways by time: the choice, and its memory on disk. Nothing here needs a device. */
#include "cuda/tune.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/file.h"

/* Both are objects of keys and names of ways. */
struct tune_table {
    char *path;     /* NULL: not kept */
    cJSON *learnt;  /* by time: kept on disk */
    cJSON *assumed; /* without: for the next call of this key only */
};

enum { MOST_WAYS = 24, MOST_BYTES = 16 << 20 };
static const char format_key[] = "cupel", choices_key[] = "choices";

/* ---- the file ---- */

/* The choices in the file; an empty object when it has none that this version understands. */
static cJSON *read_choices(const char *path) {
    unsigned char *data = NULL;
    size_t size = 0;
    cJSON *file = NULL, *choices = NULL;
    if (file_read(path, MOST_BYTES, &data, &size, NULL) == CUPEL_OK)
        file = cJSON_ParseWithLength((const char *)data, size);
    free(data);
    const char *version = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file, format_key));
    if (version && strcmp(version, CUPEL_VERSION) == 0)
        choices = cJSON_DetachItemFromObjectCaseSensitive(file, choices_key);
    cJSON_Delete(file);
    if (cJSON_IsObject(choices)) return choices;
    cJSON_Delete(choices);
    return cJSON_CreateObject();
}

static void put(cJSON *choices, const char *key, const char *name) {
    cJSON_DeleteItemFromObjectCaseSensitive(choices, key);
    cJSON_AddStringToObject(choices, key, name);
}

/* Writes what the table has learnt together with what other processes have written meanwhile. A file that cannot be
 * written is only time lost in the next run. */
static void write_choices(const struct tune_table *table) {
    cJSON *file = cJSON_CreateObject(), *choices = read_choices(table->path);
    const cJSON *choice;
    cJSON_ArrayForEach(choice, table->learnt) if (cJSON_IsString(choice))
        put(choices, choice->string, choice->valuestring);
    cJSON_AddStringToObject(file, format_key, CUPEL_VERSION);
    if (!cJSON_AddItemToObject(file, choices_key, choices)) cJSON_Delete(choices);
    char *text = cJSON_Print(file), *folder = strdup(table->path);
    cJSON_Delete(file);
    char *end = folder ? strrchr(folder, '/') : NULL;
    if (end && end != folder) {
        *end = 0;
        directory_make(folder, NULL);
    }
    if (text) file_write(table->path, &(struct iovec){text, strlen(text)}, 1, NULL);
    cJSON_free(text);
    free(folder);
}

struct tune_table *tune_open(const char *path) {
    struct tune_table *table = calloc(1, sizeof *table);
    if (!table) return NULL;
    table->path = path && *path ? strdup(path) : NULL;
    table->learnt = table->path ? read_choices(table->path) : cJSON_CreateObject();
    table->assumed = cJSON_CreateObject();
    if (table->learnt && table->assumed) return table;
    tune_close(table);
    return NULL;
}

void tune_close(struct tune_table *table) {
    if (!table) return;
    free(table->path);
    cJSON_Delete(table->learnt);
    cJSON_Delete(table->assumed);
    free(table);
}

void tune_path(const char *identity, char *path, size_t size) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length;
    if (cache && *cache == '/')
        length = snprintf(path, size, "%s/cupel/plans-", cache);
    else if (home && *home == '/')
        length = snprintf(path, size, "%s/.cache/cupel/plans-", home);
    else
        length = -1;
    if (length < 0 || (size_t)length + strlen(identity) + sizeof ".json" > size) {
        *path = 0;
        return;
    }
    char *end = path + length;
    for (const char *from = identity; *from; from++)
        *end++ = isalnum((unsigned char)*from) || *from == '.' ? *from : '-';
    memcpy(end, ".json", sizeof ".json");
}

/* ---- the key ---- */

struct text {
    char *at;
    size_t left;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text->at, text->left, format, arguments);
    va_end(arguments);
    const size_t used = length < 0 ? 0 : (size_t)length < text->left ? (size_t)length : text->left - 1;
    text->at += used;
    text->left -= used;
}

static void add_view(struct text *text, const struct view *view) {
    add(text, " t%d", (int)view->dtype);
    for (int d = 0; d < view->shape.rank; d++)
        add(text, "%c%lld", d ? 'x' : ':', (long long)view->shape.dim[d]);
    for (int d = 0; d < view->shape.rank; d++) add(text, "%c%lld", d ? ',' : '/', (long long)view->stride[d]);
}

void tune_key(const struct call *call, const char *detail, char *key, size_t size) {
    struct text text = {key, size};
    add(&text, "%s", detail);
    for (int i = 0; i < call->n_in; i++) add_view(&text, &call->in[i]);
    add(&text, " ->");
    for (int i = 0; i < call->n_out; i++) add_view(&text, &call->out[i]);
    add(&text, " p%d%s", (int)call->precision, call->deterministic ? " deterministic" : "");
}

/* ---- the choice ---- */

static void forget(struct call *call) {
    if (call->release) call->release(call->prepared);
    call->prepared = NULL;
    call->release = NULL;
    call->kernel = NULL;
    call->workspace_bytes = 0;
}

/* Prepares the call in the way of a name that was remembered. */
static bool repeat(struct call *call, const struct tune_question *question, const char *name) {
    const size_t word = strcspn(name, " ");
    for (int s = 0; s < question->n_sources; s++) {
        const struct tune_source *source = question->sources[s];
        if (strlen(source->name) == word && strncmp(source->name, name, word) == 0)
            return source->prepare(call, name, NULL) == CUPEL_OK;
    }
    return false;
}

struct search {
    struct call *call;
    tune_timer timer; /* NULL: the first way that serves */
    struct call best;
    double seconds;
    char name[TUNE_NAME];
    bool found;
    struct cupel_error why; /* of the first way that does not serve */
};

static void try_way(struct search *search, const struct tune_source *source, const struct tune_way *way) {
    struct call call = *search->call;
    struct cupel_error error = {0};
    double seconds = 0;
    if (source->prepare(&call, way->name, &error) != CUPEL_OK ||
        (search->timer && search->timer(&call, &seconds, &error) != CUPEL_OK)) {
        forget(&call);
        if (search->why.status == CUPEL_OK) search->why = error;
        return;
    }
    if (search->found && seconds >= search->seconds) {
        forget(&call);
        return;
    }
    if (search->found) forget(&search->best);
    search->best = call;
    search->seconds = seconds;
    search->found = true;
    memcpy(search->name, way->name, sizeof search->name);
}

static void search_all(struct search *search, const struct tune_question *question) {
    struct tune_way ways[MOST_WAYS];
    for (int s = 0; s < question->n_sources && (search->timer || !search->found); s++) {
        const int count = question->sources[s]->list(search->call, ways, MOST_WAYS);
        for (int w = 0; w < count && (search->timer || !search->found); w++)
            try_way(search, question->sources[s], &ways[w]);
    }
}

enum cupel_status tune_choose(struct tune_table *table, tune_timer timer, struct call *call,
                              const struct tune_question *question, struct cupel_error *error) {
    char key[1024];
    tune_key(call, question->detail, key, sizeof key);
    if (call->deterministic) timer = NULL;
    /* Where nothing is timed, what was timed in an earlier run is not asked for either. */
    const char *known =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(timer ? table->learnt : table->assumed, key));
    if (known && repeat(call, question, known)) return CUPEL_OK;
    struct search search = {.call = call, .timer = timer};
    search_all(&search, question);
    if (!search.found && timer) { /* such as for want of memory to time them in */
        search.timer = timer = NULL;
        search_all(&search, question);
    }
    if (!search.found)
        return cupel_fail(error, CUPEL_UNSUPPORTED, "nothing serves %s%s%s", key,
                          search.why.status ? ": " : "", search.why.message);
    *call = search.best;
    put(timer ? table->learnt : table->assumed, key, search.name);
    if (timer && table->path) write_choices(table);
    return CUPEL_OK;
}
