#!/bin/sh
# Scenarios, then tests, on one target; junit files and run folders with their reports under OUT. Both run, whatever the first says.
# Usage: ci.sh TARGET OUT [SCENARIO...]
set -eu
target=$1
out=$2
shift 2
[ $# -gt 0 ] || set -- scenarios/*.toml
mkdir -p "$out"
code=0
isoloop run "$@" --target "$target" --out "$out/runs" --junit "$out/scenarios.xml" || code=$?
pytest --isoloop-target "$target" --isoloop-logs "$out/logs" --junitxml "$out/tests.xml" || code=$?
exit "$code"
