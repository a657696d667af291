"""Chooses from a process's last words what may be kept: log records and places in the code, nobody's text.

What native libraries print, the messages of exceptions and the lines of source below a place may hold anything, a
prompt too. Of these only what has a form that leaves no room for it is kept; of the rest, only how many lines it was.
"""

import re
from collections.abc import Iterable

from spark_engine.life.log_lines import parse_head
from spark_engine.logs import redacted

LONGEST = 400
"""Characters of a line."""
_PLACE = re.compile(r'  File "(?P<file>[^"]{1,300})", line (?P<line>\d+),? in (?P<name>[\w.<>]{1,100})')
_RAISED = re.compile(r"(?P<name>[A-Za-z_][\w.]{0,80}(?:Error|Exception|Exit|Interrupt|Warning))(?::.*)?")
_FATAL = re.compile(
    r"Fatal Python error: (?P<what>[A-Za-z ]{1,60})|(?P<windows>Windows fatal exception: [\w -]{1,60})"
)
_BEGINNINGS = ("Traceback ", "Current thread ", "Thread 0x")
_FORMS = tuple(
    re.compile(form)
    for form in (
        r"Current thread 0x[0-9a-f]+ (?:\[[\w. ()-]{1,60}\] )?\(most recent call first\):",
        r"Thread 0x[0-9a-f]+ (?:\[[\w. ()-]{1,60}\] )?\(most recent call first\):",
        r"  (?:\.\.\.|<no Python frame>|Garbage-collecting)",
        r"Traceback \(most recent call last\):",
        r"Extension modules: [\w., ]{1,2000}\(total: \d+\)",
        r"terminate called (?:without an active exception|after throwing an instance of '[\w:<>, ]{1,120}')",
        r"(?:double free or corruption|free\(\)|malloc\(\)|munmap_chunk\(\)|corrupted size)[\w ():!,.-]{0,60}",
        r"\*\*\* stack smashing detected \*\*\*: terminated",
        r"[\w./+-]{1,200}:\d+: GGML_ASSERT\([\w\s\[\]().>=!<&|+*/%-]{1,160}\) failed",
        r"CUDA error(?:: [a-z ]{1,80})?",
    )
)


def fault_kind(lines: Iterable[str]) -> str:
    """What Python called a native fault: `Segmentation fault`; empty when it said nothing."""
    for line in lines:
        if found := _FATAL.fullmatch(line):
            return found["what"] or found["windows"]
    return ""


def places(lines: Iterable[str], most: int = 5) -> tuple[str, ...]:
    """The innermost places of the thread that crashed, the last call first: `sampler.py:31 pick`."""
    found: list[str] = []
    is_its = False
    for line in lines:
        if line.startswith("Current thread"):
            is_its = True
        elif is_its and (place := _PLACE.fullmatch(line)):
            file = re.split(r"[/\\]", place["file"])[-1]
            found.append(f"{file}:{place['line']} {place['name']}")
        elif is_its:
            break
    return tuple(found[:most])


def safe_lines(lines: Iterable[str]) -> list[str]:
    """The lines that may be kept, without secrets and the user's name; where others stood, how many they were."""
    kept: list[str] = []
    left_out, among_places = 0, False
    for line in lines:
        safe = _safe(line, among_places=among_places)
        is_source = among_places and line.startswith("    ")
        among_places = line.startswith(_BEGINNINGS) or (among_places and line.startswith("  "))
        if safe is None:
            left_out += bool(line.strip()) and not is_source
            continue
        if left_out:
            kept.append(_left_out(left_out))
        kept.append(redacted(safe[: 4 * LONGEST])[:LONGEST])
        left_out = 0
    return [*kept, _left_out(left_out)] if left_out else kept


def _safe(line: str, *, among_places: bool) -> str | None:
    if parse_head(line) is not None or _FATAL.fullmatch(line):
        return line
    if among_places and _PLACE.fullmatch(line):
        return line
    if among_places and (raised := _RAISED.fullmatch(line)):
        return f"{raised['name']} (its message is left out)"
    return line if any(form.fullmatch(line) for form in _FORMS) else None


def _left_out(count: int) -> str:
    return f"[{count} line{'s' if count > 1 else ''} left out: not Spark's own]"
