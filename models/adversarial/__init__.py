"""A generator and a critic: one draws rows, the other learns what they lack."""
