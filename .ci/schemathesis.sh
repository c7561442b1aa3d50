#!/usr/bin/env bash
# Holds the API to its own description: starts a demo, asks it what its OpenAPI document allows and
# what it doesn't, and fails on any 5xx, any answer that isn't described, and any bad input that is
# taken. Bounded in examples and time; chains of calls, which take long, are made when
# LONGLEAD_PHASES names `stateful` too.
set -euo pipefail
cd "$(dirname "$0")/.."

version="4.32.5"
examples="${LONGLEAD_EXAMPLES:-30}"
seconds="${LONGLEAD_SECONDS:-240}"
phases="${LONGLEAD_PHASES:-examples,coverage,fuzzing}"
work="$(mktemp -d)"
server=""

finish() {
    if [ -n "$server" ]; then kill "$server" 2> /dev/null || true; wait "$server" 2> /dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT

schemathesis="$(command -v schemathesis || true)"
if [ -z "$schemathesis" ]; then
    tools="${CARGO_TARGET_DIR:-target}/schemathesis-$version"
    if [ ! -x "$tools/bin/schemathesis" ]; then
        python3 -m venv "$tools"
        "$tools/bin/pip" install --quiet "schemathesis==$version"
    fi
    schemathesis="$tools/bin/schemathesis"
fi

cargo build --quiet --locked
"${CARGO_TARGET_DIR:-target}/debug/longlead" demo --no-fleet --listen 127.0.0.1:0 \
    --accounts "$work/accounts.json" > "$work/server.log" 2>&1 &
server=$!
for _ in $(seq 300); do
    [ -s "$work/accounts.json" ] && break
    kill -0 "$server" 2> /dev/null || { cat "$work/server.log"; exit 1; }
    sleep 0.2
done
read -r address token < <(python3 -c '
import json, sys
told = json.load(open(sys.argv[1]))
print(told["address"], told["token"])' "$work/accounts.json")

# A backup needs the scope `admin`, which the demo's token lacks, and holds the whole database.
# Settings can ask for millions of samples, which is slow by intent: they are read, not fuzzed.
"$schemathesis" --config-file .ci/schemathesis.toml run "$address/api/openapi.json" \
    --header "Authorization: Bearer $token" \
    --max-examples "$examples" --max-time "$seconds" --workers 2 --seed 1 \
    --phases "$phases" --continue-on-failure --no-color \
    --request-timeout 20 --suppress-health-check all \
    --exclude-operation-id takeBackup --exclude-operation-id replaceSettings --exclude-operation-id patchSettings

# What was asked may be refused, but it must not have broken anything.
curl --silent --fail "$address/readyz" > /dev/null
if grep -q "panicked" "$work/server.log"; then cat "$work/server.log"; exit 1; fi
