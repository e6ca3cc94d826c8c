# What the tests of experiments are written in.  Source it from the top folder:
#
#     . tests/support/experiment.sh            tests/support/lab.sh and what follows
#     get tep federated mar                    from $work/tep.json: the first value of the key within the block
#     bar "$(get tep federated mar) < 0.2" 'tep, missed rows'
. tests/support/lab.sh

get()
{
    awk -v block="\"$2\": {" -v key="\"$3\":" '
        index($0, block) { inside = 1 }
        inside && $1 == key { sub(/,$/, "", $2); print $2; exit }' "$work/$1.json"
}
bar()
{
    awk "BEGIN { exit !($1) }" || fail "$2: $1"
}
