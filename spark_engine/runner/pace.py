"""How many prompt tokens one step may compute, so that those who stream hardly notice a prompt being read."""

from spark_engine.runner.lookup import StepCosts

GAP = 3.7  # a step with a piece of prompt takes at most so many times what a step without one takes
JOINED_GAP = 3.3  # (so many where both are one run, as its time is known less surely),
SPEED = 0.56  # and less, where a smaller piece keeps this share of the speed a prompt is read at alone
SMOOTH_S = 0.02  # but so long in any case, as nobody notices
ALONE_S = 0.5
FIRST, LEAST, MOST = 64, 4, 512
SMALLER = 0.7  # as long as it is unknown what a piece costs, every second one is smaller: equal ones would never tell
GROWTH = 2.0  # a piece beside streams has at most so many times the tokens of the largest one of late: what small ones
# cost, where a step waits for the weights' memory anyway, tells nothing of large ones
_KEPT = 0.9


class Pace:
    """Learns what decode steps and pieces of prompts cost here, from the steps that were run.

    Reading `tokens` in `runs` over the weights costs seconds = a · runs + b · tokens. `joins`: see `Decoder`; then
    pieces beside sequences that decode share their run, and cost `more` for each piece: what its tokens look back at is
    read once, and that grows with the prompt. Else each piece is a run.
    """

    def __init__(self, *, joins: bool = False) -> None:
        self._joins, self._gap = joins, JOINED_GAP if joins else GAP
        self._decode_s: dict[int, float] = {}
        self._is_odd = False
        self._largest = float(LEAST)  # piece beside streams, of late
        self._more = 0.0  # seconds of a piece that shares a run, of late
        self._sums = [0.0] * 5  # of runs r and tokens: r·r, r·t, t·t, r·s, t·s, the old fading away
        self._per_run = self._per_token = 0.0  # `a` and `b`, from these

    def budget(self, decoding: int) -> int:
        """Prompt tokens for the next step: fewer while `decoding` sequences are streaming beside it."""
        tokens = self._affordable(decoding)
        return min(tokens, int(GROWTH * self._largest)) if decoding else tokens

    def _affordable(self, decoding: int) -> int:
        per_run, per_token = self._per_run, self._per_token
        if not per_token:
            return LEAST if decoding else FIRST
        if not decoding:
            return _bounded((ALONE_S - per_run) / per_token)
        decode = self._decode(decoding)
        room = max((self._gap - 1) * decode, SMOOTH_S - decode)
        if per_run or self._joins:
            more = max(self._more, -decode / 2) if self._joins else per_run
            fair = SPEED / (1 - SPEED) * (decode + more) / per_token
            return _bounded(min(fair, (room - more) / per_token))
        # A run over one token of a prompt costs about what a decode step costs.
        tokens = (room - max(0.0, self._decode(1) - per_token)) / per_token
        return _bounded(tokens if self._is_odd else max(SMALLER * tokens, LEAST + 1))

    def record(self, decoded: int, prefilled: int, seconds: float, pieces: int) -> None:
        """Learn from one step that took `seconds`."""
        if not prefilled:
            self._decode_s[decoded] = _mixed(self._decode_s.get(decoded, 0.0), seconds)
            return
        self._is_odd = not self._is_odd
        if decoded:
            self._largest = max(float(prefilled), _KEPT * self._largest, LEAST)
        spent = max(seconds - (self._decode(decoded) if decoded else 0.0), 1e-9)
        if decoded and self._joins and self._per_token:
            self._more += 0.3 * (spent - self._per_token * prefilled - self._more)
            return
        runs = 1 if self._joins else pieces
        new = (runs**2, runs * prefilled, prefilled**2, runs * spent, prefilled * spent)
        self._sums = [_KEPT * old + value for old, value in zip(self._sums, new, strict=True)]
        self._per_run, self._per_token = _least_squares(*self._sums)

    def costs(self) -> StepCosts:
        """What one sequence's steps cost here."""
        plain = self._decode(1) if self._decode_s else 0.0
        return StepCosts(plain, self._per_run or max(0.0, plain - self._per_token), self._per_token)

    def _decode(self, rows: int) -> float:
        """Seconds of a step in which `rows` sequences decode: as seen, or as of the nearest number that was seen,
        where one row more costs what one token more of a prompt does."""
        if not self._decode_s:
            return self._per_run + self._per_token
        nearest = min(self._decode_s, key=lambda seen: (abs(seen - rows), seen))
        seconds = self._decode_s[nearest]
        return max(seconds + (rows - nearest) * self._per_token, seconds * rows / max(rows, nearest))


def _least_squares(rr: float, rt: float, tt: float, rs: float, ts: float) -> tuple[float, float]:
    """`a` and `b`; no `a` as long as the runs were too much alike to tell."""
    spread = rr * tt - rt * rt
    if spread > 0.01 * rr * tt:
        a, b = (tt * rs - rt * ts) / spread, (rr * ts - rt * rs) / spread
        if a > 0 and b > 0:
            return a, b
    return 0.0, ts / tt if tt else 0.0


def _bounded(tokens: float) -> int:
    return max(LEAST, min(MOST, round(tokens)))


def _mixed(old: float, new: float) -> float:
    return new if not old else old + 0.3 * (new - old)
