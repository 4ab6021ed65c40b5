"""Names of the columns of a table, for the option `--columns`; imports nothing."""

COLUMNS = (
    "row",
    "paper_wa",
    "paper_uar",
    "pooled_wa",
    "pooled_uar",
    "mean_wa",
    "mean_uar",
    "minus_paper_wa",
    "minus_paper_uar",
    "parameters",
    "training",
    "memory",
)
# What fits the width of a page; the others are asked for by name.
LATEX_COLUMNS = ("row", "paper_wa", "paper_uar", "mean_wa", "mean_uar", "pooled_uar")
