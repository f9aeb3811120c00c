"""Whoever lacks an extra is told how to add it, by the way in which eisync was installed."""

import pytest

from eisync.core.extras import InstallRecord, Way, how_to_add


@pytest.mark.parametrize(
    ("way", "source", "extras", "said"),
    [
        (Way.PIP, "/x/eisync-0.1.0.whl", ["web"], "/venv/bin/python -m pip install '/x/eisync-0.1.0.whl[web]'"),
        (Way.PIP, "/my clone", ["web", "all"], "/venv/bin/python -m pip install '/my clone[web,all]'"),
        (Way.EDITABLE, "/clone", ["emulator"], "/venv/bin/python -m pip install --editable '/clone[emulator]'"),
        (Way.PIPX, "/clone", ["web"], "pipx install --force '/clone[all]'"),
        (Way.UV, "/clone", ["web"], "uv tool install --force '/clone[all]'"),
        (Way.PIPX, "/clone", ["dask"], "pipx install --force '/clone[all,dask]'"),
        (Way.UV, "/clone", ["dask"], "uv tool install --force '/clone[all,dask]'"),
        (Way.PIP, None, ["web"], "install eisync again, from its clone or its wheel, as eisync[web]"),
        (Way.PIPX, None, ["web"], "install eisync again, from its clone or its wheel, as eisync[web]"),
        (Way.OTHER, "/clone", ["web"], "install eisync again, from its clone or its wheel, as eisync[web]"),
        (
            Way.DEBIAN,
            None,
            ["emulator"],
            "the Debian package has no [emulator]: install eisync with pipx, uv or pip beside it",
        ),
    ],
)
def test_there_is_a_way_to_add_an_extra(way: Way, source: str | None, extras: list[str], said: str) -> None:
    assert said == how_to_add(extras, InstallRecord(way=way, source=source, python="/venv/bin/python"))
