"""Segments of rows: a mixture of few components that people can read, and the contest for their number."""
