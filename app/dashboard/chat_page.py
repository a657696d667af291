"""Chat: ask a local model, watch the answer being written, stop it, repeat it, ask otherwise; what is said is kept."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.chats.setup import Setup
from app.chats.talk import Turn
from app.conversation import Conversation
from app.dashboard.chat_desk import ChatDesk
from app.dashboard.chat_head import ChatHead
from app.dashboard.chat_list import WIDTH as LIST_WIDTH
from app.dashboard.chat_list import ChatList
from app.dashboard.chat_models import advice, choices, greeting
from app.dashboard.chat_setup import ChatSetup
from app.dashboard.chat_side import SetupSide
from app.dashboard.chat_view import ChatView
from app.dashboard.context import Context
from app.dashboard.page import Page
from app.notices import Notice
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.composer import Composer
from app.widgets.tab_order import follow_reading_order
from app.widgets.transcript import WIDEST
from app.widgets.welcome import Welcome

NARROWEST = 440
"""What is left for the conversation beside the list (px)."""


class ChatPage(Page):
    """Works while the engine is away too: an answer that cannot come says why and can be tried again."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._store = context, context.store
        self.conversation: Conversation = context.conversation
        self.desk = ChatDesk(context, self)
        self.view, self.list, self._side = ChatView(context, self), ChatList(self.desk), SetupSide()
        self.transcript, self.welcome = self.view.transcript, Welcome()
        self.composer = Composer("Message", "Ask something")
        head = self.head = ChatHead()
        self.title, self.picker, self.more, self.new_chat = head.title, head.picker, head.more, head.new_chat
        self.show_list, self.show_setup = head.show_list, head.show_setup
        self.to_end = Button("Newest", "arrow-down", name="Go to the newest text")
        self._list_wanted: bool | None = None
        self._arrange()
        self._connect()
        self._draw_models()
        self._show_talk()

    def _arrange(self) -> None:
        self.to_end.hide()
        self._middle = QStackedWidget()
        self._middle.addWidget(self.welcome)
        self._middle.addWidget(self.transcript)
        self._main = QWidget()
        column = QVBoxLayout(self._main)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addWidget(self._middle, 1)
        column.addWidget(self.to_end, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._foot())
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        line.addWidget(self.list)
        line.addWidget(self._main, 1)
        line.addWidget(self._side)

    @property
    def setup(self) -> ChatSetup:
        """How the model is to answer."""
        return self._side.panel

    def _foot(self) -> QWidget:
        foot = QWidget()
        self.composer.setMaximumWidth(WIDEST + 4 * GRID)
        line = row(self.composer)
        line.setContentsMargins(2 * GRID, GRID, 2 * GRID, 2 * GRID)
        foot.setLayout(line)
        return foot

    def _connect(self) -> None:
        talk, store, composer = self.conversation, self._store, self.composer
        composer.sent.connect(self._send)
        composer.typed.connect(lambda: talk.type(composer.text))
        composer.kept.connect(self._end_edit)
        composer.stopped.connect(talk.stop)
        self.new_chat.clicked.connect(self.start_new)
        self.show_list.clicked.connect(self._toggle_list)
        self.show_setup.clicked.connect(self._toggle_setup)
        self.more.chosen.connect(self._act)
        self._side.changed.connect(talk.set_up)
        self._side.preferred.connect(self._prefer)
        self._side.closed.connect(self._setup_closed)
        self.list.settings_wanted.connect(lambda: self._context.go("settings"))
        self.welcome.asked.connect(self._send)
        self.welcome.more_wanted.connect(lambda: self._context.go("home"))
        self.welcome.acted.connect(self._context.actions.start_engine)
        self.to_end.clicked.connect(self.transcript.go_to_end)
        self.transcript.scrolled_away.connect(self.to_end.setVisible)
        self.transcript.arranged.connect(self._order_tabs)
        self.picker.activated.connect(lambda index: talk.choose(self.picker.itemData(index)))
        self.view.edit_wanted.connect(self._edit)
        for signal in (talk.opened, talk.asked):
            signal.connect(self._show_talk)
        talk.ended.connect(self._show_busy)
        for signal in (self.desk.keeper.listed, talk.ended):
            signal.connect(self._draw_title)
        self.desk.keeper.listed.connect(self._fit_sides)
        self.follow(self._draw_models, store.models_changed, store.link_changed)

    @property
    def regions(self) -> Sequence[QWidget]:
        """The kept conversations, the open one, and how it answers."""
        return (self.list, self._main, self._side)

    def shown(self) -> None:
        """The cursor belongs into the field."""
        self.composer.field.setFocus()

    def recheck(self) -> None:
        """F5: look again for models on disk."""
        self._context.actions.rescan()

    def start_new(self) -> None:
        """Ctrl+N: an empty conversation; what is being typed comes along."""
        self.desk.start_new()
        self.shown()

    def choose_model(self) -> None:
        """Ctrl+L: the list of models."""
        self.picker.setFocus()
        self.picker.showPopup()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: the size changed."""
        super().resizeEvent(event)
        self._fit_sides()

    # --- the conversation ----------------------------------------------------------------------------------

    def _send(self, text: str) -> None:
        if self.conversation.ask(text):
            self.composer.put(self.conversation.talk.draft)

    def _edit(self, turn: Turn) -> None:
        self.conversation.edit(turn)
        self._show_draft()
        self.shown()

    def _end_edit(self) -> None:
        self.conversation.end_edit()
        self._show_draft()

    def _show_draft(self) -> None:
        talk = self.conversation.talk
        if self.composer.text != talk.draft:
            self.composer.put(talk.draft)
        self.composer.show_editing(talk.editing is not None)

    def _show_talk(self) -> None:
        """Another conversation, or another turn in it."""
        self._middle.setCurrentIndex(1 if self.conversation.turns else 0)
        if not self.conversation.turns:
            self.to_end.hide()
        self._side.show_setup(self.conversation.talk.setup)
        self._draw_models()
        self._draw_title()
        self._show_draft()
        self._show_busy()

    def _show_busy(self) -> None:
        self.composer.show_busy(self.conversation.is_busy)
        self._order_tabs()

    def _act(self, key: str) -> None:
        if key == "rename" and self.list.isHidden():
            self._toggle_list()
        self.list.act(self.conversation.talk.id, key)

    def _prefer(self, setup: Setup) -> None:
        self.desk.keeper.remember(setup=setup)
        self._context.board.post(Notice("setup", "ok", "New conversations begin like this one", passing=True))

    # --- what stands around it -----------------------------------------------------------------------------

    def _toggle_list(self) -> None:
        self._list_wanted = self.list.isHidden()
        if self._side.is_open and self._list_wanted and not self._has_room():
            self.setup.hide()
        self._fit_sides()

    def _toggle_setup(self) -> None:
        if self._side.is_open:
            self.setup.close_panel()
            return
        self.setup.show()
        self._fit_sides()
        self.setup.system.setFocus()

    def _setup_closed(self) -> None:
        self._fit_sides()
        self.show_setup.setFocus()

    def _has_room(self) -> bool:
        """Whether the list has room beside the conversation."""
        return self._room() - LIST_WIDTH >= NARROWEST

    def _room(self) -> int:
        """The width that list and conversation have together (px)."""
        return self.width() - self._side.width_taken

    def _fit_sides(self) -> None:
        """The list makes room where there is too little for all; without anything kept it is not there unasked."""
        is_wide = self.width() >= 2 * NARROWEST and self.list.has_any
        wanted = is_wide if self._list_wanted is None else self._list_wanted
        self._side.setVisible(self._side.is_open)
        self.title.setVisible(self._room() >= NARROWEST + LIST_WIDTH // 2)
        if self.list.isHidden() is (wanted and self._has_room()):
            self.list.setVisible(self.list.isHidden())
            self._draw_title()
        self._order_tabs()

    def _order_tabs(self) -> None:
        follow_reading_order(self.regions)

    def _draw_title(self) -> None:
        has_turns = bool(self.conversation.turns)
        is_told = has_turns and self.list.isHidden()
        self.title.show_whole(self.conversation.talk.name if is_told else "Chat")
        is_kept = any(c.id == self.conversation.talk.id for c in self.desk.keeper.cards)
        self.more.setEnabled(has_turns and is_kept)

    def _draw_models(self) -> None:
        """The picker: automatic, then every variant on this machine that writes; and what hangs on the model."""
        state, talk = self._store.state, self.conversation
        talk.model = self.head.offer(choices(state), talk.talk.model)
        self._side.show_advice(*advice(state, talk.model))
        greet = greeting(self._store.link, state, talk.model)
        self.welcome.greet(greet.title, greet.text, greet.action)
        self.welcome.show_questions(greet.questions)
        self.welcome.show_more(greet.hint, greet.more)
