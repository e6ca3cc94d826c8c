#!/bin/sh
# The test command is itself tested: in a small tree whose tests pass, fail, skip, hang up or do not
# build it must count each, tell the reasons, and end with its one line.
set -u
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d) || exit 2
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/tests/unit" "$tree/tests/integration" "$tree/deploy" "$tree/elsewhere"
cp "$here/run" "$tree/tests/run"
printf '#!/bin/sh\nexit 0\n' >"$tree/deploy/install-deps"
cd "$tree" || exit 2
failed=0

preset() { printf '{"name": "%s", "generator": "Ninja", "binaryDir": "${sourceDir}/build/%s"}' "$1" "$1"; }
printf '{"version": 6, "configurePresets": [%s, %s]}' "$(preset dev)" "$(preset release)" >CMakePresets.json

script() # path, body
{
    printf '#!/bin/sh\n%b\n' "$2" >"$1"
    chmod +x "$1"
}

run() # wanted exit code, arguments of tests/run
{
    wanted=$1
    shift
    (cd elsewhere && ../tests/run "$@") >out 2>&1
    code=$?
    if [ "$code" -ne "$wanted" ]; then
        echo "tests/run $* ends with $code, not $wanted"
        failed=$((failed + 1))
        cat out
    fi
}

said() # a line of the output
{
    if ! grep -qxF -e "$1" out; then
        printf 'not said: %s\n' "$1"
        failed=$((failed + 1))
        cat out
    fi
}

last()
{
    tail -n 1 out | grep -qxF -e "$1" && return
    printf 'the last line is not: %s\n' "$1"
    failed=$((failed + 1))
    cat out
}

cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(small LANGUAGES NONE)
enable_testing()
foreach(part programs tests-bench tests-vectors)
    add_custom_target(${part})
endforeach()
END
chmod +x deploy/install-deps
run 0 unit
said 'The group unit is empty.'
last '0 passed, 0 failed, 0 skipped'

cat >>CMakeLists.txt <<'END'
add_test(NAME good COMMAND sh -c "echo fine")
add_test(NAME absent COMMAND sh -c "echo first; echo 'no data: set <ANDON_DATA> & \"go\"'; exit 77")
set_tests_properties(good absent PROPERTIES LABELS unit SKIP_RETURN_CODE 77)
add_test(NAME slow COMMAND sh -c "exit 1")
set_tests_properties(slow PROPERTIES LABELS "unit;long")
END
script tests/check_good.sh 'exit 0'
script tests/check_other.sh '# label: other\nexit 1'
script tests/integration/programs.sh '[ "$ANDON_BIN" = "$PWD/build/release/bin" ]'
script tests/integration/broker.sh 'echo looking; echo "no broker here"; exit 77'
script tests/integration/hours.sh '# long\nexit 1'
run 0 unit house integration
said '  absent: no data: set <ANDON_DATA> & "go"'
said '  tests/integration/broker.sh: no broker here'
last '3 passed, 0 failed, 2 skipped'

run 1 --long unit integration
said '  slow (dev)'
said '  tests/integration/hours.sh'
last '2 passed, 2 failed, 2 skipped'

run 1 other
last '0 passed, 1 failed, 0 skipped'

# What is slow is left out by --fast alone, which names and counts it.
cat >>CMakeLists.txt <<'END'
add_test(NAME late COMMAND sh -c "exit 1")
set_tests_properties(late PROPERTIES LABELS "unit;slow")
END
run 0 --fast
said '  late'
last '2 passed, 0 failed, 1 skipped, 1 left out'
run 1 unit
said '  late (dev)'
last '1 passed, 1 failed, 1 skipped'
run 1 slow
last '0 passed, 1 failed, 0 skipped'
sed -i '/late/d' CMakeLists.txt

# A script that nobody may run is a test that nobody sees fail.
chmod -x tests/integration/programs.sh
run 1 integration
said '  tests/integration/programs.sh'
chmod +x tests/integration/programs.sh
run 2 --nothing

# A group that is not there is refused before anything is installed, configured or built.
mv deploy/install-deps kept-deps
mv build kept-build
script deploy/install-deps 'touch installed; exit 0'
run 2 nothing-of-that-name
run 2 unit nothing-of-that-name
run 2 'un.t'
if [ -e installed ] || [ -e build/dev ]; then
    echo 'a wrong group is refused too late'
    failed=$((failed + 1))
fi
rm -rf build
mv kept-build build
mv kept-deps deploy/install-deps

cat >>CMakeLists.txt <<'END'
add_test(NAME bad COMMAND sh -c "echo the cause; exit 3")
add_test(NAME crash COMMAND sh -c "kill -SEGV $$")
add_test(NAME hang COMMAND tail -f /dev/null)
add_test(NAME unbuilt COMMAND ./no-such-program)
set_tests_properties(bad crash unbuilt PROPERTIES LABELS unit SKIP_RETURN_CODE 77)
set_tests_properties(hang PROPERTIES LABELS unit TIMEOUT 1)
END
run 1 --fast
said 'the cause'
said '  bad (dev)'
said '  crash (dev)'
said '  hang (dev)'
said '  unbuilt (dev)'
last '2 passed, 4 failed, 1 skipped'

echo 'add_custom_target(broken ALL COMMAND false)' >>CMakeLists.txt
run 1 unit
said '  build dev'
last '0 passed, 1 failed, 0 skipped'

printf '#!/bin/sh\nexit 3\n' >deploy/install-deps
run 3 unit
[ "$failed" -eq 0 ]
