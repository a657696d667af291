"""Qt's system libraries: what is missing, and the one command for it."""

import pytest

from installer import system_packages
from installer.console import Console, SetupError


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Linux machine without OpenGL and without the cursor library."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(
        system_packages, "_loads", lambda library: library not in ("libGL.so.1", "libxcb-cursor.so.0")
    )


def test_a_library_that_is_nowhere_does_not_load():
    assert not system_packages._loads("libspark-no-such-library.so.1")


@pytest.mark.usefixtures("lacking")
def test_a_window_needs_more_than_no_window():
    assert system_packages.missing(window=False) == {"libGL.so.1": "libgl1"}
    assert set(system_packages.missing(window=True).values()) == {"libgl1", "libxcb-cursor0"}


@pytest.mark.usefixtures("lacking")
def test_other_systems_bring_them_along(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.platform", "darwin")
    assert system_packages.missing(window=True) == {}


@pytest.mark.usefixtures("lacking")
def test_who_may_not_install_gets_the_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(system_packages, "_is_root", lambda: False)
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/apt-get")
    with pytest.raises(SetupError, match="sudo apt-get install -y libgl1 fonts-dejavu-core"):
        system_packages.ensure(Console(), window=False)


@pytest.mark.usefixtures("lacking")
def test_root_installs_after_updating_the_lists(monkeypatch: pytest.MonkeyPatch):
    ran: list[tuple[str, ...]] = []

    def apt(arguments: list[str], console: Console) -> bool:
        ran.append(tuple(arguments))
        if arguments[0] == "install" and len(ran) > 1:
            monkeypatch.setattr(system_packages, "_loads", lambda library: True)
        return len(ran) > 1

    monkeypatch.setattr(system_packages, "_may_install", lambda: True)
    monkeypatch.setattr(system_packages, "_apt", apt)
    system_packages.ensure(Console(), window=False)
    assert [a[0] for a in ran] == ["install", "update", "install"]


def test_nothing_is_done_where_nothing_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(system_packages, "missing", lambda *, window: {})
    monkeypatch.setattr(system_packages, "_apt", lambda arguments, console: pytest.fail("apt was called"))
    system_packages.ensure(Console(), window=True)


@pytest.mark.usefixtures("lacking")
def test_tests_of_a_real_window_need_programs_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "shutil.which", lambda name: None if name in ("Xvfb", "dbus-daemon") else f"/bin/{name}"
    )
    assert set(system_packages.missing_screen().values()) == {"xvfb", "dbus", "libgl1", "libxcb-cursor0"}
    monkeypatch.setattr("sys.platform", "darwin")
    assert system_packages.missing_screen() == {}


@pytest.mark.usefixtures("lacking")
def test_without_the_right_to_install_a_screen_its_tests_are_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(system_packages, "_is_root", lambda: False)
    monkeypatch.setattr(system_packages, "_apt", lambda arguments, console: pytest.fail("apt was called"))
    system_packages.add_screen(Console())
    assert "are left out" in capsys.readouterr().out


@pytest.mark.usefixtures("lacking")
def test_a_screen_is_installed_where_that_is_possible(monkeypatch: pytest.MonkeyPatch):
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(system_packages, "_may_install", lambda: True)
    monkeypatch.setattr(
        system_packages, "_apt", lambda arguments, console: ran.append(tuple(arguments)) or True
    )
    monkeypatch.setattr("shutil.which", lambda name: None if name == "trayer" else f"/bin/{name}")
    system_packages.add_screen(Console())
    assert len(ran) == 1 and "trayer" in ran[0]
