"""Recognise by name what other programs keep in a shared folder and what is no sample.

These are readmes, files and folders of a NAS or a desktop, and conflict copies of sync programs. Letter case does not
matter if the system that makes the name ignores it. Only names that a person hardly gives to a sample are recognised:
`Filename (1).csv` (Google Drive) and `Filename-LAPTOP.csv` (OneDrive) may be samples, so they are uploaded.

A conflict copy has a mark in brackets, in the language of the program's user, with the word for *copy* or a date:
`(Konfliktkopie …)`, `(copie en conflit de …)`, `(SFConflict ann 2026-01-01-10-10-10)`. A name with only the word, such
as `scene (conflict).1.csv`, is no conflict copy. Folders never count as conflict copies, because their content may
exist nowhere else.

Sources: edge-impulse-cli `cli-common/fs-helpers.ts` (leaves out what has `readme` in its name); Syncthing
`lib/model/folder_sendreceive.go` (`.sync-conflict-`); owncloud/client#6417 and nextcloud/desktop
`src/common/utility.cpp` (`_conflict-`, `(conflicted copy`, `(case clash from`); help.dropbox.com
`/syncing-uploads/conflicted-copy`; maestral `sync.py` (`(selective sync conflict)`); haiwen/seafile (`SFConflict`);
help.resilio.com 204753629 (`.Conflict`); rcfa/pCloudSync-deconflict (`[conflicted]`); kb.synology.com
`Synology_Drive_file_conflict_resolution`; rclone bisync (`.conflict1`). Folders: photoview/photoview#32 and #430,
immich-app/immich#30690, github/gitignore `Global/macOS.gitignore` and `Global/Windows.gitignore`.
"""

import re
import unicodedata
from functools import lru_cache

README = "a readme, not a sample"
CONFLICT = "a conflict copy made by a sync program, next to the original file"
DESKTOP = "a file that the desktop keeps for itself"

_NAS = "a NAS keeps thumbnails and its own files"
_BIN = "deleted files lie"
_SNAPSHOT = "snapshots of the folder lie"
_DESKTOP = "the desktop keeps its own files"
_SYSTEM = "the system keeps its own files"
_RECOVERED = "a disk check puts what it recovered"

_FOLDERS = {
    # Synology, and those that follow it
    "@eadir": _NAS,
    "@tmp": _NAS,
    "@synoeastream": _NAS,
    "@synoresource": _NAS,
    "@appstore": _NAS,
    "@database": _NAS,
    "#recycle": _BIN,
    "#snapshot": _SNAPSHOT,
    "@sharesnap": _SNAPSHOT,
    # QNAP
    "@recycle": _BIN,
    "@sharebin": _BIN,
    "@recently-snapshot": _SNAPSHOT,
    "@transcode": _NAS,
    ".@__thumb": _NAS,
    # Windows
    "$recycle.bin": _BIN,
    "system volume information": _SYSTEM,
    "$extend": _SYSTEM,
    # NetApp, ZFS, snapper, Samba
    "~snapshot": _SNAPSHOT,
    ".snapshot": _SNAPSHOT,
    ".snapshots": _SNAPSHOT,
    ".zfs": _SNAPSHOT,
    ".recycle": _BIN,
    # Linux
    "lost+found": _RECOVERED,
    # macOS
    "network trash folder": _BIN,
    "temporary items": _DESKTOP,
    "__macosx": _DESKTOP,
    ".appledouble": _DESKTOP,
    ".spotlight-v100": _DESKTOP,
    ".fseventsd": _DESKTOP,
    ".temporaryitems": _DESKTOP,
    ".documentrevisions-v100": _DESKTOP,
    # sync programs
    ".stversions": "Syncthing keeps earlier versions",
    ".stfolder": "Syncthing keeps its own files",
    ".sync": "Resilio Sync keeps its own files",
    ".synctrash": _BIN,
    ".dropbox.cache": "Dropbox keeps its own files",
    ".owncloudsync": "a sync program keeps its own files",
}
_EXACTLY = {"RECYCLER": _BIN, "RECYCLED": _BIN}
"""Names of Windows XP and before. In another letter case they may be the name of a class."""

