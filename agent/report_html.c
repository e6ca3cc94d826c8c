/* The page: no script, nothing from elsewhere, every text escaped; A4 when it is printed. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/advised.h"
#include "agent/report_internal.h"
#include "agent/template.h"
#include "base/mem.h"
#include "models/svg.h"

#define LIST_MOST 500
#define TOP_MOST 10

static const char head[] = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                           "style-src 'unsafe-inline'; img-src data:\">\n"
                           "<meta name=\"viewport\" content=\"width=device-width\">\n<title>";
static const char style[] =
    "</title>\n<style>\n"
    "@page{size:A4;margin:15mm}\n"
    "body{font:14px/1.45 system-ui,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif;color:#14181d;"
    "background:#fff;max-width:50em;margin:2em auto;padding:0 1em}\n"
    "h1{font-size:1.6em;margin:0}h2{font-size:1.15em;margin:1.6em 0 .4em;border-bottom:1px solid #5f6b76}\n"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.2em .5em;border-bottom:1px "
    "solid "
    "#d5dbe0;vertical-align:top}\n"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.t{white-space:nowrap}"
    "\n"
    "svg{max-width:100%;height:auto}.aside{color:#4a5560}\n"
    ".pictures{display:flex;flex-wrap:wrap;gap:1em}figure{margin:0;width:13em}figure div{position:relative}"
    "figure img{width:100%;display:block;image-rendering:pixelated}"
    "figure i{position:absolute;box-sizing:border-box;border:2px solid #0b57d0;outline:1px solid #fff}"
    "figcaption{font-size:.9em}\n"
    "@media print{body{margin:0;padding:0;max-width:none;font-size:9.5pt}h2{break-after:avoid}"
    "tr,svg,figure{break-inside:avoid}*{print-color-adjust:exact}thead{display:table-header-group}}\n"
    "</style>\n</head>\n<body>\n";

/* ---- pieces ---- */

void an_report_put(an_buf *b, const char *text)
{
    an_escape_put(b, text, AN_ESCAPE_XML);
}

static void cell(an_buf *b, const char *text)
{
    an_buf_text(b, "<td>");
    an_report_put(b, text[0] ? text : "\xe2\x80\x93");
    an_buf_text(b, "</td>");
}

static void number(an_buf *b, uint64_t n)
{
    an_buf_printf(b, "<td class=\"n\">%" PRIu64 "</td>", n);
}

static void figure(an_buf *b, const char *what, const char *value, const char *aim)
{
    an_buf_text(b, "<tr>");
    cell(b, what);
    an_buf_printf(b, "<td class=\"n\">%s</td>", value);
    cell(b, aim);
    an_buf_text(b, "</tr>\n");
}

/* headers: "=" before a name puts it to the right; ended by NULL. */
static void table(an_buf *b, const char *title, const char *const *headers)
{
    an_buf_text(b, "<h2>");
    an_report_put(b, title);
    an_buf_text(b, "</h2>\n<table><thead><tr>");
    for (; *headers; headers++)
        an_buf_printf(b, "<th%s>%s</th>", **headers == '=' ? " class=\"n\"" : "",
                      *headers + (**headers == '='));
    an_buf_text(b, "</tr></thead><tbody>\n");
}

static void end_table(an_buf *b, bool any, const char *none)
{
    an_buf_text(b, "</tbody></table>\n");
    if (!any) {
        an_buf_text(b, "<p class=\"aside\">");
        an_report_put(b, none);
        an_buf_text(b, "</p>\n");
    }
}

static void time_cell(an_buf *b, int64_t ms)
{
    char text[16] = "\xe2\x80\x93";
    const time_t s = (time_t)(ms / 1000);
    struct tm tm;
    if (ms > 0 && localtime_r(&s, &tm))
        strftime(text, sizeof text, "%H:%M:%S", &tm);
    an_buf_printf(b, "<td class=\"t\">%s</td>", text);
}

