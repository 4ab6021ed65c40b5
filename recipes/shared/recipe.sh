#!/usr/bin/env bash
# Starts the stages of a recipe. recipes/<CORPUS>/run.sh sources it with its settings:
# recipe (its folder), corpus, root_variable, default_system.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export PYTHONPATH="$repository${PYTHONPATH:+:$PYTHONPATH}"
activated=${VIRTUAL_ENV:-${CONDA_PREFIX:-/nowhere}}
# Options are checked by any Python; speechbrain_ext/bin/environment.py finds or builds the one that runs the stages.
for python in "$activated/bin/python" "$repository/.venv/bin/python" python3 python3.{11,12,13,10}; do
  if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
    exec "$python" -m speechbrain_ext.bin.run "$recipe" "$corpus" "$root_variable" "$default_system" "$@"
  fi
done
echo "error: no Python 3.9 or newer found: install Python 3.11 (Debian: apt-get install python3 python3-venv)" >&2
exit 1
