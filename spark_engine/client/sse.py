"""Server-sent events: bytes in, whole `data` payloads out, whatever the borders of the pieces."""


class SseDecoder:
    """Splits a byte stream into events; holds what is not complete yet.

    Only `data` counts here: comments (keep-alives) and the other fields are read over.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._after_cr = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The payload of every event that `piece` completes, in order."""
        return [payload for line in self._lines(piece) if (payload := self._take(line)) is not None]

    def _lines(self, piece: bytes) -> list[bytes]:
        """Whole lines, ended by LF, CRLF or CR; a CRLF may be cut between two pieces."""
        if not piece:
            return []
        if self._after_cr:
            piece = piece.removeprefix(b"\n")
        self._after_cr = piece.endswith(b"\r")
        lines = (self._rest + piece).splitlines(keepends=True)
        self._rest = lines.pop() if lines and not lines[-1].endswith((b"\n", b"\r")) else b""
        return [line.rstrip(b"\r\n") for line in lines]

    def _take(self, line: bytes) -> bytes | None:
        """Add one line to the event; an empty line completes it."""
        if not line:
            payload, self._data = b"\n".join(self._data), []
            return payload or None
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
        return None
