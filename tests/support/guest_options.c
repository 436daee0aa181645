/*
 * Options that name a guest; see guest_options.h.
 */
#include "tests/support/guest_options.h"

#include <stdlib.h>
#include <string.h>

bool guest_option(struct machine_config *config, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **to;
    } texts[] = {
        {"--cpu", &config->cpu},
        {"--fda", &config->drive[DRIVE_FDA]},
        {"--hda", &config->drive[DRIVE_HDA]},
        {"--cdrom", &config->drive[DRIVE_HDC]},
        {"--kernel", &config->kernel},
        {"--initrd", &config->initrd},
        {"--append", &config->append},
        {"--engine", &config->engine},
        {"--windows", &config->windows},
    };

    for (unsigned i = 0; i < ARRAY_LEN(texts); i++)
        if (!strcmp(name, texts[i].name)) {
            *texts[i].to = value;
            return true;
        }
    if (strcmp(name, "--mem") != 0)
        return false;
    config->mem_bytes = strtoull(value, NULL, 0) << 20;
    return true;
}
