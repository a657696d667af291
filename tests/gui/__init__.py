"""Tests of the desktop app, offscreen, with real clicks."""
