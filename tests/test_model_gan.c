/* Model files of GANs: which networks there are, and what must agree. */
#include <criterion/criterion.h>
#include <string.h>

#include "cupel/cupel.h"

static const char gan[] =
    "task: gan\n"                                                            /* 1 */
    "data: {format: idx, path: /data, shape: [1, 4, 4]}\n"                   /* 2 */
    "networks:\n"                                                            /* 3 */
    "  generator:\n"                                                         /* 4 */
    "    input: {noise: [8, 1, 1]}\n"                                        /* 5 */
    "    layers: [deconv: {out: 1, kernel: 4}, tanh]\n"                      /* 6 */
    "  discriminator: {input: image, layers: [flatten, linear: {out: 1}]}\n" /* 7 */
    "train: {optimizer: adam, batch: 8, steps: 9, loss: hinge}\n";           /* 8 */

Test(model_gan, a_gan_has_two_networks_that_fit) {
    static const struct {
        const char *setting, *message;
    } wrong[] = {
        {"data.shape=[1, 8, 8]",
         "m.yaml:4:3: the generator must turn noise into images of [1, 8, 8] (data.shape); "
         "from noise it makes [1, 4, 4]"},
        {"networks.generator.input=image", "from images it makes"},
        {"networks.discriminator.layers=[flatten, linear: {out: 2}]",
         "m.yaml:7:3: the discriminator must turn an image "
         "into one number; from an image it makes [2]"},
        {"networks.third={input: image, layers: [flatten, linear: {out: 1}]}",
         "m.yaml:3:1: task gan has the networks 'generator', 'discriminator' and, for InfoGAN, 'code'"},
        {"networks.discriminator.input={layer: generator.tanh1}",
         "the discriminator must turn an image into one number; from another network's layer it makes [1]"},
        {"networks.code={input: image, layers: [flatten, linear: {out: 1}]}",
         "the network 'code' looks at a layer of the discriminator; set `input: {layer: "
         "discriminator.NAME}`"},
        {"networks.code={input: {layer: generator.tanh1}, layers: [flatten, linear: {out: 1}]}",
         "the network 'code' looks at a layer of the discriminator"},
        {"networks.code={input: {layer: discriminator.fc}, layers: [linear: {out: 1}]}",
         "unknown layer of the networks before this one 'discriminator.fc'; (known: generator.deconv1, "
         "generator.tanh1, discriminator.flatten1, discriminator.linear1)"},
        {"train.loss=cross_entropy", "--set train.loss=cross_entropy: unknown loss"},
        {"train.label_smoothing=0.1", "has no targets to smooth"},
        {"train.noisy_labels=0.1", "has no targets to swap"},
        {"train.drop_last=false", "trained on whole batches"},
        {"train.schedule={plateau: {}}", "no evaluation loss for a plateau"},
        {"train.early_stopping={patience: 1}", "no evaluation loss to stop by"},
        {"data.augment.mixup=0.2", "'mixup' belongs to task classify; remove it"},
        {"train.infogan={categories: 1}", "says nothing"},
        {"train.optimizer={generator: {sgd: {}}}", "there is no optimizer for the discriminator"},
        {"train.optimizer={generator: {sgd: {}}, critic: {sgd: {}}}", "unknown network 'critic'"},
    };
    struct cupel_model *model;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_model_read_text("m.yaml", gan, strlen(gan), NULL, 0, &model, &error), CUPEL_OK, "%s",
                 error.message);
    const struct cupel_network *generator = cupel_model_network_named(model, "generator");
    struct cupel_shape image = cupel_network_output(generator), noise = cupel_network_input(generator);
    cr_assert(cupel_network_takes_noise(generator) && cupel_shape_equal(&noise, &CUPEL_SHAPE(8, 1, 1)));
    cr_assert(cupel_shape_equal(&image, &CUPEL_SHAPE(1, 4, 4)));
    cr_assert_eq(cupel_model_train(model)->loss, CUPEL_LOSS_HINGE);
    cupel_model_free(model);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct cupel_error problem = {0};
        cr_expect_eq(
            cupel_model_read_text("m.yaml", gan, strlen(gan), &wrong[i].setting, 1, &model, &problem),
            CUPEL_INVALID, "%s", wrong[i].setting);
        cr_expect(strstr(problem.message, wrong[i].message), "%s: %s", wrong[i].setting, problem.message);
    }
}

Test(model_gan, a_network_may_begin_at_a_layer_of_another) {
    const char *const settings[] = {
        "networks.code={input: {layer: discriminator.linear1}, layers: [linear: {out: 3}]}",
        "train.infogan={categories: 3}"};
    struct cupel_model *model;
    struct cupel_error error = {0};
    cr_assert_eq(cupel_model_read_text("m.yaml", gan, strlen(gan), settings, 2, &model, &error), CUPEL_OK,
                 "%s", error.message);
    const struct cupel_network *code = cupel_model_network_named(model, "code"), *other;
    struct cupel_shape input = cupel_network_input(code);
    cr_assert_eq(cupel_network_source(code, &other), 1);
    cr_assert_eq(other, cupel_model_network_named(model, "discriminator"));
    cr_assert(cupel_shape_equal(&input, &CUPEL_SHAPE(1)));
    cr_assert(!cupel_network_takes_noise(code) && !cupel_network_takes_label(code));
    cr_assert_eq(cupel_network_source(other, &other), -1);
    cr_assert_null(other);
    cupel_model_free(model);
}

#define FILE_OF(name) (CUPEL_SOURCE_DIR "/models/" name)

Test(model_gan, the_parts_of_a_code_must_agree) {
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
