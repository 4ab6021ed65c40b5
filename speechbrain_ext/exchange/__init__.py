"""Corpora and folds in the files of other tools: EmoBox, audformat, nkululeko."""
