"""Honest decision trees as conditional distributions: what they read, how they grow, how they draw."""
