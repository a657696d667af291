"""Calm colours for code, the same for every language: keywords stand out, comments step back, texts have a colour."""

import re

from PySide6.QtGui import QColor, QFont, QSyntaxHighlighter, QTextCharFormat, QTextDocument

from app.theme import theme

LONGEST_LINE = 2000
"""Letters; longer lines are no code that anybody reads."""
_SAID = """
abstract and as assert async await bool boolean break case catch char class const continue def default del do
double elif else elsif end enum except export extends false False finally float fn for foreach from func function
global go if impl implements import in int interface is lambda let long loop match mod module mut namespace new nil
None not null or package pass private protected pub public raise return self static str string struct super switch
template then this throw trait true True try type typedef typeof union unsigned use using var virtual void where
while with yield
select insert update delete create table into values set join left right inner outer on group order by having limit
SELECT INSERT UPDATE DELETE CREATE TABLE INTO VALUES SET JOIN LEFT RIGHT INNER OUTER ON FROM WHERE GROUP ORDER BY
HAVING LIMIT AND OR NOT AS IN IS NULL fi done esac echo local
"""
_KEYWORDS = frozenset(_SAID.split())
_HASHED = "python py bash sh shell zsh ruby rb yaml yml toml ini r perl make dockerfile powershell"
_HASH = frozenset(_HASHED.split())
_DASH = frozenset(["sql", "lua", "haskell", "ada"])
_BLOCKS = (('"""', '"""'), ("'''", "'''"), ("/*", "*/"))
_TEXT = r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`"""
_WORD = r"[A-Za-z_]\w*"


class CodeColours(QSyntaxHighlighter):
    """Colours line by line, so that code which grows is looked at once; `language` is what the fence says."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._pattern = re.compile("")
        self._shapes: dict[str, QTextCharFormat] = {}
        self.speak("")

    def speak(self, language: str) -> None:
        """The language of the code; it decides what begins a comment."""
        name = language.lower()
        mark = r"\#" if name in _HASH else "--" if name in _DASH else "//"
        marks = rf"{mark}|\#" if not name else mark
        block = r"\"{3}|'{3}" if name in _HASH else r"\"{3}|/\*"
        pattern = re.compile(rf"(?P<block>{block})|(?P<comment>{marks})|(?P<text>{_TEXT})|(?P<word>{_WORD})")
        if pattern != self._pattern:
            self._pattern = pattern
            self.repaint()

    def repaint(self) -> None:
        """The theme is another."""
        colours = theme()
        self._shapes = {name: QTextCharFormat() for name in ("comment", "text", "word")}
        self._shapes["comment"].setForeground(QColor(colours.text[2]))
        self._shapes["text"].setForeground(QColor(colours.info))
        self._shapes["word"].setFontWeight(QFont.Weight.DemiBold)
        self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        """Qt: colour one line. The state is the block comment or text that is open at its end, 0 for none."""
        at, open_block = 0, max(self.previousBlockState(), 0)
        if len(text) > LONGEST_LINE:
            self.setCurrentBlockState(open_block)
            return
        if open_block:
            at = self._close_block(text, 0, open_block)
        while 0 <= at < len(text):
            found = self._pattern.search(text, at)
            if found is None:
                break
            at = self._colour(text, found)
        if at >= 0:
            self.setCurrentBlockState(0)

    def _colour(self, text: str, found: re.Match[str]) -> int:
        """Colour what was found; where to go on, -1 where the line ends within a block."""
        begin, end = found.span()
        match found.lastgroup:
            case "block":
                number = next(n for n, (opening, _) in enumerate(_BLOCKS, 1) if opening == found[0])
                return self._close_block(text, begin, number, end)
            case "comment":
                self.setFormat(begin, len(text) - begin, self._shapes["comment"])
                return len(text)
            case "word":
                if found[0] in _KEYWORDS:
                    self.setFormat(begin, end - begin, self._shapes["word"])
            case _:
                self.setFormat(begin, end - begin, self._shapes["text"])
        return end

    def _close_block(self, text: str, begin: int, number: int, inside: int = 0) -> int:
        """Colour a block from `begin`; where it ends, -1 if that is not in this line."""
        closing = text.find(_BLOCKS[number - 1][1], inside)
        end = len(text) if closing < 0 else closing + len(_BLOCKS[number - 1][1])
        self.setFormat(begin, end - begin, self._shapes["comment" if number == 3 else "text"])
        if closing < 0:
            self.setCurrentBlockState(number)
            return -1
        return end
