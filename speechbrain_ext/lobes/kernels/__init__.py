"""Hand-written fast paths of lobes; each has a plain form that it is tested against."""
