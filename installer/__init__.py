"""Sets Spark up, starts it and checks it, with nothing but Python's standard library."""
