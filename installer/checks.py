"""Every check of the project, in the order in which people want to hear of them; the tests last."""

from installer import environment, start
from installer.console import Console

CHECKS = {
    "ruff check": ["-m", "ruff", "check", "."],
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy"],
    "import contracts": [
        "-c",
        "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())",
    ],
}


def run(pytest_arguments: list[str], console: Console) -> list[str]:
    """Run them all, whatever fails; the names of those that did."""
    failed = []
    for name, command in {**CHECKS, "tests": ["-m", "pytest", *pytest_arguments]}.items():
        console.say(f"● {name}")
        if start.call([str(environment.python()), *command]) != 0:
            failed.append(name)
            console.say(f"✗ {name} failed")
    return failed
