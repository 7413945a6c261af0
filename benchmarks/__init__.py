"""Fidelity, speed and memory beside peers."""
