#!/usr/bin/env bash
# Runs the tests. Usage: tools/run_tests.sh [--all] [pytest arguments]   (--all adds the slow ones)
# EMODB_ROOT names a copy of EmoDB, PARITY_ROOT reference vectors; without them what needs them is skipped.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case "${1:-}" in
  --help | -h) sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
  --all) shift; chosen=() ;;
  *) chosen=(-m "not slow") ;;
esac
. "$repository/tools/activate_env.sh"
cd "$repository"
export OMP_NUM_THREADS=1
exec "$python" -m pytest "${chosen[@]}" "$@"
