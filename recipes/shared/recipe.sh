#!/usr/bin/env bash
# Starts the stages of a recipe. recipes/<CORPUS>/run.sh sources it with its settings:
# recipe (its folder), corpus, root_variable, default_system.
. "$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/python.sh"
start_module run "$recipe" "$corpus" "$root_variable" "$default_system" "$@"
