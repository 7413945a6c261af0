"""Between columns and tensors: one file per kind of column, and the encoder that holds them together."""

from models.encoding.allowed import Allowed
from models.encoding.encoder import Encoder
from models.encoding.spans import UNKNOWN, Encoded, Span

__all__ = ["UNKNOWN", "Allowed", "Encoded", "Encoder", "Span"]
