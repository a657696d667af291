"""`spark doctor`: looks at everything Spark needs and says what to do about what is wrong."""

import typer
from rich.text import Text

from spark_engine.cli.checks import Finding, machine_findings
from spark_engine.cli.engine_checks import engine_findings
from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run
from spark_engine.cli.terminal import marked, table
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
    rows = table("", "")
    rows.show_header = False
    for finding in findings:
        text = Text(printable(finding.message))
        if finding.remedy:
            text.append(f"\n{printable(finding.remedy)}", "dim" if finding.verdict == "ok" else "")
        rows.add_row(marked(finding.verdict, finding.subject, ""), text)
    shell.terminal.say(rows)
    warned = sum(f.verdict == "warn" for f in findings)
    shell.terminal.say()
    shell.terminal.say(_summary(bad, warned), style="bold")


def _summary(bad: int, warned: int) -> str:
    if bad:
        return f"{counted(bad, 'thing')} must be put right."
    return f"Nothing is broken; {counted(warned, 'thing')} to know." if warned else "All is well."
