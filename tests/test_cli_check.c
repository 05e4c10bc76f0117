/* `cupel check`: what it prints, its files, its exit status. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

#define EXPECT_IN(text, part) cr_expect(strstr(text, part), "no '%s' in:\n%s", part, text)

Test(cli_check, agrees) {
    const struct outcome ran = run_cupel("check m.yaml --device cpu --steps 2");
    cr_expect_eq(ran.status, 0, "%s", ran.err);
    EXPECT_IN(ran.out, "m.yaml in f32 on cpu against reference: 16 images of data");
    EXPECT_IN(ran.out, " 0 failed");
    EXPECT_IN(ran.out, "   2 loss ");
    EXPECT_IN(ran.out, "\ncpu agrees with reference\n");
}

Test(cli_check, needs_no_data_set) {
    const struct outcome ran = run_cupel("check m.yaml --device cpu --steps 1 --set data.path=nowhere");
    cr_expect_eq(ran.status, 0, "%s", ran.err);
    EXPECT_IN(ran.out, "16 random images, for there is no data set: nowhere");
}

Test(cli_check, all_nodes_when_asked_for) {
    const struct outcome ran =
        run_cupel("check m.yaml --device reference --steps 1 --verbose --filter conv1");
    cr_expect_eq(ran.status, 0, "%s", ran.err);
    EXPECT_IN(ran.out, "conv2d               net.conv1");
    EXPECT_IN(ran.out, "left out by the filter");
    cr_expect_not(strstr(ran.out, "maxpool"));
}

/* No step keeps this tolerance, but each node is as close as rounding lets it be. */
Test(cli_check, steps_that_differ) {
    const struct outcome ran = run_cupel("check m.yaml --device cpu --steps 1 --tolerance 1e-30");
    cr_expect_eq(ran.status, 1, "%s", ran.err);
    EXPECT_IN(ran.out, "\nbeyond 1e-30 from step 1 on");
    EXPECT_IN(ran.out, "\nFAILED: the first step's ");
    EXPECT_IN(ran.out, " ill-conditioned\n");
    EXPECT_IN(ran.out, "inputs that differ by half a unit in the last place change it by");
}

/* The first that is bad is named last; and files are read by programs that know nothing of this one. */
Test(cli_check, differs) {
    struct outcome ran = run_cupel(
        "check ops --device cpu --precision f32 --filter '^(softmax|reshape|slice)$' --tolerance 1e-30 "
        "--json "
        "found.json --junit found.xml");
    cr_expect_eq(ran.status, 1, "%s", ran.err);
    const char *last = strstr(ran.out, "\nFAILED: softmax of ");
    cr_assert(last, "%s", ran.out);
    cr_expect_null(strchr(last + 1, '\n')[1] ? last : NULL, "it is not the last line");
    EXPECT_IN(last, "on cpu (engine ");
    if (run_shell("python3 -c ''").status != 0) cr_skip_test("there is no python3 here");
    ran = run_shell(
        "python3 - <<'END'\n"
        "import json, xml.etree.ElementTree as tree\n"
        "found = json.load(open('found.json'))\n"
        "suite = tree.parse('found.xml').getroot().find('testsuite')\n"
        "assert found['device'] == 'cpu' and found['failed'] > 0, found\n"
        "bad = [item for item in found['items'] if item['verdict'] == 'FAILED']\n"
        "assert len(bad) == found['failed'] < len(found['items']) == found['count']\n"
        "assert all(len(item['index']) == len(item['shape']) for item in bad)\n"
        "cases = suite.findall('testcase')\n"
        "assert len(cases) == int(suite.get('tests')) == found['count']\n"
        "assert len(suite.findall('testcase/failure')) == int(suite.get('failures')) == len(bad)\n"
        "assert bad[0]['layer'] in suite.find('testcase/failure/..').get('name')\n"
        "END");
    cr_expect_eq(ran.status, 0, "%s", ran.err);
}

