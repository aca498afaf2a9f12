#!/usr/bin/env bash
# Install fcn-edge beside the project's own packages, in an environment of its own, and put it on the PATH of later steps.
set -euo pipefail
place=$RUNNER_TEMP/fcn-edge
extras=${GATE_EXTRAS:+[$GATE_EXTRAS]}
if [ -n "${GATE_VERSION:-}" ]; then
  what="fcn-edge$extras==$GATE_VERSION"
else
  what="$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)$extras"
fi
python3 -m venv "$place"
"$place/bin/python" -m pip install --quiet --disable-pip-version-check -- "$what"
mkdir -p "$place/path"
ln -sf ../bin/fcn-edge "$place/path/fcn-edge"
echo "$place/path" >> "$GITHUB_PATH"
"$place/path/fcn-edge" --version
