"""The three inputs of CA-MSER."""
