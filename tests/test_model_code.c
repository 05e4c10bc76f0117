/* InfoGAN's code: what must agree in a model file. */
#include <criterion/criterion.h>
#include <string.h>

#include "cupel/cupel.h"

#define FILE_OF(name) (CUPEL_SOURCE_DIR "/models/" name)

Test(model_code, the_parts_of_a_code_must_agree) {
    static const struct {
        const char *file, *setting, *message;
    } wrong[] = {
        {FILE_OF("infogan28.yaml"), "train.infogan.categories=9",
         "makes [12]; the code of train.infogan has 11 numbers"},
        {FILE_OF("infogan28.yaml"), "networks.generator.input.noise=[8, 1, 1]", "[8, 1, 1] has no room"},
        {FILE_OF("infogan28.yaml"), "networks.code.input={layer: generator.fc1}",
         "a layer of the discriminator"},
        {FILE_OF("infogan28.yaml"), "train.infogan={categories: 1, continuous: 0}", "says nothing"},
        {FILE_OF("dcgan28.yaml"), "train.infogan={categories: 3}", "needs a network 'code'"},
    };
    struct cupel_model *model;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_model_read(FILE_OF("infogan28.yaml"), NULL, 0, &model, &error), CUPEL_OK, "%s",
                 error.message);
    cr_expect_eq(cupel_model_train(model)->gan.categories + cupel_model_train(model)->gan.continuous, 12);
    cupel_model_free(model);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct cupel_error problem = {0};
        cr_expect_eq(cupel_model_read(wrong[i].file, &wrong[i].setting, 1, &model, &problem), CUPEL_INVALID,
                     "%s", wrong[i].setting);
        cr_expect(strstr(problem.message, wrong[i].message), "%s: %s", wrong[i].setting, problem.message);
    }
}
