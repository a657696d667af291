"""Every check of the project, in the order in which people want to hear of them; the tests last."""

from installer import environment
from installer.child import call
from installer.console import Console

CHECKS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "import contracts": ["lint-imports", "--no-logo"],
}


def run(pytest_arguments: list[str], console: Console) -> list[str]:
    """Run them all, whatever fails; the names of those that did."""
    failed = []
    for name, (program, *arguments) in {**CHECKS, "tests": ["pytest", *pytest_arguments]}.items():
        console.say(f"● {name}")
        if call([str(environment.program(program)), *arguments]) != 0:
            failed.append(name)
            console.say(f"✗ {name} failed")
    return failed
