/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "cli/progress.h"

#include "lib/address.h"
#include "lib/command.h"
#include "lib/request.h"
#include "lib/response.h"
#include "lib/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* How often the daemon is asked how far it is; the most columns of the bar, and the fewest that are
 * worth one. */
#define LOOK_USEC 250000
#define BAR 40
#define BAR_MIN 8
#define PIECE 65536

/* --- on a terminal --- */

/* Columns of the terminal; those of a common one where it does not say. */
static gsize columns(void)
{
    struct winsize size = {0};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* One line, never as wide as the terminal: what runs over its edge could not be drawn over. */
static void draw(const Progress *progress)
{
    const gsize room = columns() - 1;
    const unsigned done = progress_rows_done(progress);
    g_autofree char *words = g_strdup_printf("%u of %u rows, %u failed ", done, progress->rows,
                                             progress->counts[RESULT_FAILED]);
    const gsize width = MIN(BAR, room > strlen(words) + 3 ? room - strlen(words) - 3 : 0);
    g_autofree char *bar = g_strnfill(width, ' ');

    if (progress->rows > 0)
        memset(bar, '#', MIN((gsize)((guint64)done * width / progress->rows), width));
    if (width >= BAR_MIN)
        fprintf(stderr, "\r[%s] %s", bar, words);
    else
        fprintf(stderr, "\r%.*s", (int)MIN(room, G_MAXINT), words);
    fflush(stderr);
}

static int report(const char *id, const char *address, const Progress *progress)
{
    const unsigned failed = progress->counts[RESULT_FAILED];

    if (progress->refused != 0) {
        g_autofree char *words = text_printable(progress->words, -1, COMMAND_LINE_MAX);
        printf("not processed: %s\n", words);
        return CLI_NO;
    }
    for (int i = 0; i < RESULT_COUNT; i++)
        printf("%-10s %u\n", result_name((Result)i), progress->counts[i]);
    if (failed > 0)
        printf("%u of %u %s failed; the response of job %s to %s says why.\n", failed,
               progress->rows, progress->rows == 1 ? "row" : "rows", id, address);
    else
        puts("processed ok");
    return failed > 0 ? CLI_NO : 0;
}

/* --- interrupted --- */

/* Says that the job does not end with the command, which then ends by the signal. */
static gpointer await_interrupt(gpointer words)
{
    sigset_t set;
    int number = 0;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    if (sigwait(&set, &number) != 0)
        return NULL;
    fprintf(stderr, "\nbatchload: %s\n", (const char *)words);
    signal(number, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(number);
    return NULL;
}

/* From now on; words are taken over. A thread, since the daemon may be waited for meanwhile. Where
 * INT is ignored (as in the background of a shell script) it stays so. */
static void watch_interrupt(char *words)
{
    struct sigaction present;
    sigset_t set;

    if (sigaction(SIGINT, NULL, &present) != 0 || present.sa_handler == SIG_IGN) {
        g_free(words);
        return;
    }
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    g_thread_unref(g_thread_new("interrupt", await_interrupt, words));
}

/* --- following --- */

/* Says what the job waits for, once as long as it is the same; told is what was said last. */
static void tell_wait(const char *id, const Progress *progress, bool terminal, char **told)
{
    const char *words = progress->refused == 0 ? progress->words : "";

    if (*words != '\0' && g_strcmp0(words, *told) != 0) {
        g_autofree char *shown = text_printable(words, -1, COMMAND_LINE_MAX);
        fprintf(stderr, "%sbatchload: job %s waits: %s\n", terminal ? "\n" : "", id, shown);
    }
    g_free(*told);
    *told = g_strdup(words);
}

/* Until the job is in the state or past it. */
static int follow(const CliPlace *place, const char *id, JobState until, Progress *progress)
{
    const bool terminal = isatty(STDERR_FILENO) == 1;
    g_autofree char *told = NULL;
    int code;

    for (;;) {
        code = progress_look(place, id, progress);
        if (code != 0 || progress->state >= (unsigned)until)
            break;
        tell_wait(id, progress, terminal, &told);
        if (terminal)
            draw(progress);
        g_usleep(LOOK_USEC);
    }
    if (terminal && code == 0) {
        draw(progress);
        fputc('\n', stderr);
    }
    return code;
}

int cli_follow_apply(const CliPlace *place, const char *id, const char *address)
{
    g_auto(Progress) progress = {0};
    int code;

    watch_interrupt(g_strdup_printf(
        "not followed any more; job %s goes on (batchload show %s, batchload cancel %s)", id, id,
        id));
    /* While it is reported, calls of add-ons may still make rows failed ones. */
    code = follow(place, id, JOB_SENDING, &progress);

    return code != 0 ? code : report(id, address, &progress);
}

int cli_follow_check(const CliPlace *place, const char *id, bool only_bad)
{
    g_auto(Progress) progress = {0};
    g_autoptr(GBytes) message = NULL;
    g_autofree char *text = NULL;
    int code;

    code = follow(place, id, JOB_SENDING, &progress);

    if (code != 0)
        return code;
    message = cli_control_response(place, id, &code);
    if (message == NULL)
        return code;
    text = response_text(message);
    if (text == NULL)
        return cli_fault(EX_TEMPFAIL, "the response of job %s can't be read", id);
    if (progress.refused == 0 && progress.counts[RESULT_FAILED] == 0)
        code = 0;
    else
        code = CLI_NO;
    if (code != 0 || !only_bad)
        fputs(text, stdout);
    return code;
}

/* --- handing in --- */

static int send_file(int control, int file, guint64 size)
{
    char *piece = g_malloc(PIECE);
    bool well = true;

    while (well && size > 0) {
        ssize_t got = read(file, piece, (size_t)MIN(size, PIECE));
        if (got < 0 && errno == EINTR)
            continue;
        well = got > 0 && cli_control_send(control, piece, (gsize)got);
        size -= well ? (guint64)got : 0;
    }
    sodium_memzero(piece, PIECE);
    g_free(piece);
    return well ? 0 : -1;
}

/* The daemon's answer is read in any case: it may have refused before the file was sent. */
static int hand_in(const CliPlace *place, const char *word, const CliFile *file,
                   const char *address, const char *reference, char **id)
{
    g_autofree char *line =
        g_strdup_printf("%s %s %" G_GUINT64_FORMAT " %s\n", word, address, file->size, reference);
    int code = 0, control = cli_control_open(place, &code);

    if (control < 0)
        return code;
    if (cli_control_send(control, line, strlen(line))) {
        if (file->bytes != NULL)
            cli_control_send(control, file->bytes, file->size);
        else
            send_file(control, file->fd, file->size);
    }
    code = cli_control_answer(control, id);
    close(control);
    return code;
}

static bool open_file(const char *path, CliFile *file, int *code)
{
    struct stat found;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &found) != 0) {
        *code = cli_fault(EX_NOINPUT, "%s can't be read: %s", path, g_strerror(errno));
    } else if (!S_ISREG(found.st_mode)) {
        *code = cli_fault(EX_NOINPUT, "%s is not a file", path);
    } else {
        *file = (CliFile){.fd = fd, .size = (guint64)found.st_size};
        return true;
    }
    if (fd >= 0)
        close(fd);
    return false;
}

