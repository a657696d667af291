"""The program's life around the engine: logs read back and bounded, crash reports, locks, start at login."""
