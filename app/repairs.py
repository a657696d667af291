"""What the window does when somebody presses a problem's button."""

from app.dashboard.context import Context
from spark_engine.types.health import Repair


def carry_out(repair: Repair, context: Context) -> None:
    """Do what the button says; what comes of it arrives as events."""
    actions, about = context.actions, repair.argument
    match repair.intent:
        case "load":
            actions.load(about)
        case "install":
            actions.install(about)
        case "resume_download":
            actions.resume_download(about)
        case "free_memory":
            actions.free_memory()
        case "rescan":
            actions.rescan()
        case "resume":
            actions.resume_serving()
        case "resume_app":
            actions.resume_app(about)
        case "open_folder":
            actions.show_folder(about)
        case "open_page":
            context.go(about)
