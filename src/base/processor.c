/* The processor's name, from where Linux tells it. */
#include "base/processor.h"

#include <stdio.h>

void processor_name(char *name, size_t size) {
    char line[256], model[128] = "unknown processor";
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "model name : %127[^\n]", model) == 1) break;
    if (file) fclose(file);
    snprintf(name, size, "%s", model);
}
