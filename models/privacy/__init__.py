"""Differential privacy: what is promised, noisy counts, and gradients of which no row has more than its share."""

from models.privacy.accounting import Privacy
from models.privacy.counts import nonnegative
from models.privacy.gradients import PerRow, noisy_gradient

__all__ = ["PerRow", "Privacy", "noisy_gradient", "nonnegative"]
