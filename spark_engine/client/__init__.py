"""The one typed client of the engine: window, tray, CLI and tests."""
