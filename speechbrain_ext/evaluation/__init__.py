"""Stage 3: predictions, scores, and what a result may be compared with."""
