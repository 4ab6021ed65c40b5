#!/usr/bin/env bash
# RAVDESS, speech of 24 actors in North American English: eight emotions, two sentences. Options: ./run.sh --help
recipe=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
corpus=RAVDESS
root_variable=RAVDESS_ROOT
default_system=amsnet
. "$recipe/../shared/recipe.sh"
