"""Differential privacy: what is promised, noisy counts, and steps along gradients of which no row has too much."""

from models.privacy.accounting import Privacy
from models.privacy.counts import noisy_rows, nonnegative
from models.privacy.descent import Descent, PrivatePlan
from models.privacy.gradients import PerRow, noisy_gradient

__all__ = ["Descent", "PerRow", "Privacy", "PrivatePlan", "noisy_gradient", "noisy_rows", "nonnegative"]
