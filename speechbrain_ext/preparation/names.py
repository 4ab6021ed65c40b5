"""Names of the protocols and of the rules of development; imports nothing."""

PROTOCOLS = ("random5", "speaker", "speaker5", "session", "speaker-text", "given")
DEV_RULES = ("none", "speaker", "session", "fraction", "given")
