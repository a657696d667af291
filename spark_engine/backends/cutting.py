"""How a text is cut into pieces to be read: never with one token alone.

Kernels for one token and for several add up in another order, and where activations are 8-bit integers that difference
grows to a tenth of a logit. onnxruntime takes tokens by BLOCK, and a rest of one counts as alone too. Cut like this,
what is read does not depend on where it is cut: bit by bit the same.
"""

from collections.abc import Iterator

FEWEST = 2
BLOCK = 128


def next_piece(remaining: int, most: int) -> int:
    """How many of `remaining` tokens to read now: at most `most` if that is 3 or more."""
    length = min(remaining, max(most, FEWEST))
    if remaining - length == 1:
        length = length - 1 if length > FEWEST else remaining
    return length - FEWEST if length > BLOCK and length % BLOCK == 1 else length


def cuts(total: int, most: int) -> Iterator[slice]:
    """The pieces of `total` tokens, in order."""
    done = 0
    while done < total:
        piece = next_piece(total - done, most)
        yield slice(done, done + piece)
        done += piece
