"""`spark doctor`: looks at everything Spark needs and says what to do about what is wrong."""

import typer

from spark_engine.cli.checks import Finding, machine_findings
from spark_engine.cli.engine_checks import engine_findings
from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run
from spark_engine.cli.terminal import marked
from spark_engine.cli.words import counted, printable


def doctor(json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Check everything Spark needs; exit status 1 if something is broken."""
    run(Shell(json, base_dir), _doctor)


async def _doctor(shell: Shell) -> None:
    findings = [*machine_findings(shell.base), *await engine_findings(shell)]
    bad = [f for f in findings if f.verdict == "bad"]
    if shell.terminal.json:
        shell.terminal.tell({"ok": not bad, "findings": findings})
    else:
        _show(shell, findings, len(bad))
    if bad:
        raise typer.Exit(1)


def _show(shell: Shell, findings: list[Finding], bad: int) -> None:
    width = max(len(f.subject) for f in findings) + 2
    for finding in findings:
        line = marked(finding.verdict, finding.subject.ljust(width), "")
        line.append(printable(finding.message))
        shell.terminal.say(line)
        if finding.remedy:
            shell.terminal.say(f"{'':{width + 2}}{printable(finding.remedy)}")
    warned = sum(f.verdict == "warn" for f in findings)
    shell.terminal.say()
    shell.terminal.say(_summary(bad, warned), style="bold")


def _summary(bad: int, warned: int) -> str:
    if bad:
        return f"{counted(bad, 'thing')} must be put right."
    return f"Nothing is broken; {counted(warned, 'thing')} to know." if warned else "All is well."
