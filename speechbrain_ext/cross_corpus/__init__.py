"""The matrix across corpora: every corpus prepared, every system trained on each, scored on all the others."""
