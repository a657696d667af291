"""The one way in which a parser says that files are not to be trusted."""

from typing import NoReturn

from spark_engine.types.inspection import Rejected

MOST_REASON = 300


class Refused(Exception):
    """Files no model library may see. `code` is for programs, `reason` a sentence for people, `file` the one at fault;
    whoever knows it fills it in."""

    def __init__(self, code: str, reason: str, file: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason, self.file = code, reason, file

    def verdict(self) -> Rejected:
        """The same as a verdict, in characters that any screen and any file takes."""
        file, reason = shown(self.file, MOST_REASON), shown(self.reason, MOST_REASON)
        told = reason if not file or file in reason else f"{file}: {reason}"
        return Rejected(self.code, f"{told[:1].upper()}{told[1:]}." if told is reason else f"{told}.", file)


def refuse(code: str, reason: str, file: str = "") -> NoReturn:
    """Give the files up."""
    raise Refused(code, reason, file)


def require(holds: bool, code: str, reason: str, file: str = "") -> None:
    """Give the files up unless this holds."""
    if not holds:
        raise Refused(code, reason, file)


def shown(text: str, most: int) -> str:
    """Text of a file as it can be shown: at most so many characters, all of them printable."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:most])
