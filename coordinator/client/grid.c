#include "coordinator/client/grid.h"

#include <stdarg.h>
#include <string.h>

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
    for (size_t i = 0; i < g->n; i++) {
        size_t column = i % g->columns;
        bool last = column + 1 == g->columns;
        fputs(g->cells[i], out);
        for (size_t w = width(g->cells[i]); !last && w < widths[column] + 2; w++)
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
