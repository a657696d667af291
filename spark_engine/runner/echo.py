"""The prompt told back before its answer, as completions can ask, with the log-probability of each of its tokens."""

from collections.abc import Sequence
from math import nan

from spark_engine.backends.base import Logits
from spark_engine.protocol.messages import SequenceDelta
from spark_engine.runner.logprobs import Piece, token_logprob
from spark_engine.types.generation import TokenLogprob


class Echo:
    """The echo of a prompt: `text`, and the tokens of which it was made behind the first `hidden` ones (as BOS).

    `alternatives`: likeliest tokens told beside each one; None: no log-probabilities, only text. `longest_piece`: most
    tokens of the prompt in one step, as logits are wanted after each of them.
    """

    def __init__(
        self,
        id: str,
        prompt: Sequence[int],
        piece: Piece,
        *,
        alternatives: int | None,
        longest_piece: int,
        text: str | None = None,
        hidden: int = 0,
    ) -> None:
        """`text` None: what the tokens spell."""
        self._id, self._prompt, self._piece = id, tuple(prompt), piece
        self._alternatives, self.longest_piece = alternatives, longest_piece
        self._text, self._hidden = text, hidden
        self._logprobs: list[TokenLogprob] = []

    @property
    def wants_logits(self) -> bool:
        """Whether the whole prompt has to be computed, with logits after every token."""
        return self._alternatives is not None

    def take(self, position: int, rows: Logits) -> None:
        """The logits [tokens, vocab_size] after the tokens from `position` on: what they say of the next ones."""
        if self._alternatives is None:
            return
        del self._logprobs[position:]  # a prompt whose slot others needed is computed anew
        following = self._prompt[position + 1 :]
        for row, token in zip(rows, following, strict=False):
            self._logprobs.append(token_logprob(row, token, self._alternatives, self._piece))

    def told(self) -> SequenceDelta:
        """The prompt as text; of its very first token nothing can be said, which `nan` stands for."""
        spelt = b"".join(map(self._piece, self._prompt[self._hidden :])).decode(errors="replace")
        text = spelt if self._text is None else self._text
        if self._alternatives is None:
            return SequenceDelta(self._id, text)
        token = self._prompt[0]
        first = TokenLogprob(token, self._piece(token).decode(errors="replace"), nan)
        return SequenceDelta(self._id, text, (), (first, *self._logprobs)[self._hidden :])
