"""Builds Qt's stylesheet from the tokens; widgets choose their look by the property `look`."""

from app.tokens import RADIUS_CARD, RADIUS_CONTROL, SIZE_HERO, SIZE_LEAD, SIZE_SMALL, SIZE_TITLE, Theme, mixed


def stylesheet(theme: Theme) -> str:
    """The whole application's stylesheet."""
    parts = (_surfaces, _texts, _buttons, _fields, _scrolling, _tables)
    return "\n".join(part(theme) for part in parts)


def _surfaces(t: Theme) -> str:
    line = mixed(t.text[2], t.surface[0], 0.22)
    return f"""
    QMainWindow, QWidget[look="window"] {{ background: {t.surface[0]}; }}
    QWidget[look="rail"], QWidget[look="strip"] {{ background: {t.surface[1]}; }}
    QWidget[look="strip"] {{ border-bottom: 1px solid {line}; }}
    QWidget[look="foot"] {{ background: {t.surface[1]}; border-top: 1px solid {line}; }}
    QWidget[look="rail"] {{ border-right: 1px solid {line}; }}
    QFrame[look="card"] {{ background: {t.surface[1]}; border-radius: {RADIUS_CARD}px; border: 0; }}
    QFrame[look="inset"] {{ background: {t.surface[2]}; border-radius: {RADIUS_CONTROL}px; border: 0; }}
    QFrame[look="side"] {{ background: {t.surface[0]}; border: 0; border-right: 1px solid {line}; }}
    QFrame[look="rule"] {{ background: {mixed(t.text[2], t.surface[1], 0.18)}; border: 0; max-height: 1px; }}
    QToolTip {{ background: {t.surface[2]}; color: {t.text[0]}; border: 1px solid {t.surface[3]}; padding: 4px 6px; }}
    QMenu {{ background: {t.surface[1]}; color: {t.text[0]}; border: 1px solid {t.surface[3]}; padding: 4px; }}
    QMenu::item {{ padding: 6px 24px 6px 12px; border-radius: 4px; }}
    QMenu::item:selected {{ background: {t.surface[2]}; }}
    QMenu::item:disabled {{ color: {t.text[2]}; }}
    QMenu::separator {{ height: 1px; background: {t.surface[3]}; margin: 4px 8px; }}
    """


def _texts(t: Theme) -> str:
    return f"""
    QLabel {{ color: {t.text[0]}; background: transparent; }}
    QLabel[look="quiet"] {{ color: {t.text[1]}; }}
    QLabel[look="small"] {{ color: {t.text[2]}; font-size: {SIZE_SMALL}px; }}
    QLabel[look="strong"] {{ font-weight: 600; }}
    QLabel[look="lead"] {{ font-size: {SIZE_LEAD}px; font-weight: 600; }}
    QLabel[look="title"] {{ font-size: {SIZE_TITLE}px; font-weight: 600; }}
    QLabel[look="hero"] {{ font-size: {SIZE_HERO}px; font-weight: 600; }}
    QLabel[look="bad"] {{ color: {t.bad}; }}
    QLabel[look="mono"] {{ color: {t.text[1]}; font-family: monospace; font-size: {SIZE_SMALL}px; }}
    """


def _buttons(t: Theme) -> str:
    focus = f"border: 2px solid {t.info};"
    return f"""
    QPushButton {{
        background: {t.surface[2]}; color: {t.text[0]}; border: 2px solid transparent;
        border-radius: {RADIUS_CONTROL}px; padding: 5px 12px; min-height: 18px; font-weight: 500;
    }}
    QPushButton:hover {{ background: {t.surface[3]}; }}
    QPushButton:pressed {{ background: {mixed(t.text[2], t.surface[3], 0.2)}; }}
    QPushButton:focus {{ {focus} }}
    QPushButton:disabled {{ color: {t.text[2]}; }}
    QPushButton[look="primary"] {{
        background: {t.accent}; color: {t.on_accent}; font-weight: 600;
        border: 1px solid {t.accent_edge}; padding: 5px 12px; margin: 1px;
    }}
    QPushButton[look="primary"]:hover {{ background: {t.accent_hover}; }}
    QPushButton[look="primary"]:focus {{ border: 2px solid {t.text[0]}; margin: 0; }}
    QPushButton[look="primary"]:disabled {{
        background: {t.surface[3]}; color: {t.text[1]}; border-color: {t.surface[3]};
    }}
    QPushButton[look="plain"] {{ background: transparent; color: {t.text[1]}; padding: 5px 8px; }}
    QPushButton[look="plain"]:hover {{ background: {t.surface[2]}; color: {t.text[0]}; }}
    QPushButton[look="plain"]:focus {{ {focus} }}
    QPushButton[look="inset"] {{ background: {t.surface[1]}; }}
    QPushButton[look="inset"]:hover {{ background: {t.surface[3]}; }}
    QPushButton[look="inset"]:focus {{ {focus} }}
    QPushButton[look="segment"] {{ background: transparent; color: {t.text[1]}; padding: 5px 10px; }}
    QPushButton[look="segment"]:hover {{ background: {t.surface[3]}; }}
    QPushButton[look="segment"]:checked {{ background: {t.surface[3]}; color: {t.text[0]}; }}
    QPushButton[look="segment"]:focus {{ {focus} }}
    QPushButton[look="plain"]:disabled, QPushButton[look="segment"]:disabled {{ color: {t.text[2]}; }}
    QPushButton[look="entry"] {{
        background: transparent; color: {t.text[1]}; text-align: left; padding: 7px 10px;
        border-radius: {RADIUS_CONTROL}px;
    }}
    QPushButton[look="entry"]:hover {{ background: {t.surface[2]}; color: {t.text[0]}; }}
    QPushButton[look="entry"]:checked {{ background: {t.surface[2]}; color: {t.text[0]}; font-weight: 600; }}
    QPushButton[look="entry"]:focus {{ {focus} }}
    """


