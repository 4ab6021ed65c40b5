"""Names of the protocols and of the rules of development; imports nothing."""

PROTOCOLS = ("random5", "speaker", "speaker5", "session", "speaker-text", "given")
# Of `--folds all-data`: one model trained on everything, with no score of its own.
ALL_DATA = "all-data"
DEV_RULES = ("none", "speaker", "session", "fraction", "given")
