/*
 * What stands beside the guest's picture and takes room from it, so that the picture stays whole:
 * the rewind slider and the debugger's panes. While neither is open there is nothing of it.
 */
#ifdef HAVE_SDL2
#include "frontend/window_private.h"

static bool is_open(const struct window *w)
{
    return window_slider_is_open(w) || window_panes_is_open(w);
}

struct scale_size window_panes_size(const struct window *w)
{
    s32 times;
    struct scale_size size = window_canvas_size(w, &times);

    if (window_slider_is_open(w))
        size.h -= slider_height(size.w, size.h);
    return size;
}

struct scale_rect window_guest_area(const struct window *w, struct scale_size out)
{
    struct scale_rect r = {0, 0, out.w, out.h};
    struct scale_size size;
    s32 times;

    if (!is_open(w))
        return r;
    window_canvas_size(w, &times);
    size = window_panes_size(w);
    if (window_panes_is_open(w)) {
        r = pane_lay_out(size.w, size.h).guest;
        return (struct scale_rect){0, 0, r.w * times, r.h * times};
    }
    r.h = size.h * times;
    return r;
}

struct scale_size window_chrome_size(const struct window *w, struct scale_size picture, s32 times)
{
    struct scale_size more = {0};

    if (window_panes_is_open(w))
        more = pane_wish();
    if (window_slider_is_open(w))
        more.h += slider_height(picture.w, 2 * picture.h);
    return (struct scale_size){more.w * times, more.h * times};
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
        if (a.tag == ASK_PANES || a.tag == ASK_STEP)
            window_panes_answer(w, &a);
        else
            window_slider_answer(w, &a);
        text_free(&a.text);
    }
    while (w->panes.asker && asker_take(w->panes.asker, &a)) {
        window_panes_answer(w, &a);
        text_free(&a.text);
    }
}

bool window_chrome_tick(struct window *w)
{
    take_answers(w);
    window_slider_tick(w);
    window_panes_tick(w);
    return is_open(w) && w->chrome.old;
}

void window_chrome_draw(struct window *w)
{
    struct window_layer *l = &w->chrome;
    struct scale_size size, all;
    struct scale_rect guest;
    s32 times;

    if (!is_open(w)) {
        window_layer_forget(l);
        return;
    }
    if (!window_layer_prepare(w, l))
        return;
    if (l->old) {
        if (window_panes_is_open(w))
            window_panes_draw(w, &l->canvas);
        if (window_slider_is_open(w))
            slider_draw(&w->slider.look, &w->slider.pictures, &l->canvas);
        window_layer_upload(l);
    }
    /* All but the guest's part. */
    all = window_canvas_size(w, &times);
    size = window_panes_size(w);
    guest = (struct scale_rect){0, 0, size.w, size.h};
    if (window_panes_is_open(w))
        guest = pane_lay_out(size.w, size.h).guest;
    window_layer_show(w, l, &(struct scale_rect){guest.w, 0, all.w - guest.w, guest.h});
    window_layer_show(w, l, &(struct scale_rect){0, guest.h, all.w, all.h - guest.h});
}

void window_chrome_free(struct window *w)
{
    asker_free(w->asker);
    w->asker = NULL;
    window_panes_free(w);
    window_layer_forget(&w->chrome);
    slider_pictures_free(&w->slider.pictures);
}
#endif
