"""Prompt lookup: guesses the next tokens from what the sequence said before, to be checked in one step.

Where an answer repeats its prompt (quotes, code, JSON), the tokens that followed the same four tokens earlier are
often right. A step that checks them costs little more than a plain one, and what it gives is nearly what plain steps
give: see `rounding.py`.
After "Prompt Lookup Decoding" (A. Saxena, 2023).
"""

from msgspec import Struct

NGRAM = 4
MOST = 8
HOPEFUL = 0.7
WORTH = 1.05
_FORGETS = 0.1
_RECOVERS = 0.005


class Lookup:
    """Where each run of NGRAM tokens of one sequence stood last, and how often guesses were right."""

    def __init__(self) -> None:
        self._ends: dict[tuple[int, ...], int] = {}
        self._indexed = NGRAM - 1
        self.hits, self._is_begun = HOPEFUL, False

    def begin(self, hits: float) -> None:
        """Take over, before the first guess, how often those of other sequences were right."""
        if not self._is_begun:
            self.hits, self._is_begun = min(hits, HOPEFUL), True

    def guess(self, tokens: list[int]) -> list[int]:
        """Up to MOST tokens that may follow; none when the last NGRAM tokens are new."""
        if len(tokens) < NGRAM:
            return []
        for end in range(self._indexed + 1, len(tokens)):  # all but the newest, which would find itself
            self._ends[tuple(tokens[end - NGRAM : end])] = end
        self._indexed = len(tokens) - 1
        found = self._ends.get(tuple(tokens[-NGRAM:]))
        return [] if found is None else tokens[found : found + MOST]

    def learn(self, guessed: int, right: int) -> None:
        """Note that the first `right` of `guessed` tokens were right."""
        for outcome in [1.0] * right + [0.0] * (right < guessed):
            self.hits += _FORGETS * (outcome - self.hits)

    def recover(self) -> None:
        """Become a little more hopeful with every step that guessed nothing."""
        self.hits += _RECOVERS * (HOPEFUL - self.hits)


class StepCosts(Struct, frozen=True):
    """Seconds: a `plain` decode step, and what a step over several tokens costs, per step and per token.

    0 where nothing is known yet.
    """

    plain: float
    step: float
    token: float

    def of(self, tokens: int) -> float:
        """What a step over several tokens costs, in plain steps."""
        return (self.step + self.token * tokens) / self.plain if self.plain else 1.0


def worthwhile(guess: list[int], hits: float, costs: StepCosts) -> list[int]:
    """As much of a guess as gives most tokens a second; nothing when plain steps give more.

    With each token right with probability `hits`, k guesses give (1 - hits^(k+1)) / (1 - hits) tokens.
    """
    if not guess or not costs.plain or not costs.token:
        return []
    best, count = WORTH / costs.plain, 0
    expected, chance = 1.0, 1.0
    for k in range(1, len(guess) + 1):
        chance *= hits
        expected += chance
        rate = expected / (costs.step + costs.token * (k + 1))
        if rate > best:
            best, count = rate, k
    return guess[:count]
