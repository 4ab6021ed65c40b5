"""The report of a matrix across corpora: tables, figures, a page, and the kept matrices of the recipes."""
