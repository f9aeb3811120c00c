"""The state folder is ours alone: nothing of it is reached through a link, read by others, or used once it is gone."""

import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eisync.control import local_socket
from eisync.errors import StateError, StateLostError
from eisync.store import state_folder
from eisync.store.database import Database, open_database
from eisync.store.state_folder import OWN_NAMES, SOCKET_NAME, claim_folder, open_private, write_anew, write_holder

WORDS = b"somebody's words" * 100


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Database]:
    database, _ = open_database(str(tmp_path / "state"), exclusive=True)
    yield database
    database.close()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_every_file_is_for_its_owner_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "made" / "state"
    database, _ = open_database(str(folder), exclusive=True)
    write_holder(str(folder), pid=1)
    with database.transaction(survives_power_cut=True) as connection:
        connection.execute("create table if not exists t (x)")
    server, _ = local_socket.listen(str(folder))
    try:
        assert {"eisync.db", "eisync.db-wal", "holder", SOCKET_NAME} <= set(os.listdir(folder))
        assert dict.fromkeys(os.listdir(folder), 384) == {one.name: mode(one) for one in folder.iterdir()}
        assert 0o700 == mode(folder)
        assert not mode(folder.parent) & 0o022
    finally:
        server.close()
        database.close()


def test_files_that_others_could_read_are_closed_to_them(tmp_path: Path) -> None:
    database, _ = open_database(str(tmp_path), exclusive=True)
    write_holder(str(tmp_path), pid=1)
    database.close()
    for one in tmp_path.iterdir():
        one.chmod(0o666)
    database, _ = open_database(str(tmp_path), exclusive=True)
    database.close()
    assert {0o600} == {mode(one) for one in tmp_path.iterdir()}


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("name", OWN_NAMES)
def test_a_planted_link_is_refused_and_what_it_leads_to_left_alone(tmp_path: Path, name: str, exclusive: bool) -> None:
    victim, folder = tmp_path / "victim", tmp_path / "state"
    victim.write_bytes(WORDS)
    victim.chmod(0o644)
    folder.mkdir(mode=0o700)
    (folder / name).symlink_to(victim)
    with pytest.raises(StateError, match=rf"{name} in it is a link.*remove it, or choose another folder"):
        open_database(str(folder), exclusive=exclusive)
    with pytest.raises(StateError, match="is a link"):
        local_socket.ask(str(folder), {"do": "status"})
    assert (WORDS, 0o644) == (victim.read_bytes(), mode(victim))
    assert [name] == os.listdir(folder)


@pytest.mark.parametrize("name", OWN_NAMES)
def test_a_link_to_nowhere_makes_no_file_there(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="is a link"):
        open_database(str(tmp_path), exclusive=True)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", OWN_NAMES)
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(StateError, match="is no "):
        open_database(str(tmp_path), exclusive=True)


