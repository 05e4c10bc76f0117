/* Engines for a graph: which there are, what they promise of their numbers, and how one is executed. */
#include <stdlib.h>
#include <string.h>

#include "cuda/nvidia/scope.h"

enum { MOST_CONFIGS = 32, MOST_NOTES = 16 };

/* Points a descriptor to the device that it is for. */
static void set_device(struct cudnn_scope *scope, const struct cudnn_target *target,
                       cudnnBackendDescriptor_t of, cudnnBackendAttributeName_t name) {
    if (target->properties) scope_set(scope, of, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &target->properties);
}

/* ---- rules ---- */

static bool note_allowed(cudnnBackendNumericalNote_t note, const struct cudnn_rules *rules) {
    switch (note) {
    case CUDNN_NUMERICAL_NOTE_TENSOR_CORE:
        return rules->tensor_cores;
    case CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC:
        return rules->nondeterministic;
    case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS:
    case CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION:
    case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6: /* their transforms lose more digits than a judge allows */
    case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13:
        return false;
    default:
        return true;
    }
}

static bool keeps_rules(const struct cudnn *library, cudnnBackendDescriptor_t engine,
                        const struct cudnn_rules *rules) {
    cudnnBackendNumericalNote_t notes[MOST_NOTES];
    cudnnBackendBehaviorNote_t habits[MOST_NOTES];
    int64_t count = 0;
    if (library->cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                          MOST_NOTES, &count, notes) != CUDNN_STATUS_SUCCESS)
        return false;
    for (int64_t i = 0; i < count && i < MOST_NOTES; i++)
        if (!note_allowed(notes[i], rules)) return false;
    count = 0;
    if (library->cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE,
                                          MOST_NOTES, &count, habits) != CUDNN_STATUS_SUCCESS)
        return false;
    for (int64_t i = 0; i < count && i < MOST_NOTES; i++)
        if (habits[i] == CUDNN_BEHAVIOR_NOTE_REQUIRES_FILTER_INT8x32_REORDER ||
            habits[i] == CUDNN_BEHAVIOR_NOTE_REQUIRES_BIAS_INT8x32_REORDER)
            return false;
    return true;
}

/* ---- what heuristics name ---- */

/* What the configuration is made of; false when it breaks a rule or cannot be read. */
static bool read_config(const struct cudnn *library, cudnnBackendDescriptor_t config,
                        const struct cudnn_rules *rules, struct cudnn_choice *choice) {
    struct cudnn_scope scope = {.library = library};
    cudnnBackendDescriptor_t engine = scope_add(&scope, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    cudnnBackendDescriptor_t knobs[CUDNN_KNOBS];
    for (int k = 0; k < CUDNN_KNOBS; k++) knobs[k] = scope_add(&scope, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
    int64_t count = 0, one;
    bool read =
        scope.status == CUDNN_STATUS_SUCCESS &&
        library->cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                          1, &one, &engine) == CUDNN_STATUS_SUCCESS &&
        keeps_rules(library, engine, rules) &&
        library->cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &one,
                                          &choice->engine) == CUDNN_STATUS_SUCCESS &&
        library->cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                                          CUDNN_TYPE_BACKEND_DESCRIPTOR, CUDNN_KNOBS, &count,
                                          knobs) == CUDNN_STATUS_SUCCESS &&
        count <= CUDNN_KNOBS;
    choice->n_knobs = (int)count;
    for (int k = 0; k < count && read; k++) {
        cudnnBackendKnobType_t type;
        read =
            library->cudnnBackendGetAttribute(knobs[k], CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE,
                                              CUDNN_TYPE_KNOB_TYPE, 1, &one, &type) == CUDNN_STATUS_SUCCESS &&
            library->cudnnBackendGetAttribute(knobs[k], CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64,
                                              1, &one, &choice->knob[k].value) == CUDNN_STATUS_SUCCESS;
        choice->knob[k].type = (int64_t)type;
    }
    scope_end(&scope);
    return read;
}

