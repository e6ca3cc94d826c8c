#!/bin/sh
# People and `andon`: made with the administrator's token, logged in, kept to their role and sites, removed.
#
#     tests/integration/users.sh [BIN]     BIN: folder of the programs, else $ANDON_BIN or build/dev/bin
#
# Exit: 0 all held, 1 something did not (said on standard error), 77 the programs are not built.
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=${1:-${ANDON_BIN:-build/dev/bin}}
[ -x "$bin/andon-coordinator" ] && [ -x "$bin/andon" ] || {
    echo "skipped: $bin/andon-coordinator and $bin/andon are not built"
    exit 77
}
command -v python3 >/dev/null || {
    echo "skipped: python3 is not installed"
    exit 77
}
work=$(mktemp -d) || exit 1
pid=
cleanup()
{
    [ -n "$pid" ] && kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

fail()
{
    echo "users.sh: $*" >&2
    sed 's/^/    /' "$work/log" >&2
    exit 1
}

mkfifo "$work/ready" || exit 1
"$bin/andon-coordinator" --data "$work/data" --http.port 0 --listen.control 'tcp://127.0.0.1:*' \
    --listen.bulk 'tcp://127.0.0.1:*' --listen.enrol 'tcp://127.0.0.1:*' --approve.people 2 >"$work/ready" 2>"$work/log" &
pid=$!
read -r first <"$work/ready" || fail "the coordinator did not start"
url=${first#http }
password='correct horse battery'
echo "$password" >"$work/right"
echo 'not the password' >"$work/wrong"
echo short >"$work/short"
echo 'another one of mine' >"$work/next"
XDG_CONFIG_HOME=$work/mia ANDON_URL=$url
export XDG_CONFIG_HOME ANDON_URL

holds() # text, command ...
{
    want=$1
    shift
    "$@" >"$work/out" 2>&1
    code=$?
    [ "$code" -eq 0 ] || fail "$*: exit $code: $(cat "$work/out")"
    grep -q -- "$want" "$work/out" || fail "$*: no \"$want\" in: $(cat "$work/out")"
}

refuses() # text, command ...
{
    want=$1
    shift
    "$@" >"$work/out" 2>&1 && fail "$*: was done: $(cat "$work/out")"
    grep -q -- "$want" "$work/out" || fail "$*: no \"$want\" in: $(cat "$work/out")"
}

admin()
{
    "$bin/andon" "$@" --data "$work/data"
}

# A password is not shown; two that differ are none.
holds 'user mia: operator, sites: plant-a,plant-b' python3 tests/support/terminal.py "$password" "$password" -- \
    "$bin/andon" user add mia --role operator --sites plant-a,plant-b --data "$work/data"
grep -q "$password" "$work/out" && fail "the terminal shows the password: $(cat "$work/out")"
refuses 'two passwords' python3 tests/support/terminal.py "$password" "$password." -- \
    "$bin/andon" user add eva --role viewer --data "$work/data"
refuses '12 to 256 bytes' admin user add eva --role viewer --password-stdin <"$work/short"
holds 'user tom: releaser, sites: all' admin user add tom --role releaser --password-stdin <"$work/right"
holds 'user prom: viewer, sites: all' admin user add prom --role viewer --no-password
holds "^tom$(printf '\t')releaser$" "$bin/andon" --complete user set --data "$work/data" ''
refuses 'there is a user mia' admin user add mia --role viewer --no-password
refuses 'must be viewer' admin user add eva --role boss --no-password
holds 'mia  *operator  *plant-a,plant-b' admin user list
grep -q 'prom  *viewer  *all  *none  *0' "$work/out" || fail "user list: $(cat "$work/out")"

refuses 'no such user, or another password' "$bin/andon" login --user mia --password-stdin <"$work/wrong"
[ -e "$work/mia/andon/token" ] && fail "a token is kept of somebody who did not get in"
holds 'logged in as mia (operator)' "$bin/andon" login --user mia --password-stdin --valid 1h <"$work/right"
[ "$(ls -l "$work/mia/andon/token" | cut -c1-10)" = -rw------- ] || fail "others can read the token"
holds 'mia: operator, sites: plant-a,plant-b' "$bin/andon" whoami
holds 'admin: administrator, sites: all' admin whoami
holds 'none' "$bin/andon" model list
refuses 'needs the role administrator' "$bin/andon" user list
refuses 'some sites alone' "$bin/andon" journal verify
refuses 'needs the role engineer' "$bin/andon" campaign start pumps
holds 'login-' "$bin/andon" user tokens mia
grep -q "$(sed -n 1p "$work/mia/andon/token" | cut -c7-)" "$work/out" && fail "a token is shown again"
# The token is for this coordinator: another one does not get it.
refuses 'cannot reach\|admin.token' "$bin/andon" model list --url http://127.0.0.1:9
holds 'mia is logged out' "$bin/andon" logout
[ -e "$work/mia/andon/token" ] && fail "the token stays"
refuses 'nobody is logged in' "$bin/andon" logout
holds 'none' admin user tokens mia

# A program's token, and its end.
holds '^andon_' admin user token prom --label scrape --valid 1h
cp "$work/out" "$work/prom" && chmod 600 "$work/prom"
holds 'none' "$bin/andon" model list --token-file "$work/prom"
refuses 'needs the role' "$bin/andon" token --token-file "$work/prom"
id=$(admin user tokens prom | sed -n '2s/ .*//p')
holds 'valid no more' admin user token-revoke prom "$id" --reason 'found in a log'
refuses 'no token that is valid' "$bin/andon" model list --token-file "$work/prom"

# What releases needs two people.
holds 'model pumps' admin model create pumps --arch models/zoo/dense-ae.yaml --sensors flow,pressure
holds 'logged in as tom' "$bin/andon" login --user tom --password-stdin <"$work/right"
holds 'not yet done: models/pumps/policy needs a second person' "$bin/andon" model policy pumps train.rounds=4
refuses 'somebody else has to confirm it' "$bin/andon" proposal confirm 1
holds '1  *user/tom .*models/pumps/policy .*train.rounds' admin proposal list
holds 'proposal 1 of user/tom is confirmed and done' admin proposal confirm 1
holds 'train.rounds  *4 ' admin model policy pumps
holds 'not yet done' "$bin/andon" model policy pumps train.rounds=5
holds 'is dropped' "$bin/andon" proposal drop 2 --reason 'a slip'
refuses 'no proposal' admin proposal confirm 2
holds 'tom is logged out' "$bin/andon" logout

# Changes end sessions and show who, what and why.
holds 'logged in as tom' "$bin/andon" login --user tom --password-stdin <"$work/right"
holds 'user tom: viewer' admin user set tom --role viewer --reason 'other duties'
refuses 'needs the role releaser' "$bin/andon" rollback pumps --reason x
holds 'another password' admin user password tom --password-stdin <"$work/next"
holds 'removed' admin user remove tom --reason left
refuses 'no token that is valid' "$bin/andon" model list
holds 'user tom is viewer, releaser before, said user/admin: other duties' admin journal
grep -q 'token .* (login-.*, releaser) of user tom made by user/tom' "$work/out" || fail "journal: $(cat "$work/out")"
holds 'intact' admin journal --verify
admin journal export "$work/export" >/dev/null || fail "no export"
grep -q 'argon2\|battery\|andon_' "$work/export" && fail "the export holds what a password or token can be tried against"
grep -q 'argon2\|battery\|andon_\|another one of mine' "$work/log" && fail "the log holds secrets"
echo "users.sh: all held"
