"""A reproducible laboratory for neural music generation."""

__version__ = "0.1.0"
