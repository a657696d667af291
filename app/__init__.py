"""Spark's desktop app: tray icon and dashboard window, one client of the engine among several."""
