"""Detecting: how odd new rows are to a released model, against rows that it never saw."""
