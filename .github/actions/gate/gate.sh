#!/usr/bin/env bash
# Run the gate as the action's inputs say, tell the step summary, and give the gate's own exit code back.
set -euo pipefail
out=${GATE_OUT:-fcn-edge-gate}
mkdir -p -- "$out"
# What an earlier step left there is not this one's answer.
rm -f -- "$out"/gate.{json,md,xml,html}

arguments=(--head="$GATE_HEAD")
add() { if [ -n "$2" ]; then arguments+=("--$1=$2"); fi; }
add base "${GATE_BASE:-}"
add reference "${GATE_REFERENCE:-}"
add baseline "${GATE_BASELINE:-}"
add data "${GATE_DATA:-}"
add threshold "${GATE_THRESHOLD:-}"
case ${GATE_STRICT:-false} in
  true) arguments+=(--strict) ;;
  false | "") ;;
  *)
    echo "::error::strict is neither true nor false" >&2
    exit 2
    ;;
esac
while IFS= read -r line; do
  if [ -n "$line" ]; then arguments+=("$line"); fi
done <<< "${GATE_ARGUMENTS:-}"

code=0
fcn-edge gate "${arguments[@]}" --json="$out/gate.json" --markdown="$out/gate.md" --junit="$out/gate.xml" \
  --html="$out/gate.html" || code=$?

if [ -s "$out/gate.md" ]; then cat -- "$out/gate.md" >> "$GITHUB_STEP_SUMMARY"; fi
if [ -s "$out/gate.json" ]; then
  verdict=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1], encoding="utf-8"))["verdict"])' "$out/gate.json")
  printf 'verdict=%s\n' "$verdict" >> "$GITHUB_OUTPUT"
  case $verdict in
    inconclusive | incomparable) echo "::warning::fcn-edge gate: $verdict, see the summary" ;;
  esac
fi
printf 'json=%s\n' "$out/gate.json" >> "$GITHUB_OUTPUT"
exit "$code"
