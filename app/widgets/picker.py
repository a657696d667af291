"""Lets people choose a folder or a file with the desktop's own dialog, without stopping anything else."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget


def pick_folder(parent: QWidget, title: str, take: Callable[[str], None]) -> QFileDialog:
    """Ask for a folder; `take` is told its path, unless nothing is chosen."""
    dialog = _dialog(parent, title, take)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.open()
    return dialog


def pick_file(parent: QWidget, title: str, kinds: str, take: Callable[[str], None]) -> QFileDialog:
    """Ask for a file of these `kinds` (as in `Models (*.gguf)`)."""
    dialog = _dialog(parent, title, take)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilter(kinds)
    dialog.open()
    return dialog


def pick_new_file(parent: QWidget, title: str, name: str, take: Callable[[str], None]) -> QFileDialog:
    """Ask where to save a file, with a name to begin with; the dialog itself asks before one is replaced."""
    dialog = _dialog(parent, title, take)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setFileMode(QFileDialog.FileMode.AnyFile)
    dialog.setDefaultSuffix(name.rpartition(".")[2])
    dialog.selectFile(name)
    dialog.open()
    return dialog


def _dialog(parent: QWidget, title: str, take: Callable[[str], None]) -> QFileDialog:
    dialog = QFileDialog(parent, title)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(take)
    return dialog
