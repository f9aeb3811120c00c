"""Check that the watched folders can be watched, and that no two of them share a file."""

import os
import stat

from eisync.settings.problems import Location, Problems


class Roots:
    """The folders so far. Two of them must not share a file, because it would be sent twice, with two labels."""

    def __init__(self, faults: Problems) -> None:
        self._faults = faults
        self._real: list[tuple[str, str]] = []

    def add(self, path: str, location: Location, *, argument: str = "", must_exist: bool = True) -> None:
        """Check one more folder, from the table at `location` or from the `argument` of the command line."""

        def fault(what: str) -> None:
            if argument:
                self._faults.say(f"{argument}: {what}")
            else:
                self._faults.add((*location, "path"), what)

        if must_exist:
            what = _folder_fault(path)
            if what:
                fault(what)
        real = os.path.realpath(path)
        for other_real, other in self._real:
            if real == other_real:
                fault(f"{path} is watched already: name each folder once")
            elif contains(other_real, real):
                fault(f"{path} lies inside {other}, which is watched with all its folders: keep one of the two")
            elif contains(real, other_real):
                fault(f"{path} contains {other}, which is watched already: keep one of the two")
        self._real.append((real, path))

    def add_archive(self, path: str, location: Location, *, argument: str = "") -> None:
        """Check an archive, after all folders were added. Files in a watched folder would be uploaded again."""
        real = os.path.realpath(path)
        for other_real, other in self._real:
            if real == other_real:
                what = f"the archive {path} is a watched folder: name a folder outside it"
            elif contains(other_real, real):
                what = f"the archive {path} lies inside {other}, which is watched: name a folder outside it"
            elif contains(real, other_real):
                what = f"the archive {path} contains {other}, which is watched: name a folder outside it"
            else:
                continue
            if argument:
                self._faults.say(f"{argument}: {what}")
            else:
                self._faults.add((*location, "after_upload"), what)
            return


def _folder_fault(path: str) -> str | None:
    """Return why `path` cannot be watched; None when it can."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return f"there is no folder {path}: create it, or correct the path"
    except OSError as error:
        return f"{path} cannot be accessed: {error.strerror or error}"
    if not stat.S_ISDIR(mode):
        return f"{path} is not a folder: name the folder that contains the files"
    if not os.access(path, os.R_OK | os.X_OK):
        return f"the user who runs eisync may not read the folder {path}: change its permissions"
    return None


def contains(folder: str, path: str) -> bool:
    """Return whether `path` is anywhere below `folder`. Both must be without links."""
    return path.startswith(os.path.join(folder, ""))
