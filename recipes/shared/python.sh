# Finds a Python and starts a module of speechbrain_ext.bin with it; sourced by recipe.sh and cross_corpus.sh.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export PYTHONPATH="$repository${PYTHONPATH:+:$PYTHONPATH}"
activated=${VIRTUAL_ENV:-${CONDA_PREFIX:-/nowhere}}

# Options are checked by any Python; speechbrain_ext/bin/environment.py finds or builds the one that runs the stages.
start_module() {
  local module=$1
  shift
  for python in "$activated/bin/python" "$repository/.venv/bin/python" python3 python3.{11,12,13,10}; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
      exec "$python" -m "speechbrain_ext.bin.$module" "$@"
    fi
  done
  echo "error: no Python 3.9 or newer found: install Python 3.11 (Debian: apt-get install python3 python3-venv)" >&2
  exit 1
}
