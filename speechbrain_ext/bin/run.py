"""All stages of a recipe: what recipes/<CORPUS>/run.sh starts, before the environment is there.

Called with the recipe's folder, its corpus, the variable that may name the corpus, its usual system, and the options.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from speechbrain_ext.bin.environment import use_environment
from speechbrain_ext.bin.recipe_options import Recipe, parse


def main(argv: Sequence[str] | None = None) -> None:
    """Parse and check the options, change to the environment's interpreter, and run the stages."""
    words = list(sys.argv[1:] if argv is None else argv)
    if len(words) < 4:
        print("usage: recipes/<CORPUS>/run.sh [options]; all options: recipes/<CORPUS>/run.sh --help")
        sys.exit(0 if "--help" in words else 2)
    asked = parse(Recipe(Path(words[0]), *words[1:4]), words[4:])
    use_environment(words)
    # Before any package is imported, for those that read it once.
    os.environ["OMP_NUM_THREADS"] = str(asked.threads)
    if asked.overrides == ["--help"]:
        from speechbrain_ext.hparams.key_listing import print_keys

        print_keys(asked.recipe, asked.system, asked.preset)
        return
    from speechbrain_ext.bin.requests import stages_request, targets_request
    from speechbrain_ext.stages import plan_stages, run_stages

    if asked.targets or asked.train_corpora:
        from speechbrain_ext.cross_corpus.targets import plan_with_targets, run_with_targets

        (plan_with_targets if asked.dry_run else run_with_targets)(targets_request(asked))
        return
    (plan_stages if asked.dry_run else run_stages)(stages_request(asked))


if __name__ == "__main__":
    from speechbrain_ext.bin.main_guard import run

    run(main)
