"""How far a row lies from rows that are at hand: what those who hold the real rows can tell beside a density."""

from models.distance.away import Distance
from models.distance.noise import NoiseLevel
from models.distance.points import Points

__all__ = ["Distance", "NoiseLevel", "Points"]
