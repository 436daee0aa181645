/*
 * What stands beside the guest's picture and takes room from it, so that the picture stays whole:
 * the rewind slider and the debugger's panes. While neither is open there is nothing of it.
 */
#ifdef HAVE_SDL2
#include "frontend/window_private.h"

static bool is_open(const struct window *w)
{
    return window_slider_is_open(w);
}

struct scale_rect window_guest_area(const struct window *w, struct scale_size out)
{
    struct scale_rect r = {0, 0, out.w, out.h};
    s32 times;
    struct scale_size size = window_canvas_size(w, &times);

    if (window_slider_is_open(w))
        r.h -= slider_height(size.w, size.h) * times;
    return r;
}

/* Window units, of which there are fewer than pixels where those are small. */
struct scale_size window_chrome_size(const struct window *w, struct scale_size picture)
{
    struct scale_size more = {0};
    s32 height;

    if (window_slider_is_open(w)) {
        height = slider_height(picture.w, 2 * picture.h);
        more.h += height * window_canvas_times(picture.h + height);
    }
    return more;
}

struct asker *window_asker(struct window *w)
{
    if (!w->asker)
        w->asker = asker_new(w->f, window_notify);
    if (!w->asker)
        window_say(w, "The host has no thread left for it.");
    return w->asker;
}

static void take_answers(struct window *w)
{
    struct asker_answer a;

    while (w->asker && asker_take(w->asker, &a)) {
        window_slider_answer(w, &a);
        text_free(&a.text);
    }
}

bool window_chrome_tick(struct window *w)
{
    take_answers(w);
    window_slider_tick(w);
    return is_open(w) && w->chrome.old;
}

void window_chrome_draw(struct window *w)
{
    struct window_layer *l = &w->chrome;
    struct slider_layout s;

    if (!is_open(w)) {
        window_layer_forget(l);
        return;
    }
    if (!window_layer_prepare(w, l))
        return;
    s = slider_lay_out(l->canvas.width, l->canvas.height);
    if (l->old) {
        if (window_slider_is_open(w))
            slider_draw(&w->slider.look, &w->slider.pictures, &l->canvas);
        window_layer_upload(l);
    }
    if (window_slider_is_open(w))
        window_layer_show(w, l, &s.all);
}

void window_chrome_free(struct window *w)
{
    asker_free(w->asker);
    w->asker = NULL;
    window_layer_forget(&w->chrome);
    slider_pictures_free(&w->slider.pictures);
}
#endif
