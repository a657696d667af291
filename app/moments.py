"""Points in time as people say them."""

import time
from datetime import date


def moment(at: float, now: float | None = None) -> str:
    """A point in time, Unix seconds: `14:32` today, `yesterday 14:32`, `3 Nov 14:32`; empty for 0."""
    if not at:
        return ""
    then, today = time.localtime(at), time.localtime(now)
    clock = time.strftime("%H:%M", then)
    days = _days(today) - _days(then)
    if days == 0:
        return clock
    return f"yesterday {clock}" if days == 1 else f"{then.tm_mday} {time.strftime('%b', then)} {clock}"


def _days(at: time.struct_time) -> int:
    return date(at.tm_year, at.tm_mon, at.tm_mday).toordinal()