/* Appends the choices that heuristics of one mode name for the graph. */
static int ask(const struct cudnn_target *target, cudnnBackendDescriptor_t graph, cudnnBackendHeurMode_t mode,
               const struct cudnn_rules *rules, struct cudnn_choice *choices, int room) {
    struct cudnn_scope scope = {.library = target->library};
    const cudnnBackendDescriptor_t heuristics = scope_add(&scope, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    scope_set(&scope, heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
              &graph);
    scope_set(&scope, heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    set_device(&scope, target, heuristics, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP);
    scope_finish(&scope, heuristics);
    cudnnBackendDescriptor_t configs[MOST_CONFIGS];
    for (int i = 0; i < MOST_CONFIGS; i++) configs[i] = scope_add(&scope, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    int64_t found = 0;
    if (scope.status == CUDNN_STATUS_SUCCESS)
        scope.status = target->library->cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                                                 CUDNN_TYPE_BACKEND_DESCRIPTOR, MOST_CONFIGS,
                                                                 &found, configs);
    int count = 0;
    if (scope.status == CUDNN_STATUS_SUCCESS)
        for (int64_t i = 0; i < found && i < MOST_CONFIGS && count < room; i++)
            if (read_config(target->library, configs[i], rules, &choices[count])) count++;
    scope_end(&scope);
    return count;
}

int cudnn_conv_choices(const struct cudnn_target *target, const struct cudnn_conv *conv,
                       const struct cudnn_rules *rules, struct cudnn_choice *choices, int room) {
    struct cudnn_scope scope = {.library = target->library};
    const cudnnBackendDescriptor_t graph = scope_add_conv(&scope, target, conv);
    int count = 0;
    if (scope.status == CUDNN_STATUS_SUCCESS) {
        count = ask(target, graph, CUDNN_HEUR_MODE_A, rules, choices, room);
        if (!count) count = ask(target, graph, CUDNN_HEUR_MODE_FALLBACK, rules, choices, room);
    }
    scope_end(&scope);
    return count;
}

/* ---- plans ---- */

struct cudnn_plan {
    struct cudnn_target target;
    struct cudnn_scope scope;
    cudnnBackendDescriptor_t plan;
    int64_t workspace;
    bool bias;
};

static cudnnBackendDescriptor_t add_engine(struct cudnn_plan *plan, cudnnBackendDescriptor_t graph,
                                           int64_t index) {
    struct cudnn_scope *scope = &plan->scope;
    const cudnnBackendDescriptor_t engine = scope_add(scope, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    scope_set(scope, engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph);
    scope_set(scope, engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &index);
    set_device(scope, &plan->target, engine, CUDNN_ATTR_ENGINE_DEVICEPROP);
    scope_finish(scope, engine);
    return engine;
}

static cudnnBackendDescriptor_t add_config(struct cudnn_scope *scope, cudnnBackendDescriptor_t engine,
                                           const struct cudnn_choice *choice) {
    cudnnBackendDescriptor_t knobs[CUDNN_KNOBS];
    for (int k = 0; k < choice->n_knobs; k++) {
        const cudnnBackendKnobType_t type = (cudnnBackendKnobType_t)choice->knob[k].type;
        knobs[k] = scope_add(scope, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
        scope_set(scope, knobs[k], CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &type);
        scope_set(scope, knobs[k], CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, 1,
                  &choice->knob[k].value);
        scope_finish(scope, knobs[k]);
    }
    const cudnnBackendDescriptor_t config = scope_add(scope, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    scope_set(scope, config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &engine);
    if (choice->n_knobs)
        scope_set(scope, config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                  choice->n_knobs, knobs);
    scope_finish(scope, config);
    return config;
}

/* Makes plan->plan; the first failure stays in the scope. */
static void build(struct cudnn_plan *plan, const struct cudnn_conv *conv, const struct cudnn_rules *rules,
                  const struct cudnn_choice *choice) {
    struct cudnn_scope *scope = &plan->scope;
    const cudnnBackendDescriptor_t graph = scope_add_conv(scope, &plan->target, conv),
                                   engine = add_engine(plan, graph, choice->engine);
    if (scope->status == CUDNN_STATUS_SUCCESS && !keeps_rules(scope->library, engine, rules))
        scope->status = CUDNN_STATUS_NOT_SUPPORTED;
    const cudnnBackendDescriptor_t config = add_config(scope, engine, choice);
    plan->plan = scope_add(scope, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    if (plan->target.handle)
        scope_set(scope, plan->plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1,
                  &plan->target.handle);
    set_device(scope, &plan->target, plan->plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP);
    scope_set(scope, plan->plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
              &config);
    scope_finish(scope, plan->plan);
    int64_t one;
    if (scope->status == CUDNN_STATUS_SUCCESS)
        scope->status =
            scope->library->cudnnBackendGetAttribute(plan->plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                                     CUDNN_TYPE_INT64, 1, &one, &plan->workspace);
}

enum cupel_status cudnn_plan_make(const struct cudnn_target *target, const struct cudnn_conv *conv,
                                  const struct cudnn_rules *rules, const struct cudnn_choice *choice,
                                  struct cudnn_plan **plan, struct cupel_error *error) {
    struct cudnn_plan *made = calloc(1, sizeof *made);
    if (!made) return cupel_fail(error, CUPEL_NOMEM, "no memory for a plan of cuDNN");
    made->target = *target;
    made->scope.library = target->library;
    made->bias = conv->bias;
    build(made, conv, rules, choice);
    if (made->scope.status != CUDNN_STATUS_SUCCESS || made->workspace < 0) {
        const enum cupel_status status =
            cupel_fail(error, CUPEL_UNSUPPORTED, "cuDNN's engine %lld: %s", (long long)choice->engine,
                       target->library->cudnnGetErrorString(made->scope.status));
        cudnn_plan_free(made);
        return status;
    }
    *plan = made;
    return CUPEL_OK;
}

void cudnn_plan_free(struct cudnn_plan *plan) {
    if (!plan) return;
    scope_end(&plan->scope);
    free(plan);
}

size_t cudnn_plan_workspace(const struct cudnn_plan *plan) {
    return (size_t)plan->workspace;
}

enum cupel_status cudnn_plan_execute(const struct cudnn_plan *plan, cudaStream_t stream,
                                     void *const data[PARTY_BIAS + 1], void *workspace,
                                     struct cupel_error *error) {
    static const int64_t ids[] = {PARTY_IMAGE, PARTY_WEIGHT, PARTY_RESULT, PARTY_BIAS};
    struct cudnn_scope scope = {.library = plan->target.library};
    const int64_t count = plan->bias ? 4 : 3;
    scope.status = scope.library->cudnnSetStream(plan->target.handle, stream);
    const cudnnBackendDescriptor_t pack = scope_add(&scope, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    scope_set(&scope, pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, ids);
    scope_set(&scope, pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count,
              data + PARTY_IMAGE);
    scope_set(&scope, pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    scope_finish(&scope, pack);
    if (scope.status == CUDNN_STATUS_SUCCESS)
        scope.status = scope.library->cudnnBackendExecute(plan->target.handle, plan->plan, pack);
    scope_end(&scope);
    if (scope.status == CUDNN_STATUS_SUCCESS) return CUPEL_OK;
    return cupel_fail(error, CUPEL_FAILED, "cuDNN: %s", scope.library->cudnnGetErrorString(scope.status));
}
