/* Messages about a place in a YAML text: the place, the complaint, the line, a caret. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/yaml.h"

enum { SHOWN_BYTES = 140 }; /* of a quoted line */

struct span {
    const char *begin, *end;
};

static bool continues_character(char byte) {
    return ((unsigned char)byte & 0xC0) == 0x80;
}

/* Bytes of the line break at `text`: those that libyaml counts (LF, CR, CRLF, NEL, LS, PS); 0 for none. */
static size_t line_break(const char *text, const char *end) {
    if (*text == '\n') return 1;
    if (*text == '\r') return end - text > 1 && text[1] == '\n' ? 2 : 1;
    if (end - text > 1 && !memcmp(text, "\xC2\x85", 2)) return 2;
    if (end - text > 2 && (!memcmp(text, "\xE2\x80\xA8", 3) || !memcmp(text, "\xE2\x80\xA9", 3))) return 3;
    return 0;
}

static struct span find_line(const struct cupel_yaml *yaml, int line) {
    const char *at = yaml->text, *end = yaml->text + yaml->length;
    while (line > 1 && at < end) {
        size_t bytes = line_break(at, end);
        if (bytes) line--;
        at += bytes ? bytes : 1;
    }
    struct span found = {at, at};
    while (found.end < end && !line_break(found.end, end)) found.end++;
    return found;
}

/* Writes the line and a caret below the column; of a long line only the part round the column. */
static void quote(const struct cupel_yaml *yaml, const struct cupel_yaml_item *item, char *text,
                  size_t size) {
    struct span line = find_line(yaml, item->line);
    const char *at = line.begin;
    for (int column = 1; at < line.end; at++) {
        if (!continues_character(*at) && column++ == item->column) break;
    }
    if (at - line.begin > SHOWN_BYTES / 2) line.begin = at - SHOWN_BYTES / 2;
    if (line.end - line.begin > SHOWN_BYTES) line.end = line.begin + SHOWN_BYTES;
    while (line.begin < at && continues_character(*line.begin)) line.begin++;
    while (line.end > at && line.end < yaml->text + yaml->length && continues_character(*line.end))
        line.end--;
    char shown[SHOWN_BYTES + 1], caret[SHOWN_BYTES + 1];
    size_t length = 0, indent = 0;
    for (const char *c = line.begin; c < line.end; c++) {
        bool control = ((unsigned char)*c < ' ' && *c != '\t') || *c == 127;
        shown[length++] = control ? '?' : *c;
        if (c < at && !continues_character(*c)) caret[indent++] = *c == '\t' ? '\t' : ' ';
    }
    snprintf(text, size, "\n    %.*s\n    %.*s^", (int)length, shown, (int)indent, caret);
}

void cupel_yaml_complain(const struct cupel_yaml *yaml, const struct cupel_yaml_item *item,
                         struct cupel_error *error, const char *format, ...) {
    char message[900], quoted[2 * SHOWN_BYTES + 32] = "", use[200] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (item->use)
        snprintf(use, sizeof use, "\n    (in the block that %s:%d:%d uses)", yaml->name, item->use->line,
                 item->use->column);
    if (item->setting) {
        cupel_fail(error, CUPEL_INVALID, "--set %.300s: %s%s", item->setting, message, use);
        return;
    }
    quote(yaml, item, quoted, sizeof quoted);
    cupel_fail(error, CUPEL_INVALID, "%.400s:%d:%d: %s%s%s", yaml->name, item->line, item->column, message,
               quoted, use);
}

char *cupel_yaml_shown(const struct cupel_yaml_item *item, char *text, size_t size) {
    static const char *const kinds[] = {[CUPEL_YAML_NULL] = "nothing",
                                        [CUPEL_YAML_SEQUENCE] = "a list",
                                        [CUPEL_YAML_MAPPING] = "a mapping of keys"};
    if (item->kind != CUPEL_YAML_SCALAR) {
        snprintf(text, size, "%s", kinds[item->kind]);
        return text;
    }
    enum { LONGEST = 40 };
    const char *written = item->written ? item->written : item->text;
    size_t length = strlen(written);
    bool cut = length > LONGEST;
    if (cut) length = LONGEST - 3;
    while (cut && length && continues_character(written[length])) length--;
    snprintf(text, size, "'%.*s%s'%s%s", (int)length, written, cut ? "..." : "",
             item->written ? ", which is " : "", item->written ? item->text : "");
    for (char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
    }
    return text;
}
