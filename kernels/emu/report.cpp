/* Collects an error where it happens, with nothing but text put into fixed storage, and tells it later, on
 * the main stack, where looking up lines may allocate and start addr2line. */
#include "report.h"

#include <cstdarg>
#include <cstdio>
#include <link.h>
#include <string>
#include <unistd.h>

namespace emu {

namespace {

struct pending {
    bool set, has_other;
    cudaError_t code;
    char what[640], who[320];
    site at;
    other_party other;
} pending;

cudaError_t sticky;
std::string report;

/* The module that an address lies in. */
struct module_search {
    uintptr_t address, offset;
    std::string file;
};

int match_module(dl_phdr_info *info, size_t, void *data) {
    auto *search = static_cast<module_search *>(data);
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const auto &header = info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + header.p_vaddr;
        if (header.p_type != PT_LOAD || search->address - start >= header.p_memsz) continue;
        search->file = info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe";
        search->offset = search->address - info->dlpi_addr;
        return 1;
    }
    return 0;
}

bool ends_with(const std::string &text, const char *end) {
    size_t length = strlen(end);
    return text.size() >= length && text.compare(text.size() - length, length, end) == 0;
}

/* Of the inlined calls at an instruction, innermost first, the first that is not a helper's own. */
std::string look_up(const module_search &module) {
    char self[4096];
    std::string file = module.file;
    if (file == "/proc/self/exe") { /* which addr2line would take for itself */
        ssize_t length = readlink("/proc/self/exe", self, sizeof self);
        if (length <= 0 || length == sizeof self) return "";
        file.assign(self, static_cast<size_t>(length));
    }
    if (file.find('\'') != std::string::npos) return "";
    char offset[32];
    snprintf(offset, sizeof offset, "0x%zx", static_cast<size_t>(module.offset));
    FILE *pipe = popen(("addr2line -i -e '" + file + "' " + offset + " 2>/dev/null").c_str(), "r");
    if (!pipe) return "";
    std::string found;
    char line[4096];
    while (fgets(line, sizeof line, pipe)) {
        std::string text = line;
        text.erase(text.find_last_not_of("\n") + 1);
        size_t note = text.find(" (discriminator");
        if (note != std::string::npos) text.erase(note);
        if (text.compare(0, 2, "??") == 0 || ends_with(text, ":?")) continue;
        std::string path = text.substr(0, text.rfind(':'));
        bool helper = path.find("kernels/emu/") != std::string::npos || ends_with(path, "kernels/common.cuh");
        if (found.empty()) found = text;
        if (helper) continue;
        found = text;
        break;
    }
    pclose(pipe);
    return found;
}

void add_party(const char *who, const site &at) {
    report += "\n  ";
    report += who;
    if (!at.at.file && !at.pc) return;
    char place[4096];
    describe_site(place, sizeof place, at);
    report += ", at ";
    report += place;
}

} // namespace

void describe_site(char *text, size_t size, const site &at) {
    if (at.at.file) {
        snprintf(text, size, "%s:%d", at.at.file, at.at.line);
        return;
    }
    module_search search = {reinterpret_cast<uintptr_t>(at.pc), 0, ""};
    dl_iterate_phdr(match_module, &search);
    std::string found = search.file.empty() ? "" : look_up(search);
    if (found.empty())
        snprintf(text, size, "%s+0x%zx", search.file.c_str(), static_cast<size_t>(search.offset));
    else
        snprintf(text, size, "%s", found.c_str());
}

void name_thread(char *text, size_t size, const kernel_run &kernel, uint64_t block, unsigned thread) {
    uint3 b = block_index(block, kernel.grid), t = thread_index(thread, kernel.block);
    snprintf(text, size, "kernel %s, block (%u, %u, %u), thread (%u, %u, %u)", kernel.name, b.x, b.y, b.z,
             t.x, t.y, t.z);
}

void record_failure(cudaError_t code, site at, const char *what) {
    if (pending.set) return;
    pending.set = true;
    pending.has_other = false;
    pending.code = code;
    pending.at = at;
    snprintf(pending.what, sizeof pending.what, "%s", what);
    name_thread(pending.who, sizeof pending.who, *current.kernel, current.number, number_of(running));
}

void fail_thread(cudaError_t code, site at, const other_party *other, const char *format, ...) {
    char what[sizeof pending.what];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    record_failure(code, at, what);
    pending.has_other = other != nullptr;
    if (other) pending.other = *other;
    abandon();
}

void fail_host(cudaError_t code, const char *format, ...) {
    if (sticky != cudaSuccess) return;
    sticky = code;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    report = text;
}

void finish_report() {
    if (!pending.set) return;
    fiber_give_all();
    if (sticky == cudaSuccess) {
        sticky = pending.code;
        report = pending.what;
        add_party(pending.who, pending.at);
        if (pending.has_other) add_party(pending.other.who, pending.other.at);
    }
    pending.set = false;
}

cudaError_t sticky_error() {
    return sticky;
}

const char *report_text() {
    return report.c_str();
}

void clear_report() {
    sticky = cudaSuccess;
    report.clear();
}

} // namespace emu

const char *emu_report(void) {
    return emu::report_text();
}
