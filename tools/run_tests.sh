#!/usr/bin/env bash
# Runs the tests. Usage: tools/run_tests.sh [--all] [pytest arguments]   (--all adds the slow ones)
# EMODB_ROOT and RAVDESS_ROOT name copies of these corpora, PARITY_ROOT reference vectors; without them what needs them is skipped.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case "${1:-}" in
  --help | -h) sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
  --all) shift; chosen=() ;;
  *) chosen=(-m "not slow") ;;
esac
# The report page is tested in a browser, where one can be had; elsewhere those tests are skipped.
install_browser() {
  local name
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then return; fi
  done
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then return; fi
  echo "installing chromium for the tests of the report page" >&2
  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends chromium; } \
    >/dev/null 2>&1 </dev/null || echo "chromium could not be installed: the page is not tested in a browser" >&2
}
if [ ${#chosen[@]} -eq 0 ]; then install_browser; fi
. "$repository/tools/activate_env.sh"
cd "$repository"
export OMP_NUM_THREADS=1
exec "$python" -m pytest "${chosen[@]}" "$@"
