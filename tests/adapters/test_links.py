"""Real links, as a scan, an inventory and a query for one file report them."""

import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eisync.adapters.files import folder_walk
from eisync.adapters.files.folder_walk import walk
from eisync.adapters.files.inventory import Found, found_at, found_behind_link, inventory
from eisync.core.ignore import IgnoreRules, Leads, why_left_out

ANYTHING = IgnoreRules()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A watched folder with links of every kind, and a folder outside with their targets."""
    outside, root = tmp_path / "outside", tmp_path / "root"
    (outside / "day").mkdir(parents=True)
    (outside / "day" / "a.csv").write_text("1")
    (root / "own" / ".cache").mkdir(parents=True)
    (root / "own" / "b.csv").write_text("2")
    (root / "own" / ".cache" / "c.csv").write_text("3")
    for name, target in {
        "file.csv": outside / "day" / "a.csv",
        "folder": outside / "day",
        "folder.csv": outside / "day",
        "inner.csv": Path("own/b.csv"),
        "hidden.csv": Path("own/.cache/c.csv"),
        "inner": Path("own"),
        "above": Path(".."),
        "self": Path("."),
        "broken.csv": Path("nowhere/at all.csv"),
        "circle.csv": Path("circle.csv"),
        "device.csv": Path("/dev/null"),
        "notes.doc": outside / "day" / "a.csv",
        "half.csv.part": outside / "day" / "a.csv",
        "info.labels": outside / "day" / "a.csv",
        "old": outside / "day",
    }.items():
        (root / name).symlink_to(target)
    return root


def reasons(root: Path, eligibility: IgnoreRules = ANYTHING) -> dict[str, str]:
    found = [one for one in inventory(str(root), eligibility) if isinstance(one, Found)]
    assert len(found) == len({one.path for one in found})
    return {one.path: one.left_out or "" for one in found}


def expected_reasons(root: Path, *, by_name: bool) -> dict[str, str]:
    """Return the expected reason for each link, with its target or without."""
    outside, own = os.path.realpath(root.parent / "outside"), os.path.realpath(root / "own")
    links = {
        "file.csv": (Leads.TO_FILE, f"{outside}/day/a.csv", False),
        "folder": (Leads.TO_FOLDER, f"{outside}/day", False),
        "folder.csv": (Leads.TO_FOLDER, f"{outside}/day", False),
        "inner.csv": (Leads.TO_FILE, f"{own}/b.csv", True),
        "hidden.csv": (Leads.TO_FILE, f"{own}/.cache/c.csv", False),
        "inner": (Leads.TO_FOLDER, own, True),
        "above": (Leads.UPWARDS, os.path.realpath(root.parent), False),
        "self": (Leads.UPWARDS, os.path.realpath(root), False),
        "broken.csv": (Leads.NOWHERE, f"{os.path.realpath(root)}/nowhere/at all.csv", False),
        "circle.csv": (Leads.IN_A_CIRCLE, None, False),
        "device.csv": (Leads.TO_OTHER, "/dev/null", False),
        "info.labels": (Leads.TO_FILE, f"{outside}/day/a.csv", False),
    }
    return {
        path: why_left_out(leads, target=target if by_name else None, is_uploaded=is_uploaded)
        for path, (leads, target, is_uploaded) in links.items()
    } | {
        "notes.doc": "not a type that Edge Impulse takes (.doc)",
        "half.csv.part": "ignored by the pattern '*.part'",
        "old": "ignored by the pattern 'old/'",
    }


def test_an_inventory_names_what_each_link_leads_to(root: Path) -> None:
    others = {"own/b.csv": "", "own/.cache/c.csv": "ignored by the pattern '.*'"}
    assert {**expected_reasons(root, by_name=True), **others} == reasons(root, IgnoreRules(["old/"]))


def test_a_scan_counts_links_of_a_kind_together(root: Path) -> None:
    folders = list(walk(str(root), IgnoreRules(["old/"])))
    assert {"", "own"} == {folder.path for folder in folders}
    assert expected_reasons(root, by_name=False) == {path: why for folder in folders for path, why in folder.left_out}


@pytest.mark.parametrize("below", ["folder", "folder/deeper", "inner"])
def test_an_audit_behind_a_link_reports_the_link_alone(root: Path, below: str) -> None:
    (found,) = inventory(str(root), ANYTHING, below=below)
    assert isinstance(found, Found)
    assert below.split("/")[0] == found.path
    assert "it is a link to the folder" in str(found.left_out)


def test_a_file_behind_a_link_is_reported_by_that_link(root: Path) -> None:
    found = found_behind_link(str(root), "folder/a.csv", ANYTHING)
    assert found is not None
    assert str(found.left_out).startswith("it is reached through folder: it is a link to the folder ")
    assert found_behind_link(str(root), "own/b.csv", ANYTHING) is None
    assert found_behind_link(str(root), "file.csv", ANYTHING) is None


def test_a_path_that_the_user_may_not_read_is_reported(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_place: str) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", refused)
    found = found_at(str(root), "file.csv", ANYTHING)
    assert found is not None
    assert "that eisync's user cannot access" in str(found.left_out)


@pytest.mark.parametrize(
    ("tag", "target", "is_link"),
    [
        (folder_walk._MOUNT_POINT, "\\\\?\\C:\\Users\\ann\\recordings", True),
        (folder_walk._MOUNT_POINT, "\\\\?\\Volume{3558506b-6ae4-11eb-8698-806e6f6e6963}\\", False),
        (0x9000601A, "", False),  # a file of OneDrive that is in the cloud
        (0, "", False),
    ],
)
def test_a_junction_of_windows_is_a_link_and_a_mounted_disk_is_none(
    monkeypatch: pytest.MonkeyPatch, tag: int, target: str, is_link: bool
) -> None:
    monkeypatch.setattr(os, "readlink", lambda _place: target)
    status: Any = SimpleNamespace(st_mode=stat.S_IFDIR, st_reparse_tag=tag)
    assert is_link is folder_walk.is_link(status, "C:\\watched\\day")
