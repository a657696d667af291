"""Reads pip's output as it comes: how far an installation is, in a fraction and a phrase for people."""

import re

_COLLECTING = re.compile(r"^\s*Collecting ([A-Za-z0-9._-]+)")
_DOWNLOADING = re.compile(r"^\s*(?:Downloading|Using cached) (\S+) \(([0-9.]+) ([kMG]?B)\)")
_PROGRESS = re.compile(r"^\s*Progress (\d+) of (\d+)$")
_PREPARING = re.compile(
    r"^\s*(?:Installing build dependencies|Getting requirements to build|Preparing metadata)"
)
_CONFIGURING = re.compile(r"\*\*\* Configuring CMake")
_BUILT = re.compile(r"^\s*\[(\d+)/(\d+)\] ")
_INSTALLING = re.compile(r"^\s*Installing collected packages: (.+)")
_UNITS = {"B": 1, "kB": 1000, "MB": 1_000_000, "GB": 1_000_000_000}
# A build takes minutes where its download takes seconds, so it gets most of the bar.
_BUILD_FROM, _DOWNLOAD_TO, _INSTALL_AT = 0.1, 0.85, 0.9


class PipProgress:
    """Fed with lines, it keeps `fraction` (0..1, never falling) and `step`."""

    def __init__(self, expected_bytes: int, builds: bool) -> None:
        self.fraction, self.step = 0.0, "asking for the list of packages"
        self._expected = max(expected_bytes, 1)
        self._builds = builds
        self._download_to = _BUILD_FROM if builds else _DOWNLOAD_TO
        self._done_bytes = self._file_bytes = 0

    def feed(self, line: str) -> bool:
        """Take a line of output; whether fraction or step changed."""
        before = self.fraction, self.step
        if match := _PROGRESS.match(line):
            self._file_progress(int(match[1]), int(match[2]))
        elif match := _DOWNLOADING.match(line):
            self._file_begins(match[1], match[2], match[3])
        elif match := _COLLECTING.match(line):
            self.step = f"collecting {match[1]}"
        elif match := _BUILT.match(line):
            done, total = int(match[1]), int(match[2])
            self._reach(_BUILD_FROM + (1 - _BUILD_FROM) * done / total, f"building, {done} of {total}")
        elif match := _INSTALLING.match(line):
            self._installs(len(match[1].split(",")))
        elif _PREPARING.match(line):
            self.step = "preparing the build"
        elif _CONFIGURING.search(line):
            self._reach(_BUILD_FROM, "configuring the build")
        return before != (self.fraction, self.step)

    def _installs(self, count: int) -> None:
        """The end of an installation; in the middle of a build it is the build's own tools that are installed."""
        if not self._builds:
            self._reach(_INSTALL_AT, f"installing {count} package{'s' if count > 1 else ''}")

    def _file_begins(self, name: str, size: str, unit: str) -> None:
        self._done_bytes += self._file_bytes
        self._file_bytes = int(float(size) * _UNITS[unit])
        package = name.rsplit("/", 1)[-1].partition("-")[0]
        self._reach(self._downloaded(0), f"downloading {package} ({size} {unit})")

    def _file_progress(self, done: int, total: int) -> None:
        self._file_bytes = max(self._file_bytes, total)
        self._reach(self._downloaded(done), self.step)

    def _downloaded(self, of_file: int) -> float:
        return self._download_to * min(1.0, (self._done_bytes + of_file) / self._expected)

    def _reach(self, fraction: float, step: str) -> None:
        self.fraction, self.step = max(self.fraction, min(fraction, 1.0)), step
