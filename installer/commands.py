"""The installer's two commands: `run` sets Spark up and starts it, `test` sets everything up and checks it."""

import argparse
import sys
from pathlib import Path

from installer import checks, environment, start, system_packages
from installer.child import call
from installer.console import Console, SetupError

COMPONENTS = ("onnx", "gguf", "torch", "genai", "convert")


def main(arguments: list[str]) -> int:
    """Do what the command line asks; the exit status."""
    chosen, rest = _parser().parse_known_args(arguments)
    if rest and chosen.command != "test":
        _parser().error(f"unknown arguments: {' '.join(rest)}")
    console = Console()
    try:
        return _run(chosen, console) if chosen.command == "run" else _test(chosen, rest, console)
    except SetupError as error:
        console.problem(error)
        return 1
    except KeyboardInterrupt:
        console.say("Stopped.")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bootstrap.py", description="Sets Spark up and starts it, or checks it."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="set Spark up and start it")
    run.add_argument("--all", action="store_true", help="install the GGUF and PyTorch components too")
    run.add_argument("--port", type=int, help="port of the API instead of 8910")
    run.add_argument("--base-dir", type=Path, help="where Spark keeps models, settings and logs")
    test = commands.add_parser(
        "test", help="set everything up and run every check", epilog="Other arguments go to pytest."
    )
    test.add_argument(
        "--quick", action="store_true", help="leave the GGUF and PyTorch components as they are"
    )
    for command in (run, test):
        command.add_argument(
            "--torch", choices=("cpu", "cuda"), default="cpu", help="which PyTorch build may be downloaded"
        )
    return parser


def _run(chosen: argparse.Namespace, console: Console) -> int:
    environment.prepare(["gui", "onnx"], console)
    settings = _settings(chosen)
    if chosen.all and not _components(chosen.torch, settings, console):
        console.say("  Spark runs without what is missing; models of those formats cannot be loaded yet.")
    if not start.has_display():
        _mention_missing(console)
        return start.engine(settings, console)
    try:
        system_packages.ensure(console, window=True)
    except SetupError as error:
        console.problem(error)
        console.say("  Until then Spark starts without its window.")
        return start.engine(settings, console)
    return start.tray_app(settings, console)


def _mention_missing(console: Console) -> None:
    """There is no screen, so Spark runs without its window; whoever adds one should know what it needs."""
    if lacking := system_packages.missing(window=True):
        console.say("  The window would need system libraries that are missing here; the engine does not.")
        console.say(f"  {system_packages.remedy(sorted(lacking.values()))}")


def _test(chosen: argparse.Namespace, pytest_arguments: list[str], console: Console) -> int:
    environment.prepare(["gui", "onnx", "dev"], console)
    system_packages.ensure(console, window=False)
    system_packages.add_screen(console)
    failed = []
    # The tests' own base directory: what is learnt about the components here stays out of the user's.
    settings = {"SPARK_HOME": str(environment.VENV / "test-home")}
    if not chosen.quick and not _components(chosen.torch, settings, console):
        failed.append("backend components")
    failed += checks.run(pytest_arguments, console)
    if failed:
        console.say(f"✗ failed: {', '.join(failed)}")
    return 1 if failed else 0


def _components(torch: str, settings: dict[str, str], console: Console) -> bool:
    """Install and test the optional components; whether all of them work."""
    if not _has_compiler():
        system_packages.add_compiler(console)
    console.say("● Installing backend components (llama.cpp is compiled, which takes some minutes)")
    module = [str(environment.python()), "-m", "spark_engine.engine.component_install"]
    cuda = ["--cuda"] if torch == "cuda" else []
    return call([*module, *COMPONENTS, *cuda], settings | {"PYTHONUTF8": "1"}) == 0


def _has_compiler() -> bool:
    code = "from spark_engine.engine.gguf_build import has_compiler; raise SystemExit(not has_compiler())"
    return call([str(environment.python()), "-c", code]) == 0


def _settings(chosen: argparse.Namespace) -> dict[str, str]:
    """The options as the environment variables every part of Spark reads."""
    settings = {}
    if chosen.port is not None:
        settings["SPARK_SERVER_PORT"] = str(chosen.port)
    if chosen.base_dir is not None:
        settings["SPARK_HOME"] = str(chosen.base_dir.expanduser().absolute())
    return settings


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
