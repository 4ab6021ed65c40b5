"""Tables of papers with what was measured here."""
