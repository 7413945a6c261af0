"""Coding: images as latent codes in a file and back, and what that costs and keeps."""