/* NULL: the reason was printed. */
static Address *parse_requester(const char *as)
{
    g_autoptr(GError) error = NULL;
    Address *address = address_parse(as, NULL, &error);

    if (address == NULL)
        cli_fault(EX_USAGE, "--as %s: %s", as, error->message);
    return address;
}

int cli_hand_in(const CliPlace *place, const char *word, const CliFile *file, const char *as,
                const char *reference, Address **address, char **id)
{
    *address = parse_requester(as);
    return *address != NULL ? hand_in(place, word, file, (*address)->full, reference, id)
                            : EX_USAGE;
}

/* as is taken over; where --as did not tell who asks, the environment does. */
static char *or_variable(char *as)
{
    return as != NULL ? as : g_strdup(g_getenv("BATCHLOAD_AS"));
}

static int store_file(const CliPlace *place, const char *word, const char *path, const char *as,
                      const char *reference, Address **address, char **id)
{
    CliFile file;
    int code = 0;

    *address = parse_requester(as);
    if (*address == NULL)
        return EX_USAGE;
    if (!open_file(path, &file, &code))
        return code;
    code = hand_in(place, word, &file, (*address)->full, reference, id);
    close(file.fd);
    return code;
}

static int apply_file(const CliPlace *place, const char *path, const char *as,
                      const char *reference, bool wait)
{
    g_autoptr(Address) address = NULL;
    g_autofree char *id = NULL;
    int code = store_file(place, "apply", path, as, reference, &address, &id);

    if (code != 0)
        return code;
    printf("job %s\n", id);
    fflush(stdout);
    return wait ? cli_follow_apply(place, id, address->full) : 0;
}

