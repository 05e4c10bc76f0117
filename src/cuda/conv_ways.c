/* The engines of conv.h among the ways to serve a convolution. */
#include <stdio.h>
#include <string.h>

#include "cuda/conv.h"
#include "cuda/tune.h"

/* A way's name is "cupel ENGINE". */
static const char prefix[] = "cupel ";

static bool suits(const struct conv_engine *engine, const struct call *call) {
    return !engine->suits || engine->suits(call);
}

static int list(const struct call *call, struct tune_way *ways, int room) {
    int count = 0;
    for (int suiting = 1; suiting >= 0; suiting--) /* first those that suit */
        for (const struct conv_engine *const *engine = conv_engines(call); *engine && count < room; engine++)
            if ((*engine)->fits(call) && suits(*engine, call) == suiting)
                snprintf(ways[count++].name, TUNE_NAME, "%s%s", prefix, (*engine)->name);
    return count;
}

static enum cupel_status prepare(struct call *call, const char *name, struct cupel_error *error) {
    for (const struct conv_engine *const *engine = conv_engines(call); *engine; engine++) {
        if (strcmp(name + strlen(prefix), (*engine)->name) != 0 || !(*engine)->fits(call)) continue;
        conv_use(call, *engine);
        return CUPEL_OK;
    }
    return cupel_fail(error, CUPEL_UNSUPPORTED, "'%s' is no engine for this convolution", name);
}

enum cupel_status conv_choose(struct call *call, struct cupel_error *error) {
    static const struct tune_source own = {"cupel", list, prepare};
    return cuda_choose_conv(call, &own, error);
}
