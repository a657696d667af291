"""Formatted text that can be selected and read out: Markdown without HTML, pictures or fetching of any kind."""

from PySide6.QtCore import QEvent, Qt, QUrl, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QTextBlockFormat,
    QTextCursor,
    QTextDocument,
    QTextFrameFormat,
    QTextOption,
    QTextTable,
)
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QWidget

from app.theme import theme
from app.tokens import SIZE_BODY, SIZE_LEAD

LINE_HEIGHT = 140
PARAGRAPH_GAP, ITEM_GAP, CELL_PADDING = 5, 1, 6
_NO_HTML = QTextDocument.MarkdownFeature.MarkdownNoHTML | QTextDocument.MarkdownFeature.MarkdownDialectGitHub


class ProseView(QTextBrowser):
    """Text as high as it needs to be. `link_chosen` carries the address of a clicked link; nothing opens by itself."""

    link_chosen = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown, self._formatted = "", False
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.document().setDocumentMargin(2)
        self.document().setUndoRedoEnabled(False)
        self.anchorClicked.connect(lambda url: self.link_chosen.emit(url.toString()))
        self.highlighted.connect(lambda url: self.setToolTip(url.toString()))

    def show_markdown(self, text: str) -> None:
        """Show Markdown; what is selected stays so while the text only grows elsewhere."""
        if text != self._shown:
            self._shown, self._formatted = text, True
            self.document().setMarkdown(text, _NO_HTML)
            self._space_lines()
            self._calm_tables()

    def show_plain(self, text: str) -> None:
        """Show text just as it was typed."""
        if text != self._shown:
            self._shown, self._formatted = text, False
            self.setPlainText(text)
            self._space_lines()

    def fit(self, width: int) -> int:
        """The height its text needs at this width (px)."""
        frame = 2 * self.frameWidth()
        self.document().setTextWidth(width - frame)
        return round(self.document().size().height() + 0.5) + frame

    def natural_width(self) -> int:
        """The width at which no line would be wrapped (px)."""
        self.document().setTextWidth(-1)
        return round(self.document().idealWidth() + 1.5) + 2 * self.frameWidth()

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        """Nothing that an answer names is ever read from disk or network."""
        return None

    def changeEvent(self, event: QEvent) -> None:
        """Qt: style, palette or font changed."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._calm_tables()

    def wheelEvent(self, event: QEvent) -> None:
        """Qt: the wheel scrolls the page, not the text."""
        event.ignore()

    def _space_lines(self) -> None:
        """Line height for comfortable reading; headings only a little larger than the text."""
        cursor = QTextCursor(self.document())
        block = self.document().begin()
        while block.isValid():
            shape = QTextBlockFormat()
            shape.setLineHeight(LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
            cursor.setPosition(block.position())
            gap = self._gap(cursor)
            shape.setTopMargin(gap)
            shape.setBottomMargin(gap)
            cursor.mergeBlockFormat(shape)
            if block.blockFormat().headingLevel():
                self._calm_heading(cursor)
            block = block.next()

    def _gap(self, cursor: QTextCursor) -> int:
        """The room above and below a block (px)."""
        if not self._formatted or cursor.currentTable():
            return 0
        return ITEM_GAP if cursor.currentList() else PARAGRAPH_GAP

    def _calm_tables(self) -> None:
        """Hairlines in place of Qt's heavy borders."""
        for frame in self.document().rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                shape = frame.format()
                shape.setBorderCollapse(True)
                shape.setBorder(1)
                shape.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
                shape.setBorderBrush(QBrush(QColor(theme().surface[3])))
                shape.setCellPadding(CELL_PADDING)
                shape.setCellSpacing(0)
                frame.setFormat(shape)

    def _calm_heading(self, cursor: QTextCursor) -> None:
        cursor.select(QTextCursor.SelectionType.BlockUnderCursor)
        shape = cursor.charFormat()
        shape.setProperty(shape.Property.FontSizeAdjustment.value, 0)
        size = SIZE_LEAD if cursor.blockFormat().headingLevel() < 3 else SIZE_BODY
        shape.setProperty(shape.Property.FontPixelSize.value, size)
        cursor.mergeCharFormat(shape)
        cursor.clearSelection()