_KINDS_OF_FOLDERS = (
    (re.compile(r"\.trash(?:es|box|-\d+)?$"), _BIN),
    (re.compile(r"network recycle bin(?: \d+)?$"), _BIN),
    (re.compile(r"found\.\d{3}$"), _RECOVERED),
)
_FILES = frozenset(
    {"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", ".ds_store", "icon\r", "autorun.inf"}
)
_OF_A_NAS = ("@synoeastream", "@synoresource", "@synoeadir")

_IS_README = re.compile(r"\d*readme|.*[\W_]readme(?![^\W_])")

_DAY = r"(?:19|20)\d\d-?[01]\d-?[0-3]\d"
_MAY_BE_CONFLICT = re.compile(r"конфл|競合|衝突|冲突|충돌|問題のある")
_IN_BRACKETS = re.compile(r"[(\[（【]((?:[^()\[\]（）【】]|\([^()]*\))+)[)\]）】]")
_CONFLICT_WORD = re.compile(r"conflic|conflit|konflik|конфл|競合|衝突|冲突|충돌|問題のある")
_COPY_OR_DAY = re.compile(rf"cop[iy]|cópia|kopi|копи|копі|コピー|副本|複本|복사본|{_DAY}")
_OF_ONE_KIND = re.compile(
    r"case clash from |(?:conflicted|(?:case|selective sync|unicode encoding|white ?space) conflict)(?: \d+)?$"
)
_BEHIND_THE_NAME = re.compile(
    rf"[-_. ](?:sync-|cozy-)?conflict-(?:[^./]{{1,64}}-)?{_DAY}"
    r"|\.conflict\d{1,3}(?=\.[^.]+$|$)"
    r"|_[a-z]{3}-\d\d-\d{4}-\d{4}_[a-z]*conflict(?=[_.]|$)"
    r"|\[conflict\]"
)
_RESILIO = re.compile(r"\.Conflict(?=\.[^.]+$|$)")


def why_no_sample(name: str) -> str | None:
    """Return one clause that says why a file of this name is no sample; None when it may be one.

    >>> why_no_sample("wave.1 (conflicted copy 2026-01-01).csv")
    'a conflict copy made by a sync program, next to the original file'
    """
    low = name.lower() if name.isascii() else unicodedata.normalize("NFC", name).lower()
    if low in _FILES or (low[:2] == "._" and len(low) > 2):
        return DESKTOP
    if "readme" in low and _IS_README.match(low):
        return README
    if low.endswith(_OF_A_NAS):
        return "a file that a NAS keeps for itself"
    return CONFLICT if _may_be_conflict(low) and _is_conflict_copy(name, low) else None


@lru_cache(maxsize=1024)  # it is asked for every file, and files share folders
def what_lies_in(name: str) -> str | None:
    """Return what a folder of this name is for, as the clause after "where"; None when it may contain samples.

    >>> what_lies_in("@eaDir")
    'a NAS keeps thumbnails and its own files'
    """
    low = name.lower()
    known = _FOLDERS.get(low) or _EXACTLY.get(name)
    if known is not None:
        return known
    return next((what for kind, what in _KINDS_OF_FOLDERS if kind.match(low)), None)


def _may_be_conflict(low: str) -> bool:
    """Return whether the name has a word for *conflict*. This quick check runs for every file."""
    if "onfli" in low or "case clash" in low:
        return True
    return not low.isascii() and _MAY_BE_CONFLICT.search(low) is not None


def _is_conflict_copy(name: str, low: str) -> bool:
    """Return whether a sync program made this name from another one. `low` is the name in lower case and NFC."""
    if _BEHIND_THE_NAME.search(low) or _RESILIO.search(name):
        return True
    return any(map(_says_conflict, _IN_BRACKETS.findall(low)))


def _says_conflict(inner: str) -> bool:
    """Return whether the text in brackets is the mark of a conflict copy."""
    if _OF_ONE_KIND.match(inner):
        return True
    return bool(_CONFLICT_WORD.search(inner) and _COPY_OR_DAY.search(inner))
