#!/usr/bin/env bash
# MSP-IMPROV, improvised dialogues around target sentences: four emotions, twelve speakers. Options: ./run.sh --help
recipe=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
corpus=MSP-IMPROV
root_variable=MSP_IMPROV_ROOT
default_system=amsnet
. "$recipe/../shared/recipe.sh"
