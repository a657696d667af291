"""What can be done with conversations: opening, renaming, deleting with a way back, exporting; are they kept at all."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QWidget

from app.asking import Inquiry, can_ask
from app.chats.export import as_json, as_markdown, file_name
from app.chats.keeper import Keeper
from app.chats.talk import Talk
from app.dashboard.context import Context
from app.link import Connected
from app.notices import Notice, Remedy
from app.widgets.menu_button import MenuEntry
from app.widgets.picker import pick_new_file
from spark_engine.records import write_whole
from spark_engine.tasks import create_task

KEEP = "chat.keep"
"""The setting."""
UNDO_MS = 15_000
MENU = (
    MenuEntry("Rename…", "rename"),
    MenuEntry("Copy as Markdown", "copy"),
    MenuEntry("Export as Markdown…", "md"),
    MenuEntry("Export as JSON…", "json"),
    MenuEntry("Delete", "delete"),
)


class ChatDesk(QObject):
    """Stands between the open conversation and the kept ones. `page` is what dialogs belong to."""

    def __init__(self, context: Context, page: QWidget) -> None:
        super().__init__(page)
        self._context, self._page = context, page
        self.talk = context.conversation
        self.keeper = Keeper(context.base, self)
        self._settings = Inquiry(self)
        self._settings.answered.connect(self._take_settings)
        if self.talk.talk.is_blank:
            self.talk.open(Talk(self.keeper.memory.setup, self.talk.model))
        self._connect()
        self._ask_settings()
        self._run(self._begin())

    def _connect(self) -> None:
        store = self._context.store
        self.talk.changed.connect(lambda talk, writing: self.keeper.note(talk, is_writing=writing))
        for signal in (self.talk.opened, self.talk.asked):
            signal.connect(self._remember_open)
        self.talk.closed.connect(self.keeper.close)
        self.keeper.failed.connect(self._tell_failed)
        for signal in (store.link_changed, store.settings_changed):
            signal.connect(self._ask_settings)

    def start_new(self) -> None:
        """An empty conversation; where the open one is not kept, its answer ends."""
        if not self.talk.turns:
            return
        self._leave()
        self.talk.clear(self.keeper.memory.setup)

    def open(self, id: str) -> None:
        """Open a conversation that is kept."""
        if id != self.talk.talk.id:
            self._run(self._open(id))

    def rename(self, id: str, title: str) -> None:
        """Call a conversation otherwise."""
        known = self.talk.known(id)
        if known is None:
            self.keeper.rename(id, title)
        else:
            known.title = title
            self.talk.changed.emit(known, False)

    def delete(self, id: str) -> None:
        """Delete a conversation, and offer to take that back."""
        name = next((c.name for c in self.keeper.cards if c.id == id), "It")
        was_open = id == self.talk.talk.id
        self.talk.stop_in(id)
        self.keeper.remove(id)
        if was_open:
            self.talk.open(Talk(self.keeper.memory.setup, self.talk.model))
        undo = Remedy("Undo", lambda: self._run(self._put_back(id, was_open)))
        self._context.board.post(Notice(f"deleted:{id}", "ok", f"“{name}” is deleted", action=undo))
        QTimer.singleShot(UNDO_MS, self, lambda: self._context.board.withdraw(f"deleted:{id}"))

    def delete_all(self) -> None:
        """Delete every conversation for good."""
        for one in self.keeper.cards:
            self.talk.stop_in(one.id)
        self.keeper.remove_all()
        self.talk.open(Talk(self.keeper.memory.setup, self.talk.model))

    def hand_on(self, id: str, form: str) -> None:
        """Copy a conversation (`copy`) or save it as a file (`md`, `json`)."""
        self._run(self._hand_on(id, form))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        if can_ask():
            create_task(work, name="conversations")
        else:
            work.close()

    def _leave(self) -> None:
        if not self.keeper.keeps:
            self.talk.stop()

    async def _begin(self) -> None:
        """Find out what is kept, and go on where people left off."""
        await self.keeper.load()
        shown = self.keeper.memory.shown
        talk = await self.keeper.read(shown) if shown else None
        if talk is not None and self.talk.talk.is_blank:
            self.talk.open(talk)

    async def _open(self, id: str) -> None:
        talk = self.talk.known(id) or await self.keeper.read(id)
        if talk is None:
            words = "Its file is gone or damaged."
            self._context.board.post(Notice("chat", "warn", "The conversation cannot be opened", words))
            return
        self._leave()
        self.talk.open(talk)

    async def _put_back(self, id: str, open_it: bool) -> None:
        talk = await self.keeper.put_back(id)
        if talk is not None and open_it:
            self.talk.open(talk)

    async def _hand_on(self, id: str, form: str) -> None:
        talk = self.talk.known(id) or await self.keeper.read(id)
        if talk is None:
            return
        if form == "copy":
            self._context.actions.copy(as_markdown(talk), "The conversation")
            return
        content = as_json(talk) if form == "json" else as_markdown(talk).encode()
        name = file_name(talk, form)
        pick_new_file(self._page, "Export conversation", name, lambda path: self._save(path, content))

    def _save(self, path: str, content: bytes) -> None:
        self._run(self._write(path, content))

    async def _write(self, path: str, content: bytes) -> None:
        try:
            await asyncio.to_thread(write_whole, Path(path), content)
        except OSError as error:
            words = error.strerror or type(error).__name__
            self._context.board.post(Notice("export", "bad", "The file could not be written", words))
            return
        show = Remedy("Show in folder", lambda: self._context.actions.show_folder(path))
        self._context.board.post(
            Notice("export", "ok", "The conversation is saved", path, action=show, passing=True)
        )

    def _remember_open(self) -> None:
        talk = self.talk.talk
        self.keeper.remember(shown="" if talk.is_blank or not self.keeper.keeps else talk.id)

    def _tell_failed(self, reason: str) -> None:
        words = f"{reason}. What is said now is lost when Spark ends."
        remedy = f"Make room in {self._context.base.root}, or see who may write there."
        self._context.board.post(Notice("chats", "warn", "Conversations cannot be kept", words, remedy))

    def _ask_settings(self) -> None:
        if isinstance(self._context.store.link, Connected) and can_ask():
            self._settings.ask(self._context.actions.client.settings, "settings")

    def _take_settings(self, entries: object) -> None:
        known = entries.get(KEEP) if isinstance(entries, dict) else None
        if known is not None:
            self.keeper.remember(keeps=bool(known.value))
            self.keeper.listed.emit()
