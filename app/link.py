"""How the app stands with the engine, as data: looking for it, starting it, connected, lost, stopped, failed."""

from msgspec import Struct


class Searching(Struct, frozen=True, tag="searching"):
    """Finding out whether an engine runs."""


class Starting(Struct, frozen=True, tag="starting"):
    """An engine was started and has not answered yet."""


class Connected(Struct, frozen=True, tag="connected"):
    """The event stream is open. `started_here`: this app started that engine, so quitting ends it."""

    started_here: bool


class Lost(Struct, frozen=True, tag="lost"):
    """The engine ended without being asked to; it is started again after `delay_s` seconds."""

    reason: str
    attempt: int
    delay_s: float


class Stopped(Struct, frozen=True, tag="stopped"):
    """The engine was ended by somebody; it stays so until it is started again."""


class Refused(Struct, frozen=True, tag="refused"):
    """No engine could be started; the text fields are those of `errors.SparkError`."""

    code: str
    title: str
    message: str
    remedy: str = ""


LinkStatus = Searching | Starting | Connected | Lost | Stopped | Refused
