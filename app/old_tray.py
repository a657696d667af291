"""Whether a panel shows tray icons the old way (XEmbed): asked of the X server, for Qt asked once keeps to that way."""

import ctypes

_LIBRARY = "libX11.so.6"


def has_old_tray() -> bool:
    """Whether the screen of DISPLAY has such a panel; False where that cannot be told."""
    try:
        x11 = ctypes.CDLL(_LIBRARY)
    except OSError:
        return False
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = x11.XGetSelectionOwner.restype = ctypes.c_ulong
    opened = x11.XOpenDisplay(None)
    if not opened:
        return False
    display = ctypes.c_void_p(opened)
    name = f"_NET_SYSTEM_TRAY_S{x11.XDefaultScreen(display)}".encode()
    tray = ctypes.c_ulong(x11.XInternAtom(display, name, 0))
    owner = x11.XGetSelectionOwner(display, tray)
    x11.XCloseDisplay(display)
    return bool(owner)
