#!/usr/bin/env bash
# Any corpus that one CSV lists: ./run.sh --corpus-root my.csv. Options: ./run.sh --help
recipe=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
corpus=
root_variable=
default_system=svm
. "$recipe/recipe.sh"
