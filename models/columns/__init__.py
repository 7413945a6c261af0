"""A column as the models see it: its tokens and features, and the distribution at the end of a network."""

from models.columns.axis import Axis, axis_by, axis_of, edged, features_of, frequencies, shares_by, widths
from models.columns.groups import Groups
from models.columns.head import Head
from models.columns.restricted import Restricted

__all__ = [
    "Axis",
    "Groups",
    "Head",
    "Restricted",
    "axis_by",
    "axis_of",
    "edged",
    "features_of",
    "frequencies",
    "shares_by",
    "widths",
]
