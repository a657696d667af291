"""Makes a model of Phi-4-mini's architecture with random weights, as files to measure: speed depends on shapes.

Its modules import nothing of Spark's but each other, as they may run under another Python.
"""
