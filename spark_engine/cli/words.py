"""Numbers as people say them, with units."""


def seconds(count: float) -> str:
    """A span of time: `180 ms`, `1.4 s`, `6 min`, `2 h 5 min`, `3 days`."""
    if count < 0.9995:
        return f"{count * 1000:.0f} ms"
    if count < 60:
        return f"{count:.1f} s" if count < 10 else f"{count:.0f} s"
    minutes = round(count / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days"


def counted(count: int, one: str) -> str:
    """`1 token`, `3 tokens`."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"


def printable(text: str) -> str:
    """`text` without what would steer a terminal (escape sequences); line breaks and tabs stay."""
    return "".join(c for c in text if c in "\n\t" or c.isprintable())
