/* What this build is made of: versions compiled and loaded, and the processor. */
#include "cupel/version.h"

#include <cjson/cJSON.h>
#include <dnnl.h>
#include <jconfig.h>
#include <png.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>
#include <zlib.h>

#include "base/processor.h"
#include "commit.h"

#define TEXT_OF(value) #value
#define TEXT(value) TEXT_OF(value)
#define DOTTED(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

const char *cupel_version(void) {
    return CUPEL_VERSION;
}

const char *cupel_commit(void) {
    return CUPEL_COMMIT;
}

void cupel_libraries_print(FILE *file) {
    char dnnl[40];
    const dnnl_version_t *version = dnnl_version();
    snprintf(dnnl, sizeof dnnl, "%d.%d.%d", version->major, version->minor, version->patch);
    const struct {
        const char *name, *compiled, *loaded;
    } libraries[] = {
        {"oneDNN", DOTTED(DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR, DNNL_VERSION_PATCH), dnnl},
        /* libyaml's headers do not say their version; the build asks pkg-config. */
        {"libyaml", CUPEL_YAML_VERSION, yaml_get_version_string()},
        {"cJSON", DOTTED(CJSON_VERSION_MAJOR, CJSON_VERSION_MINOR, CJSON_VERSION_PATCH), cJSON_Version()},
        {"libpng", PNG_LIBPNG_VER_STRING, png_get_libpng_ver(NULL)},
        {"libjpeg", "turbo " TEXT(LIBJPEG_TURBO_VERSION), NULL}, /* the library does not say */
        {"zlib", ZLIB_VERSION, zlibVersion()},
    };
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        fprintf(file, "%-10s compiled %s%s%s\n", libraries[i].name, libraries[i].compiled,
                libraries[i].loaded ? ", loaded " : "", libraries[i].loaded ? libraries[i].loaded : "");
}

void cupel_processor_print(FILE *file) {
    char name[128];
    processor_name(name, sizeof name);
    fprintf(file, "%s, %ld of %ld cores online\n", name, sysconf(_SC_NPROCESSORS_ONLN),
            sysconf(_SC_NPROCESSORS_CONF));
#if defined(__x86_64__)
    __builtin_cpu_init();
#define HAS(feature) __builtin_cpu_supports(feature) ? " " feature : ""
    fprintf(file, "has%s%s%s%s%s%s\n", HAS("sse4.2"), HAS("avx"), HAS("avx2"), HAS("fma"), HAS("avx512f"),
            HAS("avx512vnni"));
#undef HAS
#endif
}
