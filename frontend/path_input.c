/* A file name while it is typed. */
#include "frontend/path_input.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void path_input_clear(struct path_input *p)
{
    p->len = 0;
    p->text[0] = 0;
}

void path_input_add(struct path_input *p, const char *text)
{
    for (; *text && p->len + 1 < sizeof p->text; text++)
        if ((u8)*text >= ' ' && *text != 0x7F)
            p->text[p->len++] = *text;
    p->text[p->len] = 0;
}

void path_input_erase(struct path_input *p)
{
    while (p->len && ((u8)p->text[--p->len] & 0xC0) == 0x80)
        ; /* the rest of a UTF-8 sequence */
    p->text[p->len] = 0;
}

static void expand_home(struct path_input *p)
{
    const char *home = getenv("HOME");
    char rest[PATH_INPUT_MAX];

    if (p->text[0] != '~' || p->text[1] != '/' || !home)
        return;
    memcpy(rest, p->text + 1, p->len);
    path_input_clear(p);
    path_input_add(p, home);
    path_input_add(p, rest);
}

/* What all names seen so far have in common. */
struct candidates {
    char common[256];
    unsigned count;
};

static void try_name(struct candidates *c, const char *name, const char *begun, size_t begun_len)
{
    size_t i = 0;

    if (strncmp(name, begun, begun_len) || (name[0] == '.' && !begun_len))
        return;
    if (!c->count++) {
        snprintf(c->common, sizeof c->common, "%s", name);
        return;
    }
    while (c->common[i] && c->common[i] == name[i])
        i++;
    while (i && ((u8)c->common[i] & 0xC0) == 0x80)
        i--; /* whole characters */
    c->common[i] = 0;
}

unsigned path_input_complete(struct path_input *p)
{
    struct candidates c = {.count = 0};
    char folder[PATH_INPUT_MAX] = ".";
    const char *slash, *begun;
    struct dirent *entry;
    struct stat st;
    DIR *dir;

    expand_home(p);
    slash = strrchr(p->text, '/');
    begun = slash ? slash + 1 : p->text;
    if (slash)
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - p->text + 1), p->text);
    dir = opendir(folder);
    if (!dir)
        return 0;
    while ((entry = readdir(dir)))
        try_name(&c, entry->d_name, begun, strlen(begun));
    closedir(dir);
    if (!c.count)
        return 0;
    path_input_add(p, c.common + strlen(begun));
    if (c.count == 1 && !stat(p->text, &st) && S_ISDIR(st.st_mode))
        path_input_add(p, "/");
    return c.count;
}
