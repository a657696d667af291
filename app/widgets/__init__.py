"""Building blocks of the window: plain values in, signals out; none of them knows Spark."""
