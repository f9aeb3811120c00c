"""Clutter of other programs is recognised by its name, and no name of a sample counts as clutter."""

import time
import unicodedata

import pytest

from eisync.core.clutter import CONFLICT, DESKTOP, README, what_lies_in, why_no_sample


@pytest.mark.parametrize(
    "name",
    [
        "README",
        "README.txt",
        "readme.csv",
        "ReadMe.JSON",
        "README.dataset.txt",
        "README.roboflow.txt",
        "readme_first.txt",
        "README-en.txt",
        "readme1st.txt",
        "dataset_readme.txt",
        "2026 README.txt",
        "00README.txt",
    ],
)
def test_a_readme_is_no_sample(name: str) -> None:
    assert README == why_no_sample(name)


@pytest.mark.parametrize(
    "name",
    ["Thumbs.db", "thumbs.db", "ehthumbs.db", "Desktop.ini", "desktop.INI", ".DS_Store", "._wave.1.wav", "Icon\r"],
)
def test_a_desktop_file_is_no_sample(name: str) -> None:
    assert DESKTOP == why_no_sample(name)


@pytest.mark.parametrize(
    "name",
    [
        # Syncthing
        "wave.1.sync-conflict-20260101-101010-ABCDEFG.csv",
        "wave.1.sync-conflict-20260101-101010.csv",
        "wave.sync-conflict-20260101-101010-ABCDEFG.sync-conflict-20260102-101010-ABCDEFG.csv",
        # Dropbox, and programs with the same names
        "wave.1 (conflicted copy 2026-01-01).csv",
        "wave.1 (Ann's conflicted copy 2026-01-01).csv",
        "wave.1 (Ann's conflicted copy).csv",
        "wave.1 (ann-pc's conflicted copy 2026-01-01 (1)).csv",
        "wave.1 (Ann's conflicted copy 2026-01-01)(1).csv",
        "wave.1 (Conflicted copy 2015-10-01 for jsmith).csv",
        "wave.1 (Case Conflict).csv",
        "wave.1 (case conflict 1).csv",
        "wave.1 (Selective Sync Conflict).csv",
        "wave.1 (Unicode Encoding Conflict).csv",
        # in other languages
        "wave.1 (In Konflikt stehende Kopie von Ann 2026-01-01).csv",
        "wave.1 (Anns in Konflikt stehende Kopie 2026-01-01).csv",
        "wave.1 (Konfliktkopie 2026-01-01).csv",
        "wave.1 (Konflikt-Kopie Ann).csv",
        "wave.1 (Copie en conflit de Ann 2026-01-01).csv",
        "wave.1 (copia en conflicto de Ann 2026-01-01).csv",
        "wave.1 (Copia conflictiva de Ann).csv",
        "wave.1 (copia in conflitto di Ann).csv",
        "wave.1 (cópia em conflito de Ann 2026-01-01).csv",
        "wave.1 (co\u0301pia em conflito de Ann).csv",
        "wave.1 (kopia powodująca konflikt użytkownika Ann 2026-01-01).csv",
        "wave.1 (конфликтующая копия Ann 2026-01-01).csv",
        "wave.1 (конфліктна копія Ann).csv",
        "wave.1 (Ann の競合コピー 2023-10-29).csv",
        "wave.1 (Ann 上の問題のあるコピー 2023-10-29).csv",
        "wave.1(Ann-Windows的冲突副本1_2026-06-26 02-11-37).csv",
        "wave.1（Ann 的衝突複本 2026-06-26）.csv",
        "wave.1 (Ann의 충돌된 복사본 2026-06-26).csv",
        # Nextcloud, ownCloud, OpenCloud
        "wave.1 (conflicted copy 2026-01-01 101010).csv",
        "wave.1 (conflicted copy ann 2026-01-01 101010).csv",
        "wave.1 (case clash from 2026-01-01 101010).csv",
        "wave.1_conflict-20260101-101010.csv",
        "wave.1_conflict-ann-20260101-101010.csv",
        # Seafile, pCloud, Resilio, Google Drive, Synology Drive, rclone, Cozy
        "wave.1 (SFConflict ann@example.org 2026-01-01-10-10-10).csv",
        "wave.1 [conflicted].csv",
        "wave.1 [conflicted 2].csv",
        "wave.1 (conflicted).csv",
        "wave.1.Conflict.csv",
        "wave.1.Conflict.Conflict.csv",
        "wave.1.Conflict1.csv",
        "wave.1 [Conflict].csv",
        "wave_Andy-PC_Jan-03-0901-2013_CaseConflict_1.csv",
        "wave_Andy-PC_Jan-03-0901-2013_Conflict.csv",
        "wave.1.conflict1.csv",
        "wave.1-cozy-conflict-2017-10-10T101010.csv",
    ],
)
def test_a_conflict_copy_is_no_sample(name: str) -> None:
    assert CONFLICT == why_no_sample(name)
    assert CONFLICT == why_no_sample(name.upper().replace(".CSV", ".csv")) or "Conflict." in name


