"""Where things lie: the base directory with everything Spark writes, and the resources it ships."""

import os
import sys
from pathlib import Path

from msgspec import Struct
from platformdirs import user_data_path


class BaseDir(Struct, frozen=True):
    """Everything Spark writes lies under `root` (`SPARK_HOME` or `--base-dir`)."""

    root: Path

    @property
    def settings_file(self) -> Path:
        """The user's settings, `spark.toml`."""
        return self.root / "spark.toml"

    @property
    def models(self) -> Path:
        """Downloaded or hand-placed models, `<model>/<variant>/`."""
        return self.root / "models"

    @property
    def downloads(self) -> Path:
        """Downloads under way, a folder each; what is whole and checked moves to `models`."""
        return self.root / "downloads"

    @property
    def logs(self) -> Path:
        """Log files of engine, runners and app."""
        return self.root / "logs"

    @property
    def crashes(self) -> Path:
        """What is known of crashes, a folder each; made with the first one."""
        return self.root / "crashes"

    @property
    def state(self) -> Path:
        """What Spark remembers between runs."""
        return self.root / "state"

    @property
    def chats(self) -> Path:
        """The conversations of the Chat page, a file each; made when there is one to keep."""
        return self.root / "chats"

    @property
    def cache(self) -> Path:
        """What can be made again at any time; made when it is needed."""
        return self.root / "cache"

    @property
    def run(self) -> Path:
        """What exists only while an engine runs: lock, endpoint file, socket."""
        return self.root / "run"

    @property
    def lock_file(self) -> Path:
        """Held by the one engine of this base directory."""
        return self.run / "engine.lock"

    @property
    def endpoint_file(self) -> Path:
        """Address and owner token of the running engine, readable by the owner only."""
        return self.run / "endpoint.json"

    @property
    def socket(self) -> Path:
        """The owner's Unix socket."""
        return self.run / "spark.sock"

    def create(self) -> None:
        """Make the folders; private to the user."""
        for folder in (self.root, self.models, self.downloads, self.logs, self.state, self.run):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def base_dir(argument: str | None = None) -> BaseDir:
    """The base directory: the argument, else `SPARK_HOME`, else the platform's place for user data."""
    chosen = argument or os.environ.get("SPARK_HOME")
    return BaseDir(
        Path(chosen).expanduser().absolute() if chosen else user_data_path("spark", appauthor=False)
    )


def resources() -> Path:
    """The folder of shipped files: icons, themes, model cards, spark-nano."""
    frozen = getattr(sys, "_MEIPASS", None)
    return Path(frozen) / "resources" if frozen else Path(__file__).resolve().parent.parent / "resources"


def program(role: str) -> list[str]:
    """The command that starts this same program in another role (`serve`, `runner`)."""
    start = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "spark_engine"]
    return [*start, role]
