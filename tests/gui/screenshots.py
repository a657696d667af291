"""`just screenshots`: draws every page in light and dark at scale 1 and 2 into docs/screenshots, with sample data."""

import argparse
import asyncio
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from app.dashboard.pages import PAGES
from app.event_loop import EventLoop
from app.make_ready import make_ready
from app.theme import Appearance
from spark_engine.paths import BaseDir
from tests.gui.conftest import Stage
from tests.gui.scenes import PAUSE_S, SCENES, ShowcaseClient, leave, open_page

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
SCALES, THEMES, COLOURS = ("1", "2"), ("light", "dark"), 256
SIZE = (1100, 720)


def main() -> int:
    """Draw for each scale in a process of its own, since Qt reads the scale once."""
    options = _parser().parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.drawn_at:
        return draw(options)
    for scale in options.scale:
        environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ, "QT_SCALE_FACTOR": scale}
        command = [sys.executable, "-m", "tests.gui.screenshots", "--drawn-at", scale, *sys.argv[1:]]
        done = subprocess.run(command, env=environment, cwd=Path(__file__).parents[2], check=False)
        if done.returncode:
            return done.returncode
    return 0


def file_name(page: str, theme: str, scale: str) -> str:
    """`home-light.png`, `home-dark@2x.png`."""
    return f"{page}-{theme}.png" if scale == "1" else f"{page}-{theme}@{scale}x.png"


def draw(options: argparse.Namespace) -> int:
    """Draw at the scale of this process."""
    app = QApplication([])
    make_ready(app)
    look = Appearance(app, "light")
    with TemporaryDirectory() as folder, EventLoop(app) as loop:
        loop.run_until_complete(_draw_all(look, BaseDir(Path(folder)), options))
    return 0


async def _draw_all(look: Appearance, base: BaseDir, options: argparse.Namespace) -> None:
    stage = Stage(base, ShowcaseClient())
    stage.window.resize(*options.size)
    stage.window.show()
    for page in PAGES:
        if options.page not in ("", page.id):
            continue
        SCENES[options.scene](stage)
        await open_page(stage, page.id)
        for theme in options.theme:
            look.force(theme)
            await asyncio.sleep(PAUSE_S)
            file = options.folder / file_name(page.id, theme, options.drawn_at)
            save(stage.window.grab().toImage(), file)
            print(file, flush=True)
    await leave(stage)
    stage.window.hide()


def save(image: QImage, file: Path) -> None:
    """Write a PNG of at most 256 colours, which takes a third of the room."""
    whole = image.convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(whole.constBits(), np.uint32).reshape(whole.height(), whole.width())
    colours, places, counts = np.unique(pixels, return_inverse=True, return_counts=True)
    kept, nearest = _fewer(colours, counts)
    rows = np.zeros((whole.height(), -(-whole.width() // 4) * 4), np.uint8)
    rows[:, : whole.width()] = nearest[places].reshape(pixels.shape)
    few = QImage(rows.tobytes(), whole.width(), whole.height(), rows.shape[1], QImage.Format.Format_Indexed8)
    few.setColorTable([int(colour) for colour in kept])
    if not few.save(str(file), "PNG", 0):  # type: ignore[call-overload]
        raise OSError(f"{file} could not be written")


def _fewer(colours: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The most frequent colours (0xFFRRGGBB) and then, one by one, whichever is farthest from those; and the place of
    the nearest of them for each colour."""
    parts = np.stack([colours >> shift & 0xFF for shift in (16, 8, 0)], axis=1).astype(np.int32)
    frequent = np.argsort(counts)[::-1]
    far, nearest = np.full(len(colours), 1 << 20), np.zeros(len(colours), np.uint8)
    kept: list[int] = []
    while len(kept) < min(COLOURS, len(colours)):
        pick = int(frequent[len(kept)]) if len(kept) < COLOURS // 2 else int(far.argmax())
        distance = ((parts - parts[pick]) ** 2).sum(axis=1)
        nearest[distance < far] = len(kept)
        far = np.minimum(far, distance)
        kept.append(pick)
    return colours[kept], nearest


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="just screenshots", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pictures go")
    parser.add_argument("--page", default="", help="the id of one page (default: every page)")
    parser.add_argument("--theme", nargs="+", choices=THEMES, default=THEMES)
    parser.add_argument("--scene", default="live", help="live, empty, searching, lost, stopped or refused")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--scale", nargs="+", default=SCALES, help="as in 1, 1.5 or 2")
    parser.add_argument("--drawn-at", default="", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
