"""The window: rail, strip, notices and one file per page."""
