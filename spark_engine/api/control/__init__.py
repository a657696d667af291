"""Spark's own dialect: state, events and commands for the owner."""