static void span_cell(an_buf *b, int64_t ms)
{
    const int64_t s = ms / 1000;
    if (s >= 3600)
        an_buf_printf(b, "<td class=\"n\">%" PRId64 " h %02" PRId64 " min</td>", s / 3600, s % 3600 / 60);
    else
        an_buf_printf(b, "<td class=\"n\">%" PRId64 " min %02" PRId64 " s</td>", s / 60, s % 60);
}

/* ---- sums ---- */

typedef struct sums {
    char line[AN_NAME_MAX];
    uint64_t by[AN_SEVERITIES], n, hidden, right, wrong, unsure;
} sums;

static void add(sums *s, const an_report_alarm *a)
{
    s->hidden += a->hidden;
    s->n += !a->hidden;
    if (!a->hidden)
        s->by[a->severity]++;
    s->right += strcmp(a->verdict, "true") == 0;
    s->wrong += strcmp(a->verdict, "false") == 0;
    s->unsure += strcmp(a->verdict, "unsure") == 0;
}

/* ret: (AN_LINES_MAX + 1), the last that is used is of all lines.  Returns how many lines. */
static size_t sum_up(const an_report *r, sums *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_alarms; i++) {
        const an_report_alarm *a = &r->alarms[i];
        size_t at = 0;
        while (at < n && strcmp(ret[at].line, a->line) != 0)
            at++;
        if (at == n && n == AN_LINES_MAX)
            continue;
        if (at == n)
            snprintf(ret[n++].line, sizeof ret[0].line, "%s", a->line);
        add(&ret[at], a);
    }
    for (size_t i = 0; i < r->n_alarms; i++)
        add(&ret[n], &r->alarms[i]);
    snprintf(ret[n].line, sizeof ret[n].line, "all lines");
    return n;
}

static void put_lines(an_buf *b, const sums *lines, size_t n)
{
    static const char *const headers[] = {"line",    "=critical", "=high",  "=medium",    "=low", "=alarms",
                                          "=hidden", "=true",     "=false", "=precision", NULL};
    table(b, "Alarms by line and severity, and what people found", headers);
    for (size_t i = 0; i <= n; i++) {
        const sums *s = &lines[i];
        an_buf_text(b, "<tr>");
        cell(b, s->line);
        for (size_t k = AN_SEVERITIES; k-- > 0;)
            number(b, s->by[k]);
        number(b, s->n);
        number(b, s->hidden);
        number(b, s->right);
        number(b, s->wrong);
        if (s->right + s->wrong > 0)
            an_buf_printf(b, "<td class=\"n\">%.0f %%</td>",
                          100.0 * (double)s->right / (double)(s->right + s->wrong));
        else
            cell(b, "");
        an_buf_text(b, "</tr>\n");
    }
    end_table(b, true, "");
    an_buf_printf(
        b,
        "<p class=\"aside\">Hidden alarms were shelved, suppressed or out of service; nobody was shown "
        "them. Precision is the share of true in true and false; %" PRIu64
        " alarms were judged unsure, %" PRIu64 " not at all.</p>\n",
        lines[n].unsure, lines[n].n + lines[n].hidden - lines[n].right - lines[n].wrong - lines[n].unsure);
}

static an_err put_hours(an_buf *b, const an_report *r)
{
    double all[AN_REPORT_HOURS] = {0}, grave[AN_REPORT_HOURS] = {0}, most = 4;
    const size_t hours = (size_t)((r->to_ms - r->from_ms + 3599999) / 3600000);
    an_svg s;
    for (size_t i = 0; i < r->n_alarms; i++) {
        const size_t h = (size_t)((r->alarms[i].raised_ms - r->from_ms) / 3600000);
        if (r->alarms[i].hidden || h >= AN_REPORT_HOURS)
            continue;
        all[h]++;
        grave[h] += r->alarms[i].severity >= AN_SEVERITY_HIGH;
        most = all[h] > most ? all[h] : most;
    }
    an_svg_begin_high(&s, "Alarms in each hour", r->day, 300);
    an_svg_axes(&s, &(an_svg_axis){.label = "hour of the day", .min = 0, .max = (double)hours, .whole = true},
                &(an_svg_axis){.label = "alarms", .min = 0, .max = most, .whole = true});
    for (size_t h = 0; h < hours && h < AN_REPORT_HOURS; h++) {
        if (all[h] > 0)
            an_svg_bar(&s, AN_SVG_FIRST, (double)h + 0.1, (double)h + 0.9, all[h]);
        if (grave[h] > 0)
            an_svg_bar(&s, AN_SVG_SECOND, (double)h + 0.1, (double)h + 0.9, grave[h]);
    }
    an_svg_legend_box(&s, AN_SVG_FIRST, "all");
    an_svg_legend_box(&s, AN_SVG_SECOND, "of these high and critical");
    return an_svg_end(&s, b);
}

