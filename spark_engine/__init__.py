"""Spark's engine: serves this workstation's language models over localhost (no Qt, no model libraries)."""

__version__ = "0.1.0"
