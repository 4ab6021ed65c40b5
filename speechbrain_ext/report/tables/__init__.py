"""Tables of papers beside what was measured."""
