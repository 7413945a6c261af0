"""Restoring: small images enlarged, by what large ones of the same sort teach."""
