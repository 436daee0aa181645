/* The displays of this build, the preferred one first. */
#include "frontend/frontend.h"

const struct frontend_display *const frontend_displays[] = {
    NULL,
};
