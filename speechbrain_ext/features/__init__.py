"""Features per utterance and the cache that keeps them."""
