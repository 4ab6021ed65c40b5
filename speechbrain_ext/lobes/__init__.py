"""Networks of the papers, one idea per file."""
