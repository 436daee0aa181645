/* WAV files, as other programs must find them. */
#include "devices/host/sound.h"

#include "base/bytes.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { HEADER = 44 };

static char path[64], err[200];
static u8 file[1 << 20];
static size_t len;

static void setup(void)
{
    int fd;

    strcpy(path, "/tmp/test_wav.XXXXXX");
    fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
}

static void teardown(void)
{
    unlink(path);
}

TestSuite(sound_wav, .init = setup, .fini = teardown);

static struct sound_sink *open_wav(void)
{
    struct sound_sink *s = sound_wav_open(path, err, sizeof err);

    cr_assert_not_null(s, "%s", err);
    return s;
}

static void read_file(void)
{
    FILE *f = fopen(path, "rb");

    len = fread(file, 1, sizeof file, f);
    fclose(f);
}

/* `frames` frames whose left is n and whose right is -n, n counting from `first`. */
static void play(struct sound_sink *s, s16 first, size_t frames, u64 at_ns)
{
    static s16 samples[200000];
    size_t i;

    for (i = 0; i < frames; i++) {
        samples[2 * i] = (s16)(first + (s16)i);
        samples[2 * i + 1] = (s16)-samples[2 * i];
    }
    s->write(s->opaque, samples, frames, at_ns);
}

static s16 left(size_t frame)
{
    return (s16)get_le16(file + HEADER + 4 * frame);
}

Test(sound_wav, header_says_what_is_in_the_file)
{
    struct sound_sink *s = open_wav();

    play(s, 1, 10000, 5000);
    cr_assert_eq(sound_wav_close(s), 0);
    read_file();
    cr_assert_eq(len, HEADER + 40000);
    cr_assert_arr_eq(file, "RIFF", 4);
    cr_assert_eq(get_le32(file + 4), len - 8);
    cr_assert_arr_eq(file + 8, "WAVEfmt ", 8);
    cr_assert_eq(get_le32(file + 16), 16);
    cr_assert_eq(get_le16(file + 20), 1);
    cr_assert_eq(get_le16(file + 22), 2);
    cr_assert_eq(get_le32(file + 24), 44100);
    cr_assert_eq(get_le32(file + 28), 176400);
    cr_assert_eq(get_le16(file + 32), 4);
    cr_assert_eq(get_le16(file + 34), 16);
    cr_assert_arr_eq(file + 36, "data", 4);
    cr_assert_eq(get_le32(file + 40), 40000);
    cr_assert_eq(left(0), 1);
    cr_assert_eq((s16)get_le16(file + HEADER + 2), -1);
    cr_assert_eq(left(9999), 10000);
}

Test(sound_wav, empty_recording_is_a_valid_file)
{
    cr_assert_eq(sound_wav_close(open_wav()), 0);
    read_file();
    cr_assert_eq(len, HEADER);
    cr_assert_eq(get_le32(file + 40), 0);
}

Test(sound_wav, a_pause_is_silence_and_jitter_is_not)
{
    struct sound_sink *s = open_wav();

    play(s, 100, 441, 1000000000);
    play(s, 1000, 441, 1010000000 + 2000000); /* 2 ms late: follows on */
    play(s, 2000, 441, 1500000000);           /* half a second after the first */
    cr_assert_eq(sound_wav_close(s), 0);
    read_file();
    cr_assert_eq(left(441), 1000);
    cr_assert_eq(left(882), 0);
    cr_assert_eq(left(22049), 0);
    cr_assert_eq(left(22050), 2000);
    cr_assert_eq(len, HEADER + 4 * (22050 + 441));
}

Test(sound_wav, header_is_good_while_the_recording_runs)
{
    struct sound_sink *s = open_wav();

    play(s, 0, 60000, 0);
    read_file();
    cr_assert_geq(get_le32(file + 40), 44100 * 4);
    cr_assert_leq(get_le32(file + 40), len - HEADER);
    sound_wav_close(s);
}

Test(sound_wav, file_that_cannot_be_made_is_refused)
{
    cr_assert_null(sound_wav_open("/nonexistent/a.wav", err, sizeof err));
    cr_assert_str_eq(err,
                     "sound: '/nonexistent/a.wav' cannot be written: No such file or directory");
}

Test(sound_wav, host_that_takes_no_more_is_reported_at_close_and_the_rest_plays)
{
    struct rlimit limit = {.rlim_cur = 100000, .rlim_max = RLIM_INFINITY};
    struct sound_sink *s = open_wav();

    setrlimit(RLIMIT_FSIZE, &limit);
    play(s, 0, 60000, 0);
    cr_assert_eq(sound_wav_close(s), -EFBIG);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    read_file();
    cr_assert_gt(get_le32(file + 40), 0);
    cr_assert_leq(get_le32(file + 40), len - HEADER);
}