@pytest.mark.parametrize(
    "name",
    [
        "wave.01.csv",
        "wave (1).csv",
        "wave-LAPTOP.csv",
        "wave 2.csv",
        "wave (copy).csv",
        "wave (copy 2026-01-01).csv",
        "wave (2026-01-01).csv",
        "conflict.1.csv",
        "conflict.2026-01-01.csv",
        "scene (conflict).1.csv",
        "scene (conflict resolution).1.csv",
        "conflict 2026.csv",
        "conflicted.csv",
        "scene.conflict.csv",
        "конфликт.1.csv",
        "confident.1.csv",
        "Kopie von wave.csv",
        "ready.me.csv",
        "read.me.1.csv",
        "spreadmeter.1.csv",
        "breadme.csv",
        "thumbs.1.jpg",
        "desktop.1.csv",
        ".testing.csv",
        "左.01.csv",
        "odd\udcff.csv",
        "",
    ],
)
def test_other_names_may_be_samples(name: str) -> None:
    assert why_no_sample(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "@eaDir",
        "@EADIR",
        "#recycle",
        "#Recycle",
        "#snapshot",
        "@tmp",
        "@sharesnap",
        "@Recycle",
        "@Recently-Snapshot",
        "@sharebin",
        ".@__thumb",
        "$RECYCLE.BIN",
        "$Recycle.Bin",
        "RECYCLER",
        "System Volume Information",
        "lost+found",
        "found.000",
        ".Trash",
        ".Trashes",
        ".Trash-1000",
        ".snapshot",
        "~snapshot",
        ".zfs",
        "Network Trash Folder",
        "Network Recycle Bin 1",
        "Temporary Items",
        "__MACOSX",
        ".AppleDouble",
        ".Spotlight-V100",
        ".fseventsd",
        ".stversions",
        ".stfolder",
        ".sync",
        ".dropbox.cache",
    ],
)
def test_folders_of_other_programs_contain_no_samples(name: str) -> None:
    assert what_lies_in(name) is not None


@pytest.mark.parametrize(
    "name",
    [
        "recycler",
        "Recycled",
        "recycle",
        "trash",
        "Trash",
        "snapshot",
        "#1",
        "@home",
        "tmp",
        "lost",
        "found",
        "day 1",
        "",
    ],
)
def test_other_folders_may_contain_samples(name: str) -> None:
    assert what_lies_in(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "(" * 255,
        "(conflict" * 28,
        "_conflict-" * 25,
        "." * 255,
        "_readme" * 36,
        "(" + "conflict " * 28,
        "[" + "競合" * 120,
    ],
)
def test_no_name_takes_long(name: str) -> None:
    began_at = time.perf_counter()
    why_no_sample(name)
    what_lies_in(name)
    assert time.perf_counter() - began_at < 0.05


@pytest.mark.parametrize("name", ["wave.1 (Ann의 충돌하는 사본 2026-01-01).csv", "wave.1 (競合コピー 2026-01-01).csv"])
def test_a_conflict_copy_is_recognised_in_both_unicode_forms(name: str) -> None:
    assert [CONFLICT, CONFLICT] == [why_no_sample(unicodedata.normalize(form, name)) for form in ("NFC", "NFD")]


@pytest.mark.parametrize("name", ["a.jpg@SynoEAStream", "a.wav@SynoResource", "a.csv@synoeadir"])
def test_files_that_a_nas_keeps_beside_others_are_recognised(name: str) -> None:
    assert "a file that a NAS keeps for itself" == why_no_sample(name)