Test(cli_check, files_of_a_model) {
    struct outcome ran = run_cupel("check m.yaml --device cpu --steps 2 --json found.json --junit found.xml");
    cr_expect_eq(ran.status, 0, "%s", ran.err);
    if (run_shell("python3 -c ''").status != 0) cr_skip_test("there is no python3 here");
    ran = run_shell(
        "python3 - <<'END'\n"
        "import json, xml.etree.ElementTree as tree\n"
        "found = json.load(open('found.json'))\n"
        "suite = tree.parse('found.xml').getroot().find('testsuite')\n"
        "assert found['points'][0]['name'] == 'loss' and found['points'][0]['step'] == 1\n"
        "assert found['points'][-1]['step'] == 2 and found['points'][-1]['error'] < 1\n"
        "assert len(suite.findall('testcase')) == int(suite.get('tests')) == found['count'] + 1\n"
        "assert any(item['place'].startswith('m.yaml:') for item in found['items'])\n"
        "END");
    cr_expect_eq(ran.status, 0, "%s", ran.err);
}

Test(cli_check, batch_of_a_file) {
    struct outcome ran = run_shell(
        "python3 - <<'END'\n"
        "import json, struct\n"
        "data = struct.pack('<512f', *[(i % 17) / 8 - 1 for i in range(512)]) + struct.pack('<8i', *[i % 4 "
        "for i in range(8)])\n"
        "head = json.dumps({'image': {'dtype': 'F32', 'shape': [8, 1, 8, 8], 'data_offsets': [0, 2048]},\n"
        "                   'label': {'dtype': 'I32', 'shape': [8], 'data_offsets': [2048, "
        "2080]}}).encode()\n"
        "head += b' ' * (-len(head) % 8)\n"
        "open('b.safetensors', 'wb').write(struct.pack('<Q', len(head)) + head + data)\n"
        "END");
    if (ran.status) cr_skip_test("there is no python3 here");
    ran = run_cupel("check m.yaml --device cpu --batch b.safetensors --steps 3");
    cr_expect_eq(ran.status, 0, "%s%s", ran.out, ran.err);
    EXPECT_IN(ran.out, "the batch of b.safetensors");
    EXPECT_IN(ran.out, "   3 loss ");
}

Test(cli_check, case_table) {
    struct outcome ran = run_cupel("check ops --device cpu --filter '^(relu|batchnorm)$' --json ops.json");
    cr_expect_eq(ran.status, 0, "%s", ran.err);
    EXPECT_IN(ran.out, "The case table in all on cpu against reference");
    EXPECT_IN(ran.out, " 0 failed");
    ran = run_cupel("check ops --device cpu --filter '^softmax$' --tolerance 1e-30");
    cr_expect_eq(ran.status, 1, "%s", ran.err);
    EXPECT_IN(ran.out, "\nFAILED: softmax of ");
}

Test(cli_check, refuses) {
    static const struct {
        const char *arguments, *message;
    } cases[] = {{"check", "which model?"},
                 {"check m.yaml other.yaml", "one argument too many"},
                 {"check m.yaml --repro saved", "one argument too many"},
                 {"check m.yaml --device abacus", "no device 'abacus'"},
                 {"check m.yaml --device cpu --precision f16", "does not compute in f16"},
                 {"check m.yaml --device cpu --tolerance 1e", "is no number above 0"},
                 {"check m.yaml --device cpu --tolerance -1", "is no number above 0"},
                 {"check m.yaml --repeat 1", "out of range"},
                 {"check m.yaml --device cpu --filter nothing", "matches none of"},
                 {"check ops --device cpu --filter nothing", "matches none of"},
                 {"check ops --device cpu --filter '('", "no regular expression"},
                 {"check --repro nowhere", "nowhere"},
                 {"check m.yaml --device cpu --weights nowhere", "nowhere"},
                 {"check m.yaml --device cpu --data nowhere", "nowhere"},
                 {"check m.yaml --device cpu --steps 1 --json nowhere/f.json", "nowhere/f.json"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct outcome ran = run_cupel(cases[i].arguments);
        cr_expect_eq(ran.status, 2, "%s: %d", cases[i].arguments, ran.status);
        EXPECT_IN(ran.err, cases[i].message);
    }
}
