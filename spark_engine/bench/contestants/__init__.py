"""Everybody who runs a model in the benchmark: one small program each, as native libraries crash.

Other engines' programs import nothing but the standard library and `child`: they may run under another Python.
"""