int cli_check(const CliPlace *place, int argc, char **argv)
{
    g_autofree char *as = NULL, *id = NULL;
    g_autoptr(Address) address = NULL;
    const GOptionEntry entries[] = {
        {"as", 0, 0, G_OPTION_ARG_STRING, &as, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    static const char usage[] = "batchload [-c FILE | --spool DIR] check FILE --as ADDRESS";
    int code = 0;

    if (!cli_options(
            &argc, &argv, usage,
            "Tells what a batchload.csv would change if ADDRESS sent it, in the words of\n"
            "a response, and changes nothing. Nobody gets a mail.\n\n"
            "  --as=ADDRESS  whose request it would be: its grant counts; else BATCHLOAD_AS\n"
            "  -h, --help    print this\n\n"
            "Ends with 0 where all rows are good, with 1 where some are not.\n",
            entries, &code))
        return code;
    as = or_variable(as);
    if (argc != 2 || as == NULL)
        return cli_fault(EX_USAGE, "check takes one file, and --as or BATCHLOAD_AS; usage: %s",
                         usage);
    code = store_file(place, "check", argv[1], as, "", &address, &id);
    if (code != 0)
        return code;
    watch_interrupt(
        g_strdup_printf("not followed any more; job %s changes nothing and goes by itself", id));
    return cli_follow_check(place, id, false);
}

bool cli_is_reference(const char *text)
{
    G_STATIC_ASSERT(REQUEST_REFERENCE_MAX == 200); /* CLI_REFERENCE_FAULT */
    return strlen(text) <= REQUEST_REFERENCE_MAX && g_utf8_validate(text, -1, NULL) &&
           strpbrk(text, "\r\n") == NULL;
}

int cli_apply(const CliPlace *place, int argc, char **argv)
{
    g_autofree char *as = NULL, *reference = NULL;
    gboolean no_wait = FALSE;
    const GOptionEntry entries[] = {
        {"as", 0, 0, G_OPTION_ARG_STRING, &as, NULL, NULL},
        {"reference", 0, 0, G_OPTION_ARG_STRING, &reference, NULL, NULL},
        {"no-wait", 0, 0, G_OPTION_ARG_NONE, &no_wait, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    static const char usage[] = "batchload [-c FILE | --spool DIR] apply FILE --as ADDRESS "
                                "[--reference TEXT] [--no-wait]";
    int code = 0;

    if (!cli_options(
            &argc, &argv, usage,
            "Hands a batchload.csv to the daemon as if ADDRESS had sent it by mail, and\n"
            "follows it. The response goes to ADDRESS. No password of ADDRESS is asked.\n\n"
            "  --as=ADDRESS       whose request it is: its grant counts; else BATCHLOAD_AS\n"
            "  --reference=TEXT   repeated in the response, at most 200 bytes\n"
            "  --no-wait          end when the daemon has taken it\n"
            "  -h, --help         print this\n\n"
            "Ends with 0 where all rows are good, with 1 where some failed or nothing\n"
            "was processed.\n",
            entries, &code))
        return code;
    as = or_variable(as);
    if (argc != 2 || as == NULL)
        return cli_fault(EX_USAGE, "apply takes one file, and --as or BATCHLOAD_AS; usage: %s",
                         usage);
    if (reference != NULL && !cli_is_reference(reference))
        return cli_fault(EX_USAGE, CLI_REFERENCE_FAULT);
    return apply_file(place, argv[1], as, reference != NULL ? reference : "", !no_wait);
}
