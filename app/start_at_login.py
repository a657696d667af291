"""Whether Spark starts, hidden in the tray, when its user logs in; for the tray and the Settings page."""

from spark_engine.life import start_at_login


def is_supported() -> bool:
    """Whether this system can start Spark at login."""
    return start_at_login.is_supported()


def is_on() -> bool:
    """Whether Spark starts at login now."""
    return start_at_login.is_on()


def turn(on: bool) -> None:
    """Start Spark at login from now on, with the base directory of this app, or do not. SparkError."""
    start_at_login.turn(on)