def _fields(t: Theme) -> str:
    return f"""
    QFrame[look="composer"] {{
        background: {t.surface[1]}; border: 1px solid {mixed(t.text[2], t.surface[1], 0.5)};
        border-radius: {RADIUS_CARD}px;
    }}
    QFrame[look="composer"][active="true"] {{ border: 1px solid {t.info}; }}
    QPlainTextEdit {{ background: transparent; border: 0; color: {t.text[0]}; selection-background-color: {t.info};
        placeholder-text-color: {t.text[2]}; }}
    QPlainTextEdit[look="field"] {{
        background: {t.surface[1]}; border: 2px solid transparent; border-radius: {RADIUS_CONTROL}px; padding: 2px 4px;
    }}
    QPlainTextEdit[look="field"]:focus {{ border: 2px solid {t.info}; }}
    QTextBrowser {{ background: transparent; border: 1px solid transparent; border-radius: 4px; color: {t.text[0]}; }}
    QTextBrowser:focus {{ border: 1px solid {t.surface[3]}; }}
    QLineEdit {{
        background: {t.surface[2]}; color: {t.text[0]}; border: 2px solid transparent;
        border-radius: {RADIUS_CONTROL}px; padding: 4px 8px; min-height: 20px; selection-background-color: {t.info};
        placeholder-text-color: {t.text[2]};
    }}
    QLineEdit:focus {{ border: 2px solid {t.info}; }}
    QLineEdit[wrong="true"] {{ border: 2px solid {t.bad}; }}
    QComboBox {{
        background: {t.surface[2]}; color: {t.text[0]}; border: 2px solid transparent;
        border-radius: {RADIUS_CONTROL}px; padding: 4px 8px; min-height: 20px;
    }}
    QFrame[look="inset"] QLineEdit, QFrame[look="inset"] QComboBox {{ background: {t.surface[1]}; }}
    QLineEdit:disabled, QComboBox:disabled {{ color: {t.text[2]}; }}
    QComboBox:hover {{ background: {t.surface[3]}; }}
    QComboBox:focus {{ border: 2px solid {t.info}; }}
    QComboBox::drop-down {{ border: 0; width: 24px; }}
    QComboBox::down-arrow {{ image: none; }}
    QComboBox QAbstractItemView {{
        background: {t.surface[1]}; color: {t.text[0]}; border: 1px solid {t.surface[3]}; padding: 4px; outline: 0;
        selection-background-color: {t.surface[2]}; selection-color: {t.text[0]};
    }}
    """


def _scrolling(t: Theme) -> str:
    return f"""
    QScrollArea {{ background: transparent; border: 0; }}
    QScrollBar:vertical {{ background: transparent; width: 10px; margin: 2px; }}
    QScrollBar::handle:vertical {{ background: {t.surface[3]}; border-radius: 3px; min-height: 32px; }}
    QScrollBar::handle:vertical:hover {{ background: {t.text[2]}; }}
    QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 2px; }}
    QScrollBar::handle:horizontal {{ background: {t.surface[3]}; border-radius: 3px; min-width: 32px; }}
    QScrollBar::handle:horizontal:hover {{ background: {t.text[2]}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    """


def _tables(t: Theme) -> str:
    line = mixed(t.text[2], t.surface[1], 0.18)
    return f"""
    QTableView {{
        background: {t.surface[1]}; border: 2px solid transparent; border-radius: {RADIUS_CARD}px; color: {t.text[0]};
        gridline-color: transparent; outline: 0; selection-background-color: {t.surface[2]};
        selection-color: {t.text[0]};
    }}
    QTableView:focus {{ border: 2px solid {t.info}; }}
    QTableView::item {{ border-bottom: 1px solid {line}; padding: 0 6px; }}
    QTableView::item:selected {{ background: {t.surface[2]}; color: {t.text[0]}; }}
    QListView[look="entries"] {{ background: transparent; border: 0; outline: 0; }}
    QHeaderView {{ background: transparent; border: 0; }}
    QHeaderView::section {{
        background: transparent; color: {t.text[2]}; font-size: {SIZE_SMALL}px; border: 0;
        border-bottom: 1px solid {line}; padding: 6px 9px; text-align: left;
    }}
    QTableCornerButton::section {{ background: transparent; border: 0; }}
    """
