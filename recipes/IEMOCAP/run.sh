#!/usr/bin/env bash
# IEMOCAP, the Interactive Emotional Dyadic Motion Capture Database: four emotions, ten speakers. Options: ./run.sh --help
recipe=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
corpus=IEMOCAP
root_variable=IEMOCAP_ROOT
default_system=amsnet
. "$recipe/../shared/recipe.sh"