def test_a_file_in_the_place_of_a_note_is_not_written_into(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(WORDS)
    os.link(victim, tmp_path / "holder")
    write_holder(str(tmp_path), pid=7)
    assert WORDS == victim.read_bytes()
    assert b'{"pid": 7}' == (tmp_path / "holder").read_bytes()


def test_no_link_is_followed_by_what_opens_and_writes(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(WORDS)
    (tmp_path / "note").symlink_to(victim)
    with pytest.raises(OSError):
        open_private(str(tmp_path), "note", os.O_WRONLY | os.O_CREAT)
    write_anew(str(tmp_path), "note", b"ours")
    assert (WORDS, b"ours", False) == (
        victim.read_bytes(),
        (tmp_path / "note").read_bytes(),
        (tmp_path / "note").is_symlink(),
    )


def test_a_folder_that_a_person_reaches_through_a_link_is_fine(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir(mode=0o700)
    (tmp_path / "state").symlink_to(tmp_path / "disk")
    database, _ = open_database(str(tmp_path / "state"), exclusive=True)
    assert (None, None) == (database.mended, database.why_lost())
    database.close()


@pytest.mark.parametrize(
    ("before", "after"), [(0o777, 0o755), (0o775, 0o755), (0o770, 0o750), (0o2777, 0o2755), (0o700, 0o700)]
)
def test_a_folder_of_ours_that_others_may_write_is_closed_to_them_and_reported(
    tmp_path: Path, before: int, after: int
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(before)
    database, _ = open_database(str(folder), exclusive=True)
    database.close()
    assert after == mode(folder)
    assert (before != after) == (database.mended is not None)
    if database.mended:
        assert f"permissions {before:04o}" in database.mended


def test_one_with_other_things_in_it_is_refused_with_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "others.txt").touch()
    folder.chmod(0o777)
    with pytest.raises(StateError, match=r"others may write.*0777.*--state-dir .*/shared/eisync.*chmod go-w"):
        open_database(str(folder), exclusive=True)
    assert (0o777, ["others.txt"]) == (mode(folder), os.listdir(folder))
    database, _ = open_database(str(folder / "eisync"), exclusive=True)
    database.close()


def test_one_like_tmp_is_warned_of_and_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    assert "give eisync one of its own" in str(claim_folder(str(tmp_path)))
    assert 0o1777 == mode(tmp_path)


USERS: dict[str, tuple[int, int, int, bool | None]] = {  # owner, mode, user; is it refused (None: reported)
    "another user's": (1234, 0o700, 0, True),
    "another user's, for a user": (1234, 0o700, 4321, True),
    "root's, for our group": (0, 0o2770, 4321, False),
    "root's, readable": (0, 0o755, 4321, False),
    "root's, for everybody": (0, 0o777, 4321, None),
    "root's, as /tmp": (0, 0o1777, 4321, None),
    "our own": (4321, 0o700, 4321, False),
}


@pytest.mark.parametrize("case", USERS)
def test_whose_folder_it_is_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    owner, rights, us, expected = USERS[case]
    status = os.stat_result((stat.S_IFDIR | rights, 1, 1, 1, owner, 0, 0, 0, 0, 0))
    real = os.stat
    place = str(tmp_path / "state")
    os.mkdir(place, 0o700)
    monkeypatch.setattr(os, "stat", lambda path, **more: status if path == place else real(path, **more))
    monkeypatch.setattr(os, "geteuid", lambda: us)
    if expected is True:
        with pytest.raises(StateError):
            claim_folder(place)
    else:
        assert (expected is None) == (claim_folder(place) is not None)
    assert claim_folder(place, read_only=True) is None  # root may read any user's folder


def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "control").touch()
    if os.geteuid() == 0:
        os.chown(tmp_path / "control", 1234, 1234)
    else:
        monkeypatch.setattr(state_folder, "_why_strange", lambda *_: "belongs to another user (number 1234)")
    with pytest.raises(StateError, match=r"control in it belongs to another user \(number 1234\)"):
        open_database(str(tmp_path), exclusive=True)


def test_where_there_are_no_folder_descriptors_it_goes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "supports_dir_fd", set())
    write_anew(str(tmp_path), "note", b"ours")
    os.close(open_private(str(tmp_path), "note", os.O_RDONLY))
    assert 0o600 == mode(tmp_path / "note")


def put_file_in_place(folder: Path) -> None:
    folder.rename(folder.parent / "other")
    folder.touch()


def put_database_in_place(folder: Path) -> None:
    shutil.copy(folder / "eisync.db", folder / "copy")
    (folder / "copy").rename(folder / "eisync.db")


def put_folder_in_place(folder: Path) -> None:
    folder.rename(folder.parent / "other")
    folder.mkdir()
    (folder / "eisync.db").touch()


def put_link_in_place(folder: Path) -> None:
    (folder / "eisync.db").rename(folder / "real")
    (folder / "eisync.db").symlink_to("real")


LOSSES: dict[str, Callable[[Path], object]] = {
    "the folder is removed": shutil.rmtree,
    "the folder is renamed": lambda folder: folder.rename(folder.parent / "other"),
    "a file is in its place": put_file_in_place,
    "the database is removed": lambda folder: (folder / "eisync.db").unlink(),
    "another database is in its place": put_database_in_place,
    "another folder is in its place": put_folder_in_place,
    "a link is in its place": put_link_in_place,
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_database_that_is_not_in_its_place_is_noticed(opened: Database, tmp_path: Path, loss: str) -> None:
    assert opened.why_lost() is None
    LOSSES[loss](tmp_path / "state")
    assert "was removed or replaced while eisync ran" in str(opened.why_lost())
    began = []
    with pytest.raises(StateLostError), opened.transaction(survives_power_cut=True):
        began.append("something that is destroyed")
    assert [] == began


@pytest.mark.parametrize("error", [PermissionError, OSError])
def test_an_unknown_loss_is_no_loss(opened: Database, monkeypatch: pytest.MonkeyPatch, error: type[OSError]) -> None:
    def fails(_: object) -> os.stat_result:
        raise error

    monkeypatch.setattr(os, "lstat", fails)
    assert opened.why_lost() is None


def test_an_inode_that_is_made_up_anew_is_no_loss(opened: Database) -> None:
    opened._identity = (1, 1)
    assert opened.why_lost() is None


def test_another_users_daemon_is_not_spoken_with(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(theirs))
    server.listen(1)
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / SOCKET_NAME).symlink_to(theirs)
    with server, pytest.raises(StateError, match="is a link"):
        local_socket.ask(str(tmp_path / "state"), {"do": "status"})


def test_a_file_with_another_name_is_refused(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(WORDS)
    victim.chmod(0o644)
    (tmp_path / "state").mkdir(mode=0o700)
    os.link(victim, tmp_path / "state" / "eisync.db")
    with pytest.raises(StateError, match="hard link"):
        open_database(str(tmp_path / "state"), exclusive=True)
    assert (WORDS, 0o644) == (victim.read_bytes(), mode(victim))
