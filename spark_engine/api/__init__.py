"""The HTTP side of Spark: dialects, control calls, the guard in front of them, and the engine process."""
