"""Watch folders, as those of PATH, and keep the list of programs in them: one machine for all, and one for each folder.

Folders are looked at every second. A change refreshes the list of its folder, but at most once in five seconds: what
comes sooner is debounced, and done when that time is over. AllRefreshed is automatic, and its AllRefreshedEnter refuses
while a folder is not up to date. Time comes from a clock that is handed in, so a test turns it by hand.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from trellis import Machine
from trellis.hosts.clock import Clock
from trellis.machine import Schema, State, Transition
from trellis.testing import ManualClock

EVERY, DEBOUNCE = 1.0, 5.0


class Folders(Schema):
    """All folders together."""

    Watching = State()
    Refreshing = State(multi=True, require=[Watching], remove=["AllRefreshed"])
    AllRefreshed = State(auto=True, require=[Watching])


class Folder(Schema):
    """One folder: always in one of three states, and known from the first refresh on."""

    Stale = State(auto=True, remove=["Refreshed", "Debounced"])
    Refreshed = State(add=["Known"], remove=[Stale, "Debounced"])
    Debounced = State(require=["Known"], remove=[Stale, Refreshed])
    Known = State()


class Watcher:
    """Handlers of the machine of all folders; the folders have none."""

    def __init__(self, folders: list[Path], clock: Clock) -> None:
        self.clock = clock
        self.machine = Machine(Folders, id="watcher")
        self.folders = {folder: Machine(Folder, id=folder.name, parent=self.machine) for folder in folders}
        self.programs: dict[Path, list[str]] = {folder: [] for folder in folders}
        self.refreshed: dict[Path, float] = {}
        self.machine.bind(self)

    def WatchingState(self, event: Transition) -> None:
        for folder in self.folders:
            event.add(Folders.Refreshing, folder=folder)
        self.clock.alarm(EVERY, self.look)

    def look(self) -> None:
        """Ask for what has changed, and look again in a while."""
        if self.machine.is_(Folders.Watching):
            for folder, programs in self.programs.items():
                if programs != programs_in(folder):
                    self.refresh(folder)
            self.clock.alarm(EVERY, self.look)

    def refresh(self, folder: Path, late: bool = False) -> None:
        """Ask for one folder; `late`: its time of debounce is over."""
        self.machine.add(Folders.Refreshing, folder=folder, late=late)

    def RefreshingEnter(self, event: Transition, folder: Path, late: bool = False) -> bool:
        return late or self.folders[folder].not_(Folder.Debounced)

    def RefreshingState(self, event: Transition, folder: Path, late: bool = False) -> None:
        state, left = self.folders[folder], self.refreshed.get(folder, -DEBOUNCE) + DEBOUNCE - self.clock.now()
        if left > 0 and not late:
            state.add(Folder.Debounced)
            self.clock.alarm(left, partial(self.refresh, folder, late=True))
            print(f"  {folder.name} is refreshed in {left:g} s")
        else:
            self.programs[folder], self.refreshed[folder] = programs_in(folder), self.clock.now()
            state.add(Folder.Refreshed)
            print(f"  {folder.name}: {' '.join(self.programs[folder])}".rstrip())
        event.remove(Folders.Refreshing)

    def AllRefreshedEnter(self, event: Transition) -> bool:
        return all(state.is_(Folder.Refreshed) for state in self.folders.values())

    def AllRefreshedState(self, event: Transition) -> None:
        print(f"  all refreshed: {sum(map(len, self.programs.values()))} programs")


def programs_in(folder: Path) -> list[str]:
    """The names of the files there that may be run."""
    return sorted(file.name for file in folder.iterdir() if file.is_file() and file.stat().st_mode & 0o111)


def main() -> Watcher:
    """Two folders, three programs that appear, and twelve seconds on a clock that is turned by hand."""
    with tempfile.TemporaryDirectory() as home:
        folders = [Path(home, name) for name in ("bin", "tools")]
        for folder in folders:
            folder.mkdir()
        clock = ManualClock()
        watcher = Watcher(folders, clock)
        watcher.machine.add(Folders.Watching)
        for seconds, name in ((2, "bin/cut"), (2, "bin/paste"), (8, "tools/lathe")):
            print(f"{name} appears, {seconds} s pass")
            Path(home, name).touch(0o755)
            clock.advance(seconds)
        watcher.machine.remove(Folders.Watching)
        print(f"stopped: {watcher.machine.string_all()}")
    return watcher


if __name__ == "__main__":
    main()
