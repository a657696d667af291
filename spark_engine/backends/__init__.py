"""The only place that imports model libraries: one decoder per format, found by a lazy registry."""
