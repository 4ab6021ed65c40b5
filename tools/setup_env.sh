#!/usr/bin/env bash
# Builds the environment: .venv in the repository, pinned by tools/constraints.txt. Does nothing when it is complete.
# Usage: tools/setup_env.sh [--no-constraints]   (newest versions within the ranges of setup.py)
#        tools/setup_env.sh --check              (exit status 0 where the environment is complete)
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$repository/.venv
log=$venv/setup.log
constraints=(-c "$repository/tools/constraints.txt")
checks=false
case "${1:-}" in
  '') ;;
  --check) checks=true; shift ;;
  --no-constraints) constraints=() ;;
  --help | -h) sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
  *) echo "error: unknown option $1 (see tools/setup_env.sh --help)" >&2; exit 2 ;;
esac
wanted=$(cat "$repository/tools/constraints.txt" "$repository/setup.py" | cksum)-${1:-pinned}
is_complete() { [ "$(cat "$venv/complete" 2>/dev/null)" = "$wanted" ] && [ -x "$venv/bin/python" ]; }
fail() { echo "error: $1" >&2; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

is_complete && exit 0
$checks && exit 1
exec 9>"$repository/.venv.lock"
flock 9 # two first runs at once: the second waits
is_complete && exit 0

for interpreter in python3.11 python3.12 python3.13 python3.10 python3; do
  command -v "$interpreter" >/dev/null || continue
  "$interpreter" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && break
  interpreter=
done
[ -n "${interpreter:-}" ] || fail "no Python 3.10 to 3.13 found: install one (Debian: apt-get install python3 python3-venv)"
echo "installing PyTorch, SpeechBrain and what they need into .venv with $interpreter: 6 GB, about 3 minutes, once (log: .venv/setup.log)"
if ! "$interpreter" -c 'import ensurepip, venv' 2>/dev/null; then
  command -v apt-get >/dev/null || fail "$interpreter has no venv module: install it, then type the same command again"
  echo "installing python3-venv with apt-get"
  { as_root apt-get update -qq && as_root apt-get install -y -qq python3-venv; } >/dev/null ||
    fail "apt-get could not install python3-venv: install it as root, then type the same command again"
fi

if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
  rm -rf "$venv"
  "$interpreter" -m venv "$venv" || fail "could not make $venv: see above"
fi
rm -f "$venv/complete"
(
  "$venv/bin/python" -m pip install --disable-pip-version-check --no-input "${constraints[@]}" \
    -e "$repository[opensmile,audformat,test]"
) >"$log" 2>&1 9>&- &
installer=$!
trap 'kill $installer 2>/dev/null; echo "error: interrupted: type the same command again" >&2; exit 130' INT TERM
total=$(grep -c == "$repository/tools/constraints.txt")
began=$SECONDS
while kill -0 $installer 2>/dev/null; do
  got=$(grep -c '^Collecting' "$log" || true)
  what="collecting packages"
  if grep -q '^Installing collected' "$log"; then what="installing"; got=$total; fi
  [ "$got" -le "$total" ] || got=$total
  filled=$((30 * got / total))
  if [ -t 1 ]; then
    printf '\r[%-30s] %3d of %d, %s, %d s ' "$(printf '%*s' "$filled" '' | tr ' ' '#')" "$got" "$total" "$what" $((SECONDS - began))
  elif [ $((SECONDS % 30)) -eq 0 ]; then
    echo "  $got of $total, $what, $((SECONDS - began)) s"
  fi
  sleep 1
done
[ ! -t 1 ] || echo
wait $installer || {
  grep -iE '^error|no space left|could not' "$log" | tail -3 >&2
  fail "the environment could not be built (see $log); is the network there, and 6 GB of disk? Type the same command again"
}
"$venv/bin/python" -c 'import torch, torchaudio, speechbrain' 2>>"$log" || fail "torch does not import: see $log"
printf '%s' "$wanted" >"$venv/complete"
echo "the environment is ready after $((SECONDS - began)) s"
