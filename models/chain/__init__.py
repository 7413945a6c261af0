"""The parts of `models.autoregressive`: a column's tokens and features, its network, its training, drawing in order."""
