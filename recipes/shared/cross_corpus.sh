#!/usr/bin/env bash
# A matrix across corpora: every system trained on every corpus and scored on all the others. Options: ./cross_corpus.sh --help
. "$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/python.sh"
start_module cross_corpus "$@"
