"""Looks inside trained systems: silence masks, MADD against phone labels, t-SNE."""
