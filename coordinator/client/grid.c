#define _DEFAULT_SOURCE /* struct winsize */
#include "coordinator/client/grid.h"

#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"

#define CELL_MAX 400

static void add(an_grid *g, const char *text)
{
    char *copy = an_strdup(text[0] ? text : "-");
    if (!copy || !an_grow(&g->cells, &g->cap, g->n + 1, sizeof *g->cells)) {
        an_free(copy);
        g->failed = true;
        return;
    }
    for (char *p = copy; *p; p++) {
        const unsigned char c = (unsigned char)p[0], next = (unsigned char)p[1];
        if (c < 0x20 || c == 0x7f)
            *p = '?';
        else if (c == 0xc2 && next >= 0x80 && next < 0xa0) /* C1: some terminals obey it */
            p[0] = p[1] = '?';
    }
    g->cells[g->n++] = copy;
}

void an_grid_init(an_grid *g, const char *titles)
{
    *g = (an_grid){.columns = 0};
    while (*titles && g->columns < AN_GRID_COLUMNS_MAX) {
        char title[64];
        const char *end = strstr(titles, "  ");
        size_t len = end ? (size_t)(end - titles) : strlen(titles);
        snprintf(title, sizeof title, "%.*s", (int)len, titles);
        add(g, title);
        g->columns++;
        titles += len;
        titles += strspn(titles, " ");
    }
}

void an_grid_cell(an_grid *g, const char *fmt, ...)
{
    char text[CELL_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    add(g, text);
}

/* Characters, not bytes; the cells are the server's UTF-8. */
static size_t width(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static int terminal = STDOUT_FILENO;

void an_grid_fit(int fd)
{
    terminal = fd;
}

/* 0: there is no bound. */
static size_t columns_of_terminal(void)
{
    struct winsize size;
    return terminal >= 0 && isatty(terminal) && ioctl(terminal, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

#define LEAST_WIDTH 8

/* The widest give way first. */
static void narrow(size_t *widths, size_t n, size_t bound)
{
    for (;;) {
        size_t all = 0, widest = 0;
        for (size_t i = 0; i < n; i++) {
            all += widths[i] + (i + 1 < n ? 2 : 0);
            widest = widths[i] > widths[widest] ? i : widest;
        }
        if (bound == 0 || all <= bound || widths[widest] <= LEAST_WIDTH)
            return;
        widths[widest]--;
    }
}

/* Returns how wide it has become. */
static size_t put(FILE *out, const char *text, size_t most)
{
    const size_t all = width(text), keep = all <= most ? all : most - 3;
    size_t n = 0;
    for (; *text; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80;
        if (n > keep)
            break;
        fputc(*text, out);
    }
    fputs(all > most ? "..." : "", out);
    return all > most ? most : all;
}

void an_grid_print(const an_grid *g, FILE *out)
{
    size_t widths[AN_GRID_COLUMNS_MAX] = {0};
    if (g->failed) {
        fprintf(out, "out of memory\n");
        return;
    }
    if (g->n <= g->columns) {
        fprintf(out, "none\n");
        return;
    }
    for (size_t i = 0; i < g->n; i++) {
        size_t w = width(g->cells[i]);
        widths[i % g->columns] = w > widths[i % g->columns] ? w : widths[i % g->columns];
    }
    narrow(widths, g->columns, columns_of_terminal());
    for (size_t i = 0; i < g->n; i++) {
        size_t column = i % g->columns;
        bool last = column + 1 == g->columns;
        for (size_t w = put(out, g->cells[i], widths[column]); !last && w < widths[column] + 2; w++)
            fputc(' ', out);
        if (last)
            fputc('\n', out);
    }
}

void an_grid_done(an_grid *g)
{
    for (size_t i = 0; i < g->n; i++)
        an_free(g->cells[i]);
    an_free(g->cells);
    *g = (an_grid){.columns = 0};
}
