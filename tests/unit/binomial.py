"""Whether a counted share is what is claimed, within what chance allows."""

from __future__ import annotations

import numpy as np
from scipy import stats

# Odds of one in a thousand that a right share is refused.
ODDS = 0.001


def assert_binomial(found: float, n: int, claimed: float, n_claimed: int) -> None:
    """Refuse a share that chance does not explain beside a claimed one, both of which were counted."""
    both = (found * n + claimed * n_claimed) / (n + n_claimed)
    error = np.sqrt(both * (1 - both) * (1 / n + 1 / n_claimed))
    assert abs(found - claimed) < stats.norm.isf(ODDS / 2) * error, (found, claimed, error)
