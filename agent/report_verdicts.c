/* How good the alarms were: the figures of the day, and how they went over the last days. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/report.h"
#include "agent/template.h"
#include "models/svg.h"

static void share_cell(an_buf *b, const an_verdict_share *s)
{
    if (s->known)
        an_buf_printf(b, "<td class=\"n\">%.0f %% (%.0f\xe2\x80\x93%.0f)</td>", 100 * s->value, 100 * s->low,
                      100 * s->high);
    else
        an_buf_text(b, "<td class=\"n\">unknown</td>");
}

static void put_row(an_buf *b, const an_verdict_count *c)
{
    const uint64_t n[] = {c->alarms, c->right, c->wrong, c->unsure, c->missed, c->good};
    const an_verdict_figures f = an_verdict_figures_of(c);
    an_buf_text(b, "<tr><td>");
    an_escape_put(b, c->line, AN_ESCAPE_XML);
    an_buf_text(b, "</td>");
    for (size_t i = 0; i < sizeof n / sizeof *n; i++)
        an_buf_printf(b, "<td class=\"n\">%" PRIu64 "</td>", n[i]);
    share_cell(b, &f.precision);
    share_cell(b, &f.recall);
    share_cell(b, &f.f1);
    an_buf_text(b, "</tr>\n");
}

static void add(an_verdict_count *sum, const an_verdict_count *c)
{
    sum->alarms += c->alarms;
    sum->right += c->right;
    sum->wrong += c->wrong;
    sum->unsure += c->unsure;
    sum->missed += c->missed;
    sum->good += c->good;
}

/* All lines of each day; the last is this one.  A day without anything stays empty. */
static void sum_days(const an_report *r, an_verdict_count days[static AN_REPORT_DAYS])
{
    memset(days, 0, AN_REPORT_DAYS * sizeof *days);
    for (size_t i = 0; i < r->verdicts.n; i++) {
        const an_verdict_count *c = &r->verdicts.items[i];
        /* Days begin within an hour of a multiple of 24 hours before this one. */
        const int64_t back = (r->from_ms - c->from_ms + INT64_C(43200000)) / INT64_C(86400000);
        if (c->from_ms <= r->from_ms && back >= 0 && back < AN_REPORT_DAYS)
            add(&days[AN_REPORT_DAYS - 1 - back], c);
    }
}

static void dots(an_svg *s, an_svg_tone tone, size_t day, const an_verdict_share *share)
{
    const double x = (double)day - (AN_REPORT_DAYS - 1) + (tone == AN_SVG_FIRST ? -0.08 : 0.08);
    if (!share->known)
        return;
    an_svg_dot(s, tone, x, share->value, 4);
    an_svg_rule(s, x, share->low, x, share->high);
}

static an_err put_picture(an_buf *b, const an_report *r)
{
    an_verdict_count days[AN_REPORT_DAYS];
    an_svg s;
    sum_days(r, days);
    an_svg_begin_high(&s, "Precision and recall of each day, all lines", r->day, 260);
    an_svg_axes(
        &s,
        &(an_svg_axis){
            .label = "days before this one", .min = -(AN_REPORT_DAYS - 0.5), .max = 0.5, .whole = true},
        &(an_svg_axis){.label = "share", .min = 0, .max = 1});
    for (size_t i = 0; i < AN_REPORT_DAYS; i++) {
        const an_verdict_figures f = an_verdict_figures_of(&days[i]);
        dots(&s, AN_SVG_FIRST, i, &f.precision);
        dots(&s, AN_SVG_SECOND, i, &f.recall);
    }
    an_svg_legend_dot(&s, AN_SVG_FIRST, "precision");
    an_svg_legend_dot(&s, AN_SVG_SECOND, "recall");
    return an_svg_end(&s, b);
}

static void put_change(an_buf *b, const char *what, const an_suggest_at *a, const an_suggested *r)
{
    an_buf_printf(b,
                  " %s at %.3g times the calibrated threshold: %" PRIu64 " defects found, %" PRIu64
                  " missed, %" PRIu64 " wrong alarms.",
                  what, a->threshold / r->calibrated, a->found, a->missed, a->alarms_wrong);
}

/* What a threshold would have come to: said, never applied. */
static void put_suggestion(an_buf *b, const an_suggested *r)
{
    char asked[64];
    if (!r->s.f1_known && !r->s.far_known)
        return;
    snprintf(asked, sizeof asked, "At most %.3g %% false alarms", 100 * r->far);
    an_buf_text(b, "<p>Line ");
    an_escape_put(b, r->line, AN_ESCAPE_XML);
    an_buf_printf(b, ", of %zu defects and %zu good pieces that its version has scored:", r->s.defects,
                  r->s.good);
    put_change(b, "Now,", &r->s.now, r);
    if (r->s.f1_known)
        put_change(b, "Best F1", &r->s.f1, r);
    if (r->s.far_known)
        put_change(b, asked, &r->s.far, r);
    an_buf_text(b, " Pieces of which nobody said anything count as good. A person sets it (<code>andon-agent "
                   "threshold</code>).</p>\n");
}

an_err an_report_verdicts(const an_report *r, an_buf *ret)
{
    size_t n = 0;
    an_buf_text(ret, "<h2>How good the model's alarms were</h2>\n<table><thead><tr><th>line</th>");
    static const char *const heads[] = {"shown", "true",      "false",  "unsure", "missed",
                                        "good",  "precision", "recall", "F1"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        an_buf_printf(ret, "<th class=\"n\">%s</th>", heads[i]);
    an_buf_text(ret, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < r->verdicts.n; i++)
        if (r->verdicts.items[i].from_ms == r->from_ms) {
            put_row(ret, &r->verdicts.items[i]);
            n++;
        }
    an_buf_text(ret, "</tbody></table>\n");
    an_buf_printf(
        ret,
        "<p class=\"aside\">%sIn brackets is Wilson's interval (95 %%). Unknown: fewer than %d verdicts, or "
        "nobody has reported missed defects or good pieces.</p>\n",
        n > 0 ? "" : "No alarm was shown and nothing was said of this day. ", AN_VERDICT_FEW);
    for (size_t i = 0; i < r->n_suggested; i++)
        put_suggestion(ret, &r->suggested[i]);
    return r->verdicts.n > 0 ? put_picture(ret, r) : AN_OK;
}
