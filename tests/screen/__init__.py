"""The app on a real screen, with mouse and keyboard."""
