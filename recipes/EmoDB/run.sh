#!/usr/bin/env bash
# EmoDB, the Berlin Database of Emotional Speech: seven emotions, ten speakers. Options: ./run.sh --help
recipe=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
corpus=EmoDB
root_variable=EMODB_ROOT
default_system=amsnet
. "$recipe/../shared/recipe.sh"
