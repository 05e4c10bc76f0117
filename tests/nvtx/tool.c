/* A profiler as NVTX loads it ($NVTX_INJECTION64_PATH): writes the ranges to the file $RANGES, indented by depth. */
#include <nvtx3/nvToolsExt.h>
#include <stdio.h>
#include <stdlib.h>

static FILE *file;
static int depth;

static int push(const char *name) {
    if (file) fprintf(file, "%*s%s\n", 2 * depth, "", name);
    return depth++;
}

static int pop(void) {
    if (file) fflush(file);
    return --depth;
}

int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get_table);

int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get_table) {
    const NvtxExportTableCallbacks *callbacks = get_table(NVTX_ETID_CALLBACKS);
    NvtxFunctionTable table;
    unsigned size;
    const char *path = getenv("RANGES");
    if (!callbacks || !path || !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE, &table, &size))
        return 0;
    file = fopen(path, "w");
    *table[NVTX_CBID_CORE_RangePushA] = (NvtxFunctionPointer)push;
    *table[NVTX_CBID_CORE_RangePop] = (NvtxFunctionPointer)pop;
    return file != NULL;
}
