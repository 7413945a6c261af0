"""Fidelity, speed and memory, measured.  A package by its own: Opacus installs another of this name."""
