"""How many prompt tokens one step may compute, so that a step stays short whatever the machine."""

STREAMING_S = 0.15
ALONE_S = 0.5
FIRST, LEAST, MOST = 64, 16, 512
_MEMORY = 0.3


class Pace:
    """Learns how fast prompts and single tokens are computed here, from the steps that were run."""

    def __init__(self) -> None:
        self._decode_s = 0.0
        self._prefill_s_per_token = 0.0

    def budget(self, decoding: int) -> int:
        """Prompt tokens for the next step: fewer while `decoding` sequences are streaming beside it."""
        if not self._prefill_s_per_token:
            return FIRST
        target = STREAMING_S if decoding else ALONE_S
        return max(LEAST, min(MOST, int(target / self._prefill_s_per_token)))

    def record(self, decoded: int, prefilled: int, seconds: float) -> None:
        """Learn from one step that took `seconds`."""
        if prefilled >= LEAST:
            spent = max(seconds - (self._decode_s if decoded else 0.0), 1e-9)
            self._prefill_s_per_token = _mixed(self._prefill_s_per_token, spent / prefilled)
        elif decoded and not prefilled:
            self._decode_s = _mixed(self._decode_s, seconds)


def _mixed(old: float, new: float) -> float:
    return new if not old else old + _MEMORY * (new - old)
