/* Fields of what a site reports of its own accord: drift, alarms, live figures, counts; and of overlays. */
#include <math.h>

#include "andon.pb-c.h"
#include "msg/tables.h"

#define ANY UINT64_MAX
#define COUNT (UINT64_C(1) << 53) /* whoever keeps it keeps it as a signed number, or a double */

#define OWN an_msg_drift_alert
#define WIRE Andon__DriftAlert
static const an_field drift_alert_fields[] = {
    AN_U64(alert_id, 0, ANY),
    AN_NAME(model),
    AN_NAME(line),
    AN_FIXED(version, false),
    AN_NAME(test),
    AN_TEXT(subject, false),
    AN_I32(sign, 1),
    AN_F64(effect, -HUGE_VAL, HUGE_VAL),
    AN_F64(statistic, -HUGE_VAL, HUGE_VAL),
    AN_F64(threshold, -HUGE_VAL, HUGE_VAL),
    AN_U64(n_reference, 0, ANY),
    AN_U64(n_current, 0, ANY),
    AN_TIME(since_ms),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_drift_alert = {drift_alert_fields, &andon__drift_alert__descriptor};

#define OWN an_msg_share
#define WIRE Andon__Share
static const an_field share_fields[] = {
    AN_TEXT(sensor, false),
    AN_F64(share, 0.0, 1.0),
    AN_END,
};
#undef OWN
#undef WIRE

#define OWN an_msg_alarm_summary
#define WIRE Andon__AlarmSummary
static const an_field alarm_summary_fields[] = {
    AN_NAME(line),
    AN_U64(alarm_id, 0, ANY),
    AN_FIXED(version, false),
    AN_TIME(raised_ms),
    AN_TIME(cleared_ms),
    AN_F64(peak, -HUGE_VAL, HUGE_VAL),
    AN_LIST(shares, share_fields, andon__share__descriptor),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_alarm_summary = {alarm_summary_fields, &andon__alarm_summary__descriptor};

#define OWN an_msg_live
#define WIRE Andon__Live
static const an_field live_fields[] = {
    AN_NAME(model),
    AN_NAME(line),
    AN_FIXED(version, false),
    AN_FIXED(overlay, true),
    AN_FIXED(before, true),
    AN_TIME(since_ms),
    AN_U64(span_ms, 0, COUNT),
    AN_U64(rows, 0, COUNT),
    AN_U64(over, 0, COUNT),
    AN_U64(alarms, 0, COUNT),
    AN_U64(non_finite, 0, COUNT),
    AN_U64(latency_us, 0, COUNT),
    AN_F64(score_mean, -HUGE_VAL, HUGE_VAL),
    AN_F64(score_p95, -HUGE_VAL, HUGE_VAL),
    AN_BOOL(paired),
    AN_U64(before_rows, 0, COUNT),
    AN_U64(before_over, 0, COUNT),
    AN_U64(before_alarms, 0, COUNT),
    AN_U64(before_non_finite, 0, COUNT),
    AN_U64(before_latency_us, 0, COUNT),
    AN_F64(before_score_mean, -HUGE_VAL, HUGE_VAL),
    AN_F64(before_score_p95, -HUGE_VAL, HUGE_VAL),
    AN_ENUM(verdict, AN_LIVE_WORSENED),
    AN_TEXT(reason, true),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_live = {live_fields, &andon__live__descriptor};

#define OWN an_msg_counts
#define WIRE Andon__Counts
static const an_field counts_fields[] = {
    AN_NAME(model),
    AN_NAME(line),
    AN_FIXED(version, false),
    AN_TIME(since_ms),
    AN_U64(rows, 0, COUNT),
    AN_U64(alarms, 0, COUNT),
    AN_U64(confirmed, 0, COUNT),
    AN_U64(refuted, 0, COUNT),
    AN_U64(unsure, 0, COUNT),
    AN_U64(missed, 0, COUNT),
    AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_counts = {counts_fields, &andon__counts__descriptor};

#define OWN an_msg_refit
#define WIRE Andon__Refit
static const an_field refit_fields[] = {
    AN_U64(campaign, 1, COUNT), AN_NAME(model),        AN_NAME(line), AN_FIXED(version, false),
    AN_BOOL(use_held),          AN_TEXT(reason, true), AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_refit = {refit_fields, &andon__refit__descriptor};

#define OWN an_msg_refitted
#define WIRE Andon__Refitted
static const an_field refitted_fields[] = {
    AN_U64(campaign, 1, COUNT), AN_NAME(model),        AN_NAME(line), AN_FIXED(version, false),
    AN_FIXED(overlay, true),    AN_TEXT(reason, true), AN_END,
};
#undef OWN
#undef WIRE
const an_msg_codec an_codec_refitted = {refitted_fields, &andon__refitted__descriptor};
