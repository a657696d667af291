"""`just screenshots`: every page has its pictures in docs, and drawing them gives small, faithful ones."""

import os
import subprocess
import sys
from pathlib import Path

from PySide6.QtGui import QColor, QImage

from app.dashboard.pages import PAGES
from app.theme import read_theme
from tests.gui.screenshots import FOLDER, SCALES, SIZE, THEMES, file_name, save

LARGEST_BYTES = 4_000_000


def test_every_page_stands_in_docs_in_both_themes_and_scales() -> None:
    wanted = {file_name(p.id, theme, scale) for p in PAGES for theme in THEMES for scale in SCALES}
    files = {file.name: file for file in FOLDER.glob("*.png")}
    assert set(files) == wanted
    assert sum(file.stat().st_size for file in files.values()) < LARGEST_BYTES
    for name, file in files.items():
        times = 2 if "@2x" in name else 1
        size = QImage(str(file)).size()
        assert (size.width(), size.height()) == (SIZE[0] * times, SIZE[1] * times), name


def test_pictures_named_in_the_readme_are_there() -> None:
    root = FOLDER.parents[1]
    shown = [part.partition('"')[0] for part in (root / "README.md").read_text().split('src="')[1:]]
    assert shown
    assert all((root / file).is_file() for file in shown)


def test_a_page_is_drawn_as_it_looks(tmp_path: Path) -> None:
    options = ["--page", "health", "--scale", "1.5", "--theme", "dark", "--folder", str(tmp_path)]
    command = [sys.executable, "-m", "tests.gui.screenshots", *options]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, cwd=FOLDER.parents[1], check=False
    )
    assert done.returncode == 0, done.stderr
    picture = QImage(str(tmp_path / "health-dark@1.5x.png"))
    assert (picture.width(), picture.height()) == (1650, 1080)
    ground = picture.pixelColor(1630, 1060).name().upper()
    assert ground == read_theme("dark").surface[0]
    assert len(os.listdir(tmp_path)) == 1


def test_a_rare_colour_survives_among_few(tmp_path: Path) -> None:
    image = QImage(60, 60, QImage.Format.Format_RGB32)
    for x in range(60):
        for y in range(60):
            image.setPixelColor(x, y, QColor(0, 4 * x, 4 * y))
    image.setPixelColor(30, 30, QColor(255, 0, 0))
    save(image, tmp_path / "few.png")
    few = QImage(str(tmp_path / "few.png"))
    assert few.pixelColor(30, 30) == QColor(255, 0, 0)
    assert len({few.pixel(x, y) for x in range(60) for y in range(60)}) <= 256
    for x, y in ((0, 0), (59, 59), (17, 42)):
        was, now = image.pixelColor(x, y), few.pixelColor(x, y)
        assert max(abs(was.green() - now.green()), abs(was.blue() - now.blue())) <= 24
