#!/usr/bin/env bash
# Makes rows for recipes/EmoDB/RESULTS.md on a real EmoDB; stop it anywhere and type it again. Keep each with bin/report.
# Usage: EMODB_ROOT=DIR tools/real_rows.sh [--seeds 1,2,3] [other options of run.sh]
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case "${1:-}" in
  --help | -h) sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
esac
[ -n "${EMODB_ROOT:-}" ] || { echo "error: EMODB_ROOT does not name a copy of EmoDB: set it" >&2; exit 1; }
emodb=$repository/recipes/EmoDB
short=(--batch_size 64 --epochs 60)

for protocol in random5 speaker; do
  bash "$emodb/run.sh" --system svm --protocol $protocol "$@"
  bash "$emodb/run.sh" --system svm --protocol $protocol --tag speaker-norm "$@" -- --speaker_normalisation True
done
bash "$emodb/run.sh" --table amsnet/5 "$@"
# The paper's schedule takes 3 hours of one core for ten folds; this one takes a third of it with more steps.
bash "$emodb/run.sh" --table amsnet/5 --protocol speaker --tag b64-e60 "$@" -- "${short[@]}"
bash "$emodb/run.sh" --system svm --protocol speaker-text "$@"
bash "$emodb/run.sh" --protocol speaker-text --tag b64-e60 "$@" -- "${short[@]}"
bash "$emodb/run.sh" --table amsnet_tuned/1 --dev speaker "$@"
bash "$emodb/run.sh" --system amsnet_tuned --protocol speaker --dev speaker "$@"
