"""Mini corpora: writers of synthetic speech in the layouts of the real corpora."""
