"""Scores of classes and of values."""
