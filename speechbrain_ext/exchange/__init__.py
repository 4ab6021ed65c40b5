"""Corpora and folds in the files of other tools: EmoBox, audformat, nkululeko."""

FORMATS = ("emobox", "audformat", "nkululeko")
