"""Stage 0: from a corpus's folder to a measured manifest and audited folds, made once."""
