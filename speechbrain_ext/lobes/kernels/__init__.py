"""Hand-written fast paths of lobes, each beside its plain form."""