static void put_quality(an_buf *b, an_report *r)
{
    static const char *const headers[] = {"figure", "=value", "aim (ISA-18.2, EEMUA 191)", NULL};
    an_alarm_figures f;
    char text[48];
    an_alarm_points_sort(&r->points);
    an_alarm_figures_of(&f, r->points.items, r->points.n, r->from_ms, r->to_ms);
    table(b, "Load on people", headers);
    snprintf(text, sizeof text, "%zu", f.n);
    figure(b, "alarms shown, also again", text, "");
    snprintf(text, sizeof text, "%.2f", f.average);
    figure(b, "per ten minutes", text, "at most 1 for one person");
    snprintf(text, sizeof text, "%zu", f.peak);
    figure(b, "most in any ten minutes", text, "at most 10");
    snprintf(text, sizeof text, "%zu of %zu", f.flooded, f.slots);
    figure(b, "periods of ten minutes with a flood", text, "below 1 %");
    snprintf(text, sizeof text, "%zu of %zu", f.chattering, f.tags);
    figure(b, "recurring alarms that chatter", text, "none");
    snprintf(text, sizeof text, "%zu", f.standing);
    figure(b, "active for more than 24 h", text, "below 5");
    snprintf(text, sizeof text, "%.0f %%", 100 * f.top_share);
    figure(b, "share of the ten most frequent", text, "below 5 %");
    end_table(b, true, "");
}

static int more_first(const void *a, const void *b)
{
    const an_report_count *x = a, *y = b;
    if (x->share < y->share || x->share > y->share)
        return x->share < y->share ? 1 : -1;
    return x->n != y->n ? (x->n < y->n ? 1 : -1) : strcmp(x->line, y->line);
}

static void sort(an_report_counts *c)
{
    if (c->n > 0)
        qsort(c->items, c->n, sizeof *c->items, more_first);
}

static void put_sensors(an_buf *b, an_report *r)
{
    static const char *const headers[] = {"sensor", "line", "=named in alarms", "=sum of shares", NULL};
    sort(&r->sensors);
    table(b, "Sensors that stood out", headers);
    for (size_t i = 0; i < r->sensors.n && i < TOP_MOST; i++) {
        const an_report_count *c = &r->sensors.items[i];
        an_buf_text(b, "<tr>");
        cell(b, c->name);
        cell(b, c->line);
        number(b, c->n);
        an_buf_printf(b, "<td class=\"n\">%.2f</td></tr>\n", c->share);
    }
    end_table(b, r->sensors.n > 0, "No alarm named a sensor.");
}

static void put_faults(an_buf *b, an_report *r, int64_t now_ms)
{
    static const char *const headers[] = {"sensor", "line", "fault", "=begun", "=time", NULL};
    const int64_t end = now_ms < r->to_ms ? now_ms : r->to_ms;
    bool any = false;
    sort(&r->faults);
    table(b, "Quality of the data", headers);
    for (size_t i = 0; i < r->faults.n; i++) {
        const an_report_count *c = &r->faults.items[i];
        const int64_t from = c->since_ms > r->from_ms ? c->since_ms : r->from_ms;
        const int64_t ms = c->ms + (c->since_ms && end > from ? end - from : 0);
        if (c->n == 0 && ms == 0)
            continue;
        any = true;
        an_buf_text(b, "<tr>");
        cell(b, c->name);
        cell(b, c->line);
        cell(b, c->what);
        number(b, c->n);
        span_cell(b, ms);
        an_buf_text(b, "</tr>\n");
    }
    end_table(b, any, "Nothing was found wrong with the data.");
}

