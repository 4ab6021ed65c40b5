"""Datasets and batches: from the feature cache to padded tensors with lengths."""
