"""Before a model is downloaded: says which component it needs that is not installed, or installs that too."""

from typing import TYPE_CHECKING

from spark_engine.cli.following import installed
from spark_engine.cli.progress import progress_bar
from spark_engine.cli.shell import Shell
from spark_engine.types.quantities import size

if TYPE_CHECKING:
    from spark_engine.client.http import SparkClient


async def made_ready(shell: Shell, client: "SparkClient", model: str, *, install: bool) -> bool:
    """Whether what is going to be downloaded can be loaded then; with `install`, what is missing for it is installed
    first."""
    offer = await client.offers(model)
    chosen = next(v for v in offer.variants if v.slug == offer.chosen)
    if chosen.component is None or chosen.installed:
        return True
    component = (await client.state()).components[chosen.component]
    if not install:
        shell.terminal.note(
            f"{chosen.id} needs the component {component.name} ({size(component.download_bytes)} to download) to run, "
            f"which is not installed: `spark backends install {component.id}`, or pull with --install."
        )
        return False
    with progress_bar(shell.terminal, f"Installing {component.name}") as bar:
        await installed(client, component.id, bar.show_installing)
    return True
