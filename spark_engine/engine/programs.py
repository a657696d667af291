"""Which program a process is: its executable, and what an interpreter runs."""

import hashlib
import re
from pathlib import Path, PurePath

import psutil
from msgspec import Struct

from spark_engine.types.apps import UNKNOWN_APP

INTERPRETERS = {
    "python": "Python", "pypy": "Python", "node": "Node", "nodejs": "Node", "deno": "Deno", "bun": "Bun",
    "ruby": "Ruby", "perl": "Perl", "php": "PHP", "java": "Java", "rscript": "R", "dotnet": ".NET",
    "bash": "shell", "sh": "shell", "zsh": "shell", "pwsh": "PowerShell", "powershell": "PowerShell",
}  # fmt: skip
TAKES_VALUE = {"-W", "-X", "-cp", "-classpath", "--class-path", "-r", "--require", "-I", "-ExecutionPolicy"}
SPARK = "spark_engine"
MAX_NAME = 60
_STEM = re.compile(r"([a-z]+)[\d.]*w?")
_BUNDLE = re.compile(r"/([^/]+)\.app/")


class Program(Struct, frozen=True):
    """An executable, and the script or module (`-m name`) that it runs where it is an interpreter.

    What a process says of itself can be made up: this is for people to see and to order, never to authorise.
    """

    path: str = ""
    script: str = ""

    @property
    def name(self) -> str:
        """What to call it: `curl`, `train.py (Python)`, `Spark`."""
        if not self.path:
            return "Unknown program"
        if self.script:
            module = self.script.removeprefix("-m ")
            if module == SPARK or PurePath(module).stem in ("spark", SPARK):
                return "Spark"
            return f"{PurePath(module).name[:MAX_NAME]} ({language(self.path) or 'script'})"
        bundle = _BUNDLE.search(self.path)
        name = bundle.group(1) if bundle else re.split(r"[/\\]", self.path)[-1].removesuffix(".exe")
        return "".join(c for c in name if c.isprintable())[:MAX_NAME] or self.path[:MAX_NAME]

    @property
    def id(self) -> str:
        """The same for the same program each time: `train.py-python-8f3a21`."""
        if not self.path:
            return UNKNOWN_APP
        slug = re.sub(r"[^a-z0-9._]+", "-", self.name.lower()).strip("-.")[:40] or "app"
        whole = "\0".join((self.path, self.script)).encode(errors="surrogateescape")
        return f"{slug}-{hashlib.sha256(whole).hexdigest()[:6]}"


def program_of(pid: int) -> Program | None:
    """The program of a process; None when it is gone, or the system does not tell."""
    try:
        process = psutil.Process(pid)
        path = process.exe().removesuffix(" (deleted)")
        if not path:
            return None
        return Program(path, _script(process) if language(path) else "")
    except (psutil.Error, OSError):
        return None


def language(path: str) -> str:
    """What an interpreter interprets; empty for any other executable."""
    stem = re.split(r"[/\\]", path)[-1].lower().removesuffix(".exe")
    found = _STEM.fullmatch(stem)
    return INTERPRETERS.get(found.group(1), "") if found else ""


def script_in(arguments: list[str]) -> str:
    """The script or module in an interpreter's arguments, without its own name; empty when it runs none."""
    rest = iter(arguments)
    for argument in rest:
        if argument in ("-m", "-jar"):
            return f"-m {next(rest, '')}" if argument == "-m" else next(rest, "")
        if argument in ("-c", "-e", "-"):
            return ""
        if argument in TAKES_VALUE:
            next(rest, None)
        elif not argument.startswith("-") and argument != "run":
            return argument
    return ""


def _script(process: psutil.Process) -> str:
    """The script with its whole path, so that two of one name are two programs."""
    said = script_in(process.cmdline()[1:])
    if not said or said.startswith("-m "):
        return said
    try:
        file = Path(process.cwd(), said)
        return str(file) if file.exists() else said
    except (psutil.Error, OSError):
        return said
