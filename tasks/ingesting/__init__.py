"""How a source is taken in: cut into pieces, read as the contract's kinds, and what breaks its rules counted."""
