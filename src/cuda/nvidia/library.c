/* Finding cuDNN and cuBLASLt: in the folder that CUPEL_CUDNN or CUPEL_CUBLAS names, else where the system's loader looks,
 * else in the toolkit's usual place. They stay loaded: their threads and exit handlers outlive any use of ours. */
#include "cuda/nvidia/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_OF(value) #value
#define TEXT(value) TEXT_OF(value)

static const char cudnn_file[] = "libcudnn.so." TEXT(CUDNN_MAJOR);
static const char cublaslt_file[] = "libcublasLt.so." TEXT(CUBLAS_VER_MAJOR);
static const char usual_folder[] = "/usr/local/cuda/lib64";

struct library {
    void *loaded;
    char why[600];
};

static void *open_in(const char *folder, const char *file) {
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s/%s", folder, file);
    return length > 0 && (size_t)length < sizeof path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
}

static void library_open(struct library *library, const char *file, const char *variable) {
    const char *folder = getenv(variable);
    if (folder && *folder) {
        library->loaded = open_in(folder, file);
    } else {
        library->loaded = dlopen(file, RTLD_NOW | RTLD_LOCAL);
        if (library->loaded) return;
        snprintf(library->why, sizeof library->why, "%s", dlerror()); /* the plainest of the two reasons */
        library->loaded = open_in(usual_folder, file);
        return;
    }
    if (!library->loaded) snprintf(library->why, sizeof library->why, "%s", dlerror());
}

/* dlsym's result as a function pointer's bits. */
static void look_up(struct library *library, const char *name, void *pointer) {
    void *found = library->loaded ? dlsym(library->loaded, name) : NULL;
    if (library->loaded && !found) {
        snprintf(library->why, sizeof library->why, "it has no function %s; install a later version", name);
        library->loaded = NULL;
    }
    memcpy(pointer, &found, sizeof found);
}

/* ---- cuDNN ---- */

static struct library cudnn_library;
static struct cudnn cudnn;

static void cudnn_open(void) {
    library_open(&cudnn_library, cudnn_file, "CUPEL_CUDNN");
#define LOOK_UP(name) look_up(&cudnn_library, #name, &cudnn.name);
    CUDNN_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
    if (!cudnn_library.loaded) return;
    cudnn.version = (int)cudnn.cudnnGetVersion();
    if (cudnn.version / 10000 == CUDNN_MAJOR) return;
    snprintf(cudnn_library.why, sizeof cudnn_library.why, "version %d was found, but %d is needed",
             cudnn.version / 10000, CUDNN_MAJOR);
    cudnn_library.loaded = NULL;
}

const struct cudnn *cudnn_load(const char **why) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, cudnn_open);
    if (why) *why = cudnn_library.why;
    return cudnn_library.loaded ? &cudnn : NULL;
}

/* ---- cuBLASLt ---- */

static struct library cublaslt_library;
static struct cublaslt cublaslt;

static void cublaslt_open(void) {
    library_open(&cublaslt_library, cublaslt_file, "CUPEL_CUBLAS");
#define LOOK_UP(name) look_up(&cublaslt_library, #name, &cublaslt.name);
    CUBLASLT_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
    if (!cublaslt_library.loaded) return;
    cublaslt.version = (int)cublaslt.cublasLtGetVersion();
    if (cublaslt.version / 10000 == CUBLAS_VER_MAJOR) return;
    snprintf(cublaslt_library.why, sizeof cublaslt_library.why, "version %d was found, but %d is needed",
             cublaslt.version / 10000, CUBLAS_VER_MAJOR);
    cublaslt_library.loaded = NULL;
}

const struct cublaslt *cublaslt_load(const char **why) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, cublaslt_open);
    if (why) *why = cublaslt_library.why;
    return cublaslt_library.loaded ? &cublaslt : NULL;
}
