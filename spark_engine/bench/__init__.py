"""The benchmark behind `spark bench`: a program of its own, which nothing of Spark imports."""
