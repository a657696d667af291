"""Settings: one list of them, where each value came from, and a sample file."""
