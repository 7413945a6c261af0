"""A flow is the order of steps."""
