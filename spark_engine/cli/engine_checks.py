"""What `spark doctor` asks the engine, and what it looks at when none answers."""

import os

from spark_engine.api.ports import bind_port, holder_of
from spark_engine.cli.backends import version_of
from spark_engine.cli.checks import Finding
from spark_engine.cli.health_checks import health_findings
from spark_engine.cli.shell import Shell
from spark_engine.client.endpoint import read_endpoint
from spark_engine.config.load import load_config
from spark_engine.config.schema import setting
from spark_engine.errors import SparkError
from spark_engine.paths import BaseDir
from spark_engine.types.components import Broken, ComponentEntry, Installed, Installing, Removing, Verified


async def engine_findings(shell: Shell) -> list[Finding]:
    """How the engine of this base directory is doing, its problems and its components."""
    endpoint = read_endpoint(shell.base)
    if endpoint is None:
        return [
            Finding("Engine", "warn", "It is not running.", "Start it with `spark serve` or `spark`."),
            _port(shell.base),
        ]
    try:
        async with shell.client() as client:
            state, health = await client.state(), await client.check_health()
    except SparkError as error:
        text = f"Process {endpoint.pid} should answer at {endpoint.address}, but: {error.message}"
        return [Finding("Engine", "bad", text, error.remedy)]
    text = f"{state.engine.version}, process {endpoint.pid}, {endpoint.address}"
    told = {problem.id for problem in health.problems}
    return [
        Finding("Engine", "ok", text),
        *health_findings(health),
        *(component_finding(c) for c in state.components.values() if f"component_broken:{c.id}" not in told),
    ]


def _port(base: BaseDir) -> Finding:
    """Whether the engine could listen where it should."""
    try:
        port = load_config(base.settings_file, os.environ).integer("server.port")
    except SparkError:
        port = int(setting("server.port").default)
    try:
        bind_port(port).close()
    except OSError:
        remedy = f"End it, or choose another port: `spark serve --port {port + 10}`."
        return Finding("Port", "bad", f"{port} is held by {holder_of(port)}.", remedy)
    return Finding("Port", "ok", f"{port} is free")


def component_finding(entry: ComponentEntry) -> Finding:
    """A backend component: what Spark itself needs must work, the others may be missing."""
    subject = f"Backend {entry.id}"
    match entry.status:
        case Verified() | Installed():
            tried = ", a model has run with it" if isinstance(entry.status, Verified) else ""
            return Finding(subject, "ok", f"{entry.name} {version_of(entry.status)}{tried}")
        case Installing() | Removing():
            return Finding(subject, "ok", f"{entry.name} is being changed.")
        case Broken(_, title, message, remedy):
            return Finding(subject, "warn" if entry.optional else "bad", f"{title}. {message}", remedy)
    remedy = f"`spark backends install {entry.id}`"
    use = f"{' and '.join(entry.formats)} models" if entry.formats else "models on more devices"
    text = f"{entry.name} is not installed; it runs {use}."
    return Finding(subject, "ok" if entry.optional else "bad", text, f"If you want it: {remedy}.")