static void put_versions(an_buf *b, const an_report *r)
{
    static const char *const headers[] = {"line", "version", "first", "last", "=records", NULL};
    table(b, "Versions that spoke", headers);
    for (size_t i = 0; i < r->versions.n; i++) {
        const an_report_count *c = &r->versions.items[i];
        an_buf_text(b, "<tr>");
        cell(b, c->line);
        cell(b, c->name);
        time_cell(b, c->first_ms);
        time_cell(b, c->last_ms);
        number(b, c->n);
        an_buf_text(b, "</tr>\n");
    }
    end_table(b, r->versions.n > 0, "No version has said anything that day.");
}

static void put_alarm(an_buf *b, const char *dir, const an_report_alarm *a)
{
    char said[AN_ADVISED_SAID_MAX];
    an_buf_text(b, "<tr>");
    time_cell(b, a->raised_ms);
    cell(b, a->line);
    number(b, a->alarm);
    cell(b, an_severity_names[a->severity]);
    if (a->cleared_ms > a->raised_ms)
        span_cell(b, a->cleared_ms - a->raised_ms);
    else
        an_buf_text(b, "<td class=\"n\">active</td>");
    if (isfinite(a->peak))
        an_buf_printf(b, "<td class=\"n\">%.3g</td>", a->peak);
    else
        cell(b, "");
    cell(b, a->part);
    an_buf_text(b, "<td>");
    an_report_put(b, a->reason[0] ? a->reason : a->sensor);
    an_buf_text(b, a->hidden ? " (hidden)" : "");
    if (dir[0] && an_advised_said(dir, a->line, a->alarm, said)) {
        an_buf_text(b, "<br>Advice: ");
        an_report_put(b, said);
    }
    an_buf_text(b, "</td>");
    cell(b, a->verdict);
    an_buf_text(b, "</tr>\n");
}

static void put_list(an_buf *b, const an_report *r)
{
    static const char *const headers[] = {"raised", "line", "=no.", "severity", "=for",
                                          "=peak",  "part", "what", "verdict",  NULL};
    table(b, "All alarms", headers);
    for (size_t i = 0; i < r->n_alarms && i < LIST_MOST; i++)
        put_alarm(b, r->dir, &r->alarms[i]);
    end_table(b, r->n_alarms > 0, "No alarm was raised.");
    if (r->n_alarms > LIST_MOST)
        an_buf_printf(b, "<p class=\"aside\">%zu more are in the log.</p>\n", r->n_alarms - LIST_MOST);
}

an_err an_report_html(an_report *r, int64_t now_ms, an_buf *ret)
{
    char made[40] = "";
    const time_t now = (time_t)(now_ms / 1000);
    struct tm tm;
    sums *lines = an_alloc(AN_LINES_MAX + 1, sizeof *lines);
    if (!lines)
        return AN_ERR_NOMEM;
    if (localtime_r(&now, &tm))
        strftime(made, sizeof made, "%Y-%m-%d %H:%M %Z", &tm);
    an_buf_text(ret, head);
    an_report_put(ret, r->site);
    an_buf_printf(ret, ", %s", r->day);
    an_buf_text(ret, style);
    an_buf_text(ret, "<h1>Quality report of ");
    an_report_put(ret, r->site);
    an_buf_printf(ret, ", %s</h1>\n<p class=\"aside\">Times are of %s. Made %s from the site's log of alarms",
                  r->day, r->zone, made);
    an_buf_text(ret, now_ms < r->to_ms ? "; the day is not over.</p>\n" : ".</p>\n");
    put_lines(ret, lines, sum_up(r, lines));
    an_err err = put_hours(ret, r);
    if (!err)
        err = an_report_verdicts(r, ret);
    put_quality(ret, r);
    put_sensors(ret, r);
    put_faults(ret, r, now_ms);
    put_versions(ret, r);
    put_list(ret, r);
    an_report_pictures(ret, r);
    an_buf_text(ret, "</body>\n</html>\n");
    an_free(lines);
    return err ? err : an_buf_err(ret);
}
