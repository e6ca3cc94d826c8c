#!/usr/bin/env bash
# One line of three gets another impeller, and a round needs three sites: the campaign asks that line alone to adapt its
# overlay.  Production and the other lines stay as they are, the line is quiet again, and both ends say what was done.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/support/federation.sh

sites=(plant-a plant-b plant-c)
drifts=plant-b known=8000 event_row=10500
has_production() { p=$(production) && [ -n "$p" ] && [ "$p" != null ]; }
start_training() { api campaign start pump >"$work/started" 2>&1; }
all_run() { local s; for s in "${sites[@]}"; do site_is "$s" version "$1" || return 1; done; }
overlays() { local s; for s in "${sites[@]}"; do echo "$s $(site_status "$s" overlay)"; done; }
drift_is_seen() { api drift list | grep "$drifts.*line-1" >/dev/null; }
answered() { api campaign list | grep ' overlay .*ADAPTED' >/dev/null; }
is() # what, seconds, condition ...
{
    local what=$1 seconds=$2
    shift 2
    until_true "$seconds" "$@" || die "$what: $(api drift list) $(api campaign list) $(api fleet)"
}
says() # file, text ...
{
    local file=$1 text
    shift
    for text in "$@"; do grep -q "$text" "$work/$file" || die "$file does not say \"$text\": $(cat "$work/$file")"; done
}
# Percent of a line's rows from one to before the other that score over the threshold.
over() # site, first row, end
{
    awk -F, -v from="$2" -v to="$3" '$1 >= from && $1 < to && $3 != "" { n++; over += $3 >= 1 }
        END { if (!n) exit 1; printf "%d", 100 * over / n }' "$work/$1.csv"
}

start_coordinator "${coordinator_flags[@]}"
rows=1000000 speed=500
for i in "${!sites[@]}"; do
    enrol_site "${sites[i]}"
    change=''
    [ "${sites[i]}" = "$drifts" ] && change="{name: tool_change, start: $event_row, length: 0}"
    write_site "${sites[i]}" "$((i + 1))" "$change"
    sed -i "s/speed: $speed/&, speed_from: $known/; s/known_normal_rows: .*/known_normal_rows: $known/
        s/personalise: .*/personalise: {scale: site, tune_epochs: 5, all: true}/" "$work/${sites[i]}.yaml"
    start_site "${sites[i]}"
done
# A month of these lines is over in minutes, so a bound on false campaigns in a month would say nothing here.
create_model train.rounds=6 train.epochs=4 train.lr=0.002 train.batch=32 drift.few=overlay drift.automatic=true \
    drift.gather=4s drift.cooldown=1s drift.false_month=0
for s in "${sites[@]}"; do is "$s does not read" 60 site_has_rows "$s" "$known"; done
until_true 30 start_training || die "no campaign: $(cat "$work/started")"
is 'no first version' 60 has_production
first=$(production)
is 'the first version is not everywhere' 60 all_run "$first"
overlays >"$work/before"
[ "$(site_status "$drifts" row)" -lt "$event_row" ] || die 'the change has come before the first version'
says before "$drifts [0-9a-f]"

# ---- from the drift to the campaign's end ----
is 'no drift is seen' 40 drift_is_seen
is 'no campaign of overlays' 40 answered
api model policy pump drift.automatic=false >"$work/out" || die "$(cat "$work/out")" # this one is enough
id=$(api campaign list | awk '$3 == "overlay" { id = $1 } END { print id }')
api campaign show "$id" --json >"$work/campaign"
says campaign '"kind": *"overlay"' '"state": *"ADAPTED"' '"scope": *"one line"' "drift of one line, 1 of 3 lines: $drifts/line-1" \
    '1 site drifts and 3 run the model; a round needs 3: no round, it adapts its overlays' \
    "1 of 1 lines adapted their overlay: $drifts/line-1; production stays"
overlay=$(sed -n 's/.*"overlay": *"\([0-9a-f]*\)".*/\1/p' "$work/campaign")
is 'the line does not run the overlay of the campaign' 20 site_is "$drifts" overlay "$overlay"
is 'the line has not gone over to it' 20 site_is "$drifts" swaps 2 # a line's figures come once in a second
end_row=$(site_status "$drifts" row)
[ "$(production)" = "$first" ] && all_run "$first" || die "not all run the version of before: $(api fleet)"
overlays >"$work/after"
[ "$(diff "$work/before" "$work/after" | grep -c '^>')" -eq 1 ] || die "not one overlay is new: $(cat "$work/before" "$work/after")"
says after "$drifts $overlay"
! grep -q "$drifts $overlay" "$work/before" || die 'the overlay is the one of before'
say "ok: drift of one line, and campaign $id had its overlay alone adapted"

# ---- its alarms ----
is "$drifts does not read on" 60 site_has_rows "$drifts" $((end_row + 2000))
calm=$(over "$drifts" "$((known + 100))" "$event_row") && loud=$(over "$drifts" "$event_row" "$((end_row - 1000))") &&
    quiet=$(over "$drifts" "$end_row" $((end_row + 1500))) || die "no rows to judge: $(tail -n 3 "$work/$drifts.csv")"
[ "$calm" -le 2 ] || die "$calm % of the rows are over the threshold without a change"
[ "$loud" -ge 50 ] || die "only $loud % of the rows are over the threshold with the change"
[ "$quiet" -le 5 ] || die "$quiet % of the rows are over the threshold after the campaign"
[ "$(site_status "$drifts" alarm_open)" = false ] || die "an alarm is open: $(api alarm list)"
say "ok: $calm % of the rows over the threshold before the change, $loud % with it, $quiet % after the campaign"

# ---- who says what, also after both ends were killed ----
api journal --limit 1000 >"$work/journal"
says journal "drift at site $drifts line line-1: " "site $drifts line line-1: alarm, .*; over since" \
    "campaign $id (overlay) of model pump opened by coordinator: drift of one line" \
    "site $drifts line line-1 .*: campaign $id: adapted its overlay to ${overlay:0:12}" \
    "campaign $id of model pump ended by coordinator, promoted no: 1 of 1 lines adapted their overlay"
says "$drifts.log" "event=overlay_adapted line=line-1 campaign=$id overlay=${overlay:0:12}"
api history "$drifts/line-1" >"$work/history"
says history "${overlay:0:12}"
kill9_site "$drifts"
kill9_coordinator
start_coordinator "${coordinator_flags[@]}"
start_site "$drifts"
is 'the overlay is not the one that was adapted' 30 site_is "$drifts" overlay "$overlay"
api campaign show "$id" --json >"$work/campaign"
says campaign '"state": *"ADAPTED"' "\"overlay\": *\"$overlay\""
api journal verify >"$work/out" || die "$(cat "$work/out")"
say 'ok: the journal and the site say what was done, and both still know it after a kill'
