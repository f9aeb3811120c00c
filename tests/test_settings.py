"""A configuration is read completely, and every fault is reported in one sentence."""

import grp
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from eisync import paths
from eisync.core.policy import After, MinFree, Retention
from eisync.errors import ConfigurationError
from eisync.settings import Settings, json_schema, keys, load, options_table
from eisync.settings.models import TABLES
from tests.canary import CANARY

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Site:
    """A folder with an eisync.toml, a key and a folder of recordings; loads without the environment of this process."""

    path: Path

    def write(self, text: str, *, mode: int = 0o600) -> None:
        (self.path / "eisync.toml").write_text(text)
        (self.path / "eisync.toml").chmod(mode)

    def load(self, *dirs: str, environ: Mapping[str, str] | None = None, **flags: Any) -> Settings:
        given = {"HOME": str(self.path), **({"EI_API_KEY": CANARY} if environ is None else environ)}
        return load(**{"config": None, "state_dir": None, **flags}, dirs=dirs, environ=given, cwd=str(self.path))

    def faults(self, *dirs: str, environ: Mapping[str, str] | None = None, **flags: Any) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            self.load(*dirs, environ=environ, **flags)
        assert CANARY not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"
        return [fault.replace(str(self.path), "SITE") for fault in caught.value.faults]

    def environ(self, **more: str) -> dict[str, str]:
        return {"EI_API_KEY": CANARY, **more}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    # Remove what this machine may have outside of this folder.
    monkeypatch.setattr(paths, "SYSTEM_FILE", str(tmp_path / "etc/eisync.toml"))
    monkeypatch.setattr(keys, "SECRETS_DIR", str(tmp_path / "secrets"))
    (tmp_path / "recordings").mkdir()
    (tmp_path / "key").write_text(CANARY + "\n")
    return Site(tmp_path)


# Valid configurations


def test_a_folder_and_a_key_are_enough(site: Site) -> None:
    settings = site.load("recordings")
    assert [(site.path / "recordings", "main", "infer", "infer")] == [
        (watch.path, watch.target, watch.label, watch.category) for watch in settings.watches
    ]
    assert [target.name for target in settings.targets] == ["main"]
    assert site.path / ".local/state/eisync" == settings.state.dir
    assert settings.key_source("main").read() == CANARY
    assert (settings.warnings, settings.config_file) == ((), None)


def test_a_complete_file_is_read(site: Site) -> None:
    site.write("""
        [[target]]
        name = "main"
        api_key_file = "key"
        [[watch]]
        path = "recordings"
        target = "main"
        label = "infer"
        category = "infer"
        ignore = ["*.bak"]
        settle_s = 2
        metadata = { site = "lab 3" }
        [upload]
        workers = 4
        [state]
        dir = "/var/lib/eisync"
    """)
    settings = site.load(environ={})
    watch = settings.watches[0]
    assert (site.path / "recordings", ("*.bak",), 2.0, {"site": "lab 3"}) == (
        watch.path,
        watch.ignore,
        watch.settle_s,
        watch.metadata,
    )
    assert Path("/var/lib/eisync") == settings.state.dir
    assert (site.path / "eisync.toml", CANARY) == (settings.config_file, settings.key_source("main").read())


def test_the_example_is_read(site: Site) -> None:
    example = (ROOT / "deploy/eisync.example.toml").read_text()
    site.write(example.replace("/srv/recordings", "recordings"))
    assert [watch.metadata for watch in site.load().watches] == [{"site": "lab 3"}]


LAYERS: list[tuple[str, dict[str, str], str, object]] = [
    ("", {}, "upload.workers", 32),
    ("[upload]\nworkers = 5", {}, "upload.workers", 5),
    ("[upload]\nworkers = 5", {"EISYNC_UPLOAD__WORKERS": "6"}, "upload.workers", 6),
    ("[upload]\nworkers = 5", {"EISYNC_UPLOAD__WORKERS": ""}, "upload.workers", 5),
    ("", {"EISYNC_UPLOAD__TIMEOUT_S": "2.5"}, "upload.timeout_s", 2.5),
    ("", {"EISYNC_UPLOAD__ALLOW_DUPLICATES": "yes"}, "upload.allow_duplicates", True),
    ("", {"EISYNC_RECONCILE__ENABLED": "0"}, "reconcile.enabled", False),
    ("[log]\nlevel = 'error'", {"EISYNC_LOG__LEVEL": "debug"}, "log.level", "debug"),
    ("[log]\nlevel = 'error'", {"EISYNC_LOG__FORMAT": "json"}, "log.level", "error"),
    ("[state]\ndir = '/toml'", {}, "state.dir", Path("/toml")),
    ("[state]\ndir = '/toml'", {"EISYNC_STATE__DIR": "/nested"}, "state.dir", Path("/nested")),
    (
        "[state]\ndir = '/toml'",
        {"EISYNC_STATE__DIR": "/nested", "EISYNC_STATE_DIR": "/plain"},
        "state.dir",
        Path("/plain"),
    ),
    ("", {"EISYNC_PORT_80_TCP": "tcp://10.0.0.1", "EISYNC_SERVICE_HOST": "10.0.0.1"}, "upload.workers", 32),
]


@pytest.mark.parametrize(("text", "variables", "option", "expected"), LAYERS)
def test_the_environment_beats_the_file(
    site: Site, text: str, variables: dict[str, str], option: str, expected: object
) -> None:
    site.write(text)
    table, name = option.split(".")
    settings = site.load("recordings", environ=site.environ(**variables))
    assert expected == getattr(getattr(settings, table), name)


def test_a_flag_beats_the_environment(site: Site) -> None:
    settings = site.load("recordings", state_dir="flag", environ=site.environ(EISYNC_STATE_DIR="/variable"))
    assert site.path / "flag" == settings.state.dir


def test_only_folders_of_the_command_line_are_watched_with_their_own_settings(site: Site) -> None:
    for name in ("other", "third"):
        (site.path / name).mkdir()
    site.write(
        '[[watch]]\npath = "recordings"\nlabel = "idle"\n[[watch]]\npath = "third"\n[[watch]]\npath = "missing"\n'
    )
    watches = site.load("recordings/", "other").watches
    assert [(watch.path.name, watch.label) for watch in watches] == [("recordings", "idle"), ("other", "infer")]


def test_a_folder_whose_name_is_not_utf8_can_be_watched(site: Site) -> None:
    name = os.fsdecode(b"rec\xff")
    (site.path / name).mkdir()
    assert [name] == [watch.path.name for watch in site.load(name).watches]


def test_relative_paths_start_at_the_folder_of_their_file(site: Site) -> None:
    (site.path / "conf/recordings").mkdir(parents=True)
    (site.path / "conf/key").write_text(CANARY)
    text = '[[target]]\napi_key_file = "key"\nca_file = "key"\n[[watch]]\npath = "recordings"\n[state]\ndir = "state"\n'
    (site.path / "conf/e.toml").write_text(text)
    settings = site.load(config="conf/e.toml", environ={})
    folder = site.path / "conf"
    target, watch = settings.targets[0], settings.watches[0]
    assert [folder / name for name in ("key", "key", "recordings", "state")] == [
        target.api_key_file,
        target.ca_file,
        watch.path,
        settings.state.dir,
    ]


def test_a_relative_folder_in_a_file_of_etc_is_a_fault_that_shows_the_whole_path(site: Site) -> None:
    (site.path / "etc/recordings").mkdir(parents=True)
    (site.path / "etc/eisync.toml").write_text('[[watch]]\npath = "recordings"\n')
    assert [
        'etc/eisync.toml:2: watch[0].path: "recordings" would be SITE/etc/recordings: write the whole path of the '
        "folder, such as /srv/recordings"
    ] == site.faults(config="etc/eisync.toml")


def test_a_group_that_may_ask_must_exist(site: Site) -> None:
    site.write('[[watch]]\npath = "recordings"\n[state]\ngroup = "no-such-group"\n')
    assert ['eisync.toml:4: state.group: there is no group "no-such-group" on this machine'] == site.faults()
    group = grp.getgrgid(os.getegid()).gr_name
    assert group == site.load(environ=site.environ(EISYNC_STATE__GROUP=group, EI_API_KEY=CANARY)).state.group


ADDRESSES: list[tuple[str, dict[str, str], list[str]]] = [
    ("", {}, ["https://studio.edgeimpulse.com/v1"]),
    ("", {"EI_API_ENDPOINT": "https://e.org/v1/"}, ["https://e.org/v1"]),
    ("[[target]]\nstudio_url = 'https://t.org'", {"EI_API_ENDPOINT": "https://e.org"}, ["https://e.org"]),
    ("[[target]]\nstudio_url = 'https://t.org'", {"EI_API_ENDPOINT": ""}, ["https://t.org"]),
    (
        "[[target]]\nstudio_url = 'https://t.org'\n[[target]]\nname = 'b'",
        {"EI_API_ENDPOINT": "https://e.org"},
        ["https://t.org", "https://e.org"],
    ),
    ("", {"EI_HOST": "127.0.0.1"}, ["http://127.0.0.1:4800/v1"]),
    ("", {"EI_HOST": "localhost"}, ["http://localhost:4800/v1"]),
    ("", {"EI_HOST": "edge.example.org"}, ["https://studio.edge.example.org/v1"]),
    ("", {"EI_HOST": ""}, ["https://studio.edgeimpulse.com/v1"]),
    ("", {"EI_HOST": "127.0.0.1", "EI_API_ENDPOINT": "https://e.org/v1"}, ["https://e.org/v1"]),
    ("[[target]]\nstudio_url = 'https://t.org'", {"EI_HOST": "127.0.0.1"}, ["https://t.org"]),
]


@pytest.mark.parametrize(("text", "variables", "expected"), ADDRESSES)
def test_addresses_come_from_the_file_and_the_environment(
    site: Site, text: str, variables: dict[str, str], expected: list[str]
) -> None:
    site.write(text)
    settings = site.load(environ=site.environ(**variables), need_watch=False)
    assert expected == [target.studio_url for target in settings.targets]


def test_a_host_stands_for_both_addresses(site: Site) -> None:
    [target] = site.load(environ=site.environ(EI_HOST="localhost"), need_watch=False).targets
    assert ("http://localhost:4800/v1", "http://localhost:4810") == (target.studio_url, target.ingestion_url)


def test_a_key_that_is_sent_unencrypted_is_a_warning(site: Site) -> None:
    environ = site.environ(EI_API_ENDPOINT="http://studio.lan/v1", EI_INGESTION_ENDPOINT="http://127.0.0.2:4810")
    warnings = site.load("recordings", environ=environ).warnings
    assert warnings == ("target main: http://studio.lan/v1 sends the API key and the files unencrypted: use https",)


def test_a_state_folder_inside_a_watched_folder_is_a_warning(site: Site) -> None:
    warnings = site.load("recordings", state_dir="recordings/state").warnings
    assert re.findall("lies inside the watched folder", " ".join(warnings)) == ["lies inside the watched folder"]
    assert site.load("recordings", state_dir="recordings2").warnings == ()


def test_without_need_watch_there_may_be_no_folder(site: Site) -> None:
    assert site.load(need_watch=False).watches == ()
    site.write('[[watch]]\npath = "missing"\n')
    assert [site.path / "missing"] == [watch.path for watch in site.load(need_watch=False).watches]


# Faults


WATCH = '[[watch]]\npath = "recordings"\n'
ONE_FAULT: list[tuple[str, str]] = [
    (WATCH + "labl = 'x'", 'eisync.toml:3: watch[0].labl: unknown key (did you mean "label"?)'),
    (WATCH + f"qqq = '{CANARY}'", "eisync.toml:3: watch[0].qqq: unknown key"),
    (WATCH + "workers = 3", "eisync.toml:3: watch[0].workers: unknown key (it belongs in the table [upload])"),
    (WATCH + "[uplod]\nworkers = 3", 'eisync.toml:3: uplod: unknown key (did you mean "upload"?)'),
    (WATCH + "[upload]\nworkers = '3'", "eisync.toml:4: upload.workers: must be a whole number"),
    (WATCH + "[upload]\nworkers = true", "eisync.toml:4: upload.workers: must be a whole number"),
    (WATCH + "[upload]\nworkers = 0", "eisync.toml:4: upload.workers: must be at least 1"),
    (WATCH + "[upload]\nbatch_files = 1001", "eisync.toml:4: upload.batch_files: must be at most 1000"),
    (WATCH + "[upload]\ntimeout_s = 0", "eisync.toml:4: upload.timeout_s: must be more than 0"),
    (WATCH + "[upload]\ntimeout_s = nan", "eisync.toml:4: upload.timeout_s: must be a finite number"),
    (WATCH + "[upload]\nallow_duplicates = 1", "eisync.toml:4: upload.allow_duplicates: must be true or false"),
    (WATCH + "[upload]\nretry_base_s = 400", "eisync.toml:3: upload: retry_cap_s must not be less than retry_base_s"),
    (
        WATCH + "[upload]\nscheduler = '10.0.0.5:8786'",
        'eisync.toml:4: upload.scheduler: must be the address of a Dask scheduler, such as "tcp://10.0.0.5:8786"',
    ),
    (
        WATCH + "[upload]\nscheduler = 'tcp://10.0.0.5'",
        'eisync.toml:4: upload.scheduler: must be the address of a Dask scheduler, such as "tcp://10.0.0.5:8786"',
    ),
    (
        WATCH + "[upload]\nscheduler = 'tcp://10.0.0.5:port'",
        'eisync.toml:4: upload.scheduler: must be the address of a Dask scheduler, such as "tcp://10.0.0.5:8786"',
    ),
    (
        WATCH + "[upload]\nscheduler = 'tls://a:b@c:8786'",
        "eisync.toml:4: upload.scheduler: must not contain a user name, a password or a path",
    ),
    (WATCH + "[log]\nlevel = 3", 'eisync.toml:4: log.level: must be one of "debug", "info", "warning" or "error"'),
    (WATCH + "[state]\ndir = 3", "eisync.toml:4: state.dir: must be a path in quotes"),
    (WATCH + "[state]\ndir = ''", "eisync.toml:4: state.dir: must not be empty"),
    (WATCH + "[state]\ndri = ''", 'eisync.toml:4: state.dri: unknown key (did you mean "dir"?)'),
    ("upload = 3\n" + WATCH, "eisync.toml:1: upload: must be a table: write [upload]"),
    (WATCH + "label = ''", "eisync.toml:3: watch[0].label: must not be empty"),
    (WATCH + "label = '  '", "eisync.toml:3: watch[0].label: must not be empty"),
    (WATCH + f"label = '{'x' * 513}'", "eisync.toml:3: watch[0].label: must not be longer than 512 characters"),
    (WATCH + 'label = "a\\nb"', "eisync.toml:3: watch[0].label: must not contain control characters or line breaks"),
    (WATCH + "label = 7", "eisync.toml:3: watch[0].label: must be text in quotes"),
    (WATCH + "ignore = '*.bak'", "eisync.toml:3: watch[0].ignore: must be a list in brackets"),
    (WATCH + "ignore = [\n'*.bak',\n7]", "eisync.toml:5: watch[0].ignore[1]: must be text in quotes"),
    (WATCH + "metadata = { a = 1 }", "eisync.toml:3: watch[0].metadata.a: must be text in quotes"),
    (
        WATCH + f"metadata = {{ a = '{'x' * 8192}' }}",
        "eisync.toml:3: watch[0].metadata: is 8,201 bytes long as JSON; at most 8,192 fit into a request",
    ),
    (
        WATCH + "category = 'test'",
        'eisync.toml:3: watch[0].category: must be one of "infer", "sdk", "training", "testing", "validation", '
        '"post-processing", "split" or "anomaly"',
    ),
    ("[[watch]]\nlabel = 'x'", "eisync.toml:1: watch[0].path: is missing"),
    (
        "\n[watch]\npath = 'recordings'",
        "eisync.toml:2: watch: write [[watch]] with two brackets on each side: there can be several",
    ),
    (
        "[[watch]]\npath = 'missing'",
        "eisync.toml:2: watch[0].path: there is no folder SITE/missing: create it, or correct the path",
    ),
    (
        "[[watch]]\npath = 'key'",
        "eisync.toml:2: watch[0].path: SITE/key is not a folder: name the folder that contains the files",
    ),
    (WATCH + WATCH, "eisync.toml:4: watch[1].path: SITE/recordings is watched already: name each folder once"),
    (
        WATCH + "[[watch]]\npath = '.'",
        "eisync.toml:4: watch[1].path: SITE contains SITE/recordings, which is watched already: keep one of the two",
    ),
    (
        "[[watch]]\npath = '.'\n" + WATCH,
        "eisync.toml:4: watch[1].path: SITE/recordings lies inside SITE, which is watched with all its folders: "
        "keep one of the two",
    ),
    (WATCH + "target = 'mian'", 'eisync.toml:3: watch[0].target: there is no target "mian" (did you mean "main"?)'),
    (WATCH + "target = 'x'", 'eisync.toml:3: watch[0].target: there is no target "x": there is "main"'),
    (
        "[[target]]\n[[target]]\nname = 'b'\n" + WATCH,
        'eisync.toml:4: watch[0].target: is missing: there are several targets; name one of "main", "b"',
    ),
    (
        "[[target]]\n[[target]]\nname = 'main'\n",
        'eisync.toml:3: target[1].name: "main" is also the name of target[0]: give each its own',
    ),
    ("[[target]]\nca_file = 'x'", "eisync.toml:2: target[0].ca_file: the file SITE/x is missing or cannot be read"),
    (
        "[[target]]\napi_key = 'x'\napi_key_file = 'key'",
        "eisync.toml:1: target[0]: has an api_key and an api_key_file: keep one of them",
    ),
    (
        "[[target]]\nstudio_url = 'ftp://x'",
        'eisync.toml:2: target[0].studio_url: must be an address such as "https://example.org"',
    ),
    (
        "[[target]]\nstudio_url = 'http://x:y'",
        'eisync.toml:2: target[0].studio_url: must be an address such as "https://example.org"',
    ),
    (
        f"[[target]]\nstudio_url = 'https://u:{CANARY}@x'",
        "eisync.toml:2: target[0].studio_url: must not contain a user name or a password",
    ),
    ("[[target]]\nstudio_url = 'https://x?a=b'", "eisync.toml:2: target[0].studio_url: must not contain ? or #"),
    (
        f"[[target]]\napi_kye = '{CANARY}'",
        'eisync.toml:2: target[0].api_kye: unknown key (did you mean "api_key"?)',
    ),
    (f"[[target]]\nname = '{CANARY}'\nstudio_url = 3", "eisync.toml:3: target[0].studio_url: must be text in quotes"),
]


@pytest.mark.parametrize(("text", "expected"), ONE_FAULT)
def test_a_fault_is_reported_with_its_line(site: Site, text: str, expected: str) -> None:
    site.write(text)
    assert [expected] == site.faults(need_watch="watch" in text)


def test_all_faults_are_reported_in_the_order_of_the_file(site: Site) -> None:
    site.write("""[[target]]
nmae = "main"
[[watch]]
path = "missing"
labl = "x"
settle_s = "2"
[[watch]]
target = "mian"
path = "recordings"
[upload]
workers = 0
[lgo]
""")
    lines = [fault.split(": ")[0:2] for fault in site.faults(environ=site.environ(EISYNC_UPLOAD__WORKRES="1"))]
    assert lines == [
        ["eisync.toml:2", "target[0].nmae"],
        ["eisync.toml:4", "watch[0].path"],
        ["eisync.toml:5", "watch[0].labl"],
        ["eisync.toml:6", "watch[0].settle_s"],
        ["eisync.toml:8", "watch[1].target"],
        ["eisync.toml:11", "upload.workers"],
        ["eisync.toml:12", "lgo"],
        ["EISYNC_UPLOAD__WORKRES", 'unknown environment variable (did you mean "EISYNC_UPLOAD__WORKERS"?)'],
    ]


ODD = (
    "1",
    "-1",
    "1.5",
    "nan",
    "true",
    "'x'",
    "''",
    '"\\u0000"',
    "[]",
    "[[1]]",
    "{}",
    "{ a = {} }",
    "1979-05-27",
    "07:32:00",
)


@pytest.mark.parametrize(
    "place", [*TABLES, *(f"{table}.{option}" for table, model in TABLES.items() for option in model.model_fields)]
)
def test_unusual_values_are_accepted_or_refused_with_their_line(site: Site, place: str) -> None:
    table, _, option = place.partition(".")
    head = ("[[{}]]\n{} = {}" if table in ("target", "watch") else "[{}]\n{} = {}") if option else "\n{}{} = {}"
    faults: list[str] = []
    for value in ODD:
        site.write(head.format(table, option, value))
        try:
            site.load(need_watch=False)
        except ConfigurationError as error:
            faults += error.faults
    assert [fault for fault in faults if not fault.startswith(("eisync.toml:", "file "))] == []


VARIABLE_FAULTS: list[tuple[dict[str, str], str]] = [
    ({"EISYNC_UPLOAD__WORKERS": "many"}, "EISYNC_UPLOAD__WORKERS: must be a whole number"),
    ({"EISYNC_UPLOAD__WORKERS": "65"}, "EISYNC_UPLOAD__WORKERS: must be at most 64"),
    ({"EISYNC_UPLOAD__TIMEOUT_S": "inf"}, "EISYNC_UPLOAD__TIMEOUT_S: must be a finite number"),
    ({"EISYNC_UPLOAD__ALLOW_DUPLICATES": "2"}, "EISYNC_UPLOAD__ALLOW_DUPLICATES: must be true or false"),
    ({"EISYNC_LOG__LEVEL": "loud"}, 'EISYNC_LOG__LEVEL: must be one of "debug", "info", "warning" or "error"'),
    ({"EISYNC_APIKEY": CANARY}, 'EISYNC_APIKEY: unknown environment variable (did you mean "EISYNC_API_KEY"?)'),
    ({"EISYNC_X": "1"}, "EISYNC_X: unknown environment variable"),
    ({"EISYNC_UPLOAD": "{}"}, "EISYNC_UPLOAD: unknown environment variable"),
    ({"EI_API_ENDPOINT": "studio.example.org"}, 'EI_API_ENDPOINT: must be an address such as "https://example.org"'),
    ({"EISYNC_API_KEY_FILE": "nowhere"}, "file SITE/nowhere: cannot be read: No such file or directory"),
    (
        {"EISYNC_API_KEY": f"{CANARY} x"},
        "environment variable EISYNC_API_KEY: has characters that no API key has: it must hold the key alone",
    ),
]


@pytest.mark.parametrize(("variables", "expected"), VARIABLE_FAULTS)
def test_a_fault_in_the_environment_names_its_variable(site: Site, variables: dict[str, str], expected: str) -> None:
    faults = site.faults("recordings", environ=site.environ(**variables))
    assert [fault.startswith(expected) for fault in faults] == [True]


FOLDER_FAULTS: list[tuple[tuple[str, ...], str]] = [
    (("missing",), "missing: there is no folder SITE/missing: create it, or correct the path"),
    (("key",), "key: SITE/key is not a folder: name the folder that contains the files"),
    (("recordings", "link"), "link: SITE/link is watched already: name each folder once"),
    (
        (".", "recordings"),
        "recordings: SITE/recordings lies inside SITE, which is watched with all its folders: keep one of the two",
    ),
    (("",), "a folder on the command line has an empty name: remove it"),
    ((), "there is no folder to watch: name one (eisync run DIR) or add a [[watch]] to eisync.toml"),
]


@pytest.mark.parametrize(("dirs", "expected"), FOLDER_FAULTS)
def test_a_fault_in_a_folder_of_the_command_line_names_it(site: Site, dirs: tuple[str, ...], expected: str) -> None:
    (site.path / "link").symlink_to("recordings")
    assert [expected] == site.faults(*dirs)


def test_an_empty_list_of_targets_is_none(site: Site) -> None:
    site.write("target = []")
    assert [target.name for target in site.load("recordings").targets] == ["main"]


def test_an_empty_list_of_folders_is_none(site: Site) -> None:
    site.write("watch = []")
    assert site.faults() == ["there is no folder to watch: name one (eisync run DIR) or add a [[watch]] to eisync.toml"]


def test_a_folder_of_the_command_line_needs_a_table_when_there_are_several_targets(site: Site) -> None:
    site.write("[[target]]\n[[target]]\nname = 'b'\n")
    assert site.faults("recordings") == [
        "recordings: there are several targets: give this folder a [[watch]] that names its target"
    ]


def test_the_file_is_named_as_the_user_can_find_it(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "my.toml").write_text("[log]\nlevle = 'info'\n")
    expected = f'{folder}/my.toml:2: log.levle: unknown key (did you mean "level"?)'
    assert [expected] == site.faults("recordings", config=str(folder / "my.toml"))


def test_a_fault_in_toml_without_a_line_is_reported_without_one(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eisync.settings.sources.find_lines", lambda _: {})
    site.write("[log]\nlevle = 'info'\n")
    assert site.faults("recordings") == ['eisync.toml: log.levle: unknown key (did you mean "level"?)']


# Keys


def test_an_inline_key_needs_a_file_that_only_its_owner_can_read(site: Site) -> None:
    text = f'[[target]]\napi_key = "{CANARY}"\n'
    site.write(text, mode=0o600)
    assert site.load("recordings", environ={}).key_source("main").describe() == "api_key in eisync.toml"
    site.write(text, mode=0o640)
    assert site.faults("recordings", environ={}) == [
        'eisync.toml:2: target[0].api_key: other users can read this file: run "chmod 600 eisync.toml", or put '
        "the key in its own file and name that file in api_key_file"
    ]


def test_settings_never_show_a_key(site: Site) -> None:
    site.write(f'[[target]]\napi_key = "{CANARY}"\n')
    settings = site.load("recordings", environ={})
    shown = [
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        repr(settings.model_dump()),
        repr(settings.keys),
    ]
    assert [text for text in shown if CANARY in text] == []


def test_several_targets_have_several_keys(site: Site) -> None:
    site.write('[[target]]\nname = "a"\n[[target]]\nname = "b"\napi_key_file = "key"\n' + WATCH + 'target = "b"')
    settings = site.load()
    assert ["environment variable EI_API_KEY", f"file {site.path}/key"] == [
        settings.key_source(name).describe() for name in ("a", "b")
    ]


def test_without_a_key_all_checked_places_are_named(site: Site) -> None:
    assert site.faults("recordings", environ={"EI_API_KEY": " "}) == [
        'there is no API key for the target "main". eisync looked for it in this order: --api-key-file (not '
        "given); EISYNC_API_KEY_FILE (not set); $CREDENTIALS_DIRECTORY/api_key (not set); SITE/secrets/ei_api_key "
        "(no such file); EISYNC_API_KEY (not set); EI_API_KEY (not set); api_key_file in eisync.toml (not set)"
    ]


# Documentation of the options


def test_the_schema_accepts_the_example_and_refuses_an_unknown_key() -> None:
    example = tomllib.loads((ROOT / "deploy/eisync.example.toml").read_text())
    validator = jsonschema_rs.Draft202012Validator(json_schema())
    validator.validate(example)
    example["watch"][0]["labl"] = "x"
    with pytest.raises(jsonschema_rs.ValidationError, match="labl"):
        validator.validate(example)


def test_the_manual_has_the_table_of_options_that_the_models_give() -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    block = text.split("<!-- options: python docs/generate.py -->")[1].split("<!-- end -->")[0]
    assert options_table().strip() == block.strip(), "run 'make docs'"


def test_the_module_prints_the_table_and_the_schema() -> None:
    def output(flag: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "eisync.settings", flag], capture_output=True, check=True, text=True, cwd=ROOT
        ).stdout

    assert (options_table() + "\n", json_schema()) == (output("--table"), json.loads(output("--schema")))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('order = "oldest first"', "upload.order"),
        ("max_rate = 4095", "max_rate: must be 0 or at least 4,096"),
        ("max_rate = -1", "upload.max_rate"),
        ('quiet_hours = "8 to 12"', 'quiet_hours: must be hours such as "22:00-06:00"'),
        ('quiet_hours = "22:00-26:00"', "quiet_hours: has 26:00 in it, which is not a time of day"),
    ],
)
def test_an_impossible_rate_or_quiet_hour_is_a_fault(tmp_path: Path, line: str, fault: str) -> None:
    (tmp_path / "recordings").mkdir()
    (tmp_path / "eisync.toml").write_text(f'[[watch]]\npath = "recordings"\n[upload]\n{line}\n')
    with pytest.raises(ConfigurationError) as caught:
        load(environ={"EI_API_KEY": "ei_" + "c0ffee" * 6, "HOME": str(tmp_path)}, cwd=str(tmp_path))
    assert fault in str(caught.value)


# Files after their upload

ARCHIVES = {
    "recordings": "the archive SITE/recordings is a watched folder: name a folder outside it",
    "recordings/old": (
        "the archive SITE/recordings/old lies inside SITE/recordings, which is watched: name a folder outside it"
    ),
    ".": "the archive SITE contains SITE/recordings, which is watched: name a folder outside it",
    "link": "the archive SITE/link is a watched folder: name a folder outside it",
    "link/../recordings/old/new": (
        "the archive SITE/recordings/old/new lies inside SITE/recordings, which is watched: name a folder outside it"
    ),
}


@pytest.mark.parametrize(
    "option",
    [
        'on_change = "replace"',
        'on_local_delete = "delete"',
        'on_remote_delete = "trash"',
        'after_upload = "delete"',
        'min_free = "1 GB"',
    ],
)
def test_options_that_delete_or_change_need_the_reconciler(site: Site, option: str) -> None:
    site.write(f'[[watch]]\npath = "recordings"\n{option}\n[reconcile]\nenabled = false\n')
    (fault,) = site.faults()
    assert f"{option} needs reconcile.enabled = true" in fault
    site.write(f'[[watch]]\npath = "recordings"\n{option}\n')
    assert site.load().reconcile.enabled


def test_options_that_change_nothing_need_no_reconciler(site: Site) -> None:
    site.write('[[watch]]\npath = "recordings"\non_change = "ignore"\n[reconcile]\nenabled = false\n')
    assert not site.load().reconcile.enabled


@pytest.mark.parametrize("folder", ARCHIVES)
def test_an_archive_inside_or_around_a_watched_folder_is_refused(site: Site, folder: str) -> None:
    (site.path / "link").symlink_to(site.path / "recordings")
    site.write(f'[[watch]]\npath = "recordings"\nafter_upload = "archive:{folder}"\n')
    assert [f"eisync.toml:3: watch[0].after_upload: {ARCHIVES[folder]}"] == site.faults()
    assert [f"recordings: {ARCHIVES[folder]}"] == site.faults("recordings")


def test_an_archive_of_one_folder_may_not_be_watched_as_another(site: Site) -> None:
    (site.path / "other").mkdir()
    site.write('[[watch]]\npath = "recordings"\nafter_upload = "archive:other"\n[[watch]]\npath = "other"\n')
    assert [
        "eisync.toml:3: watch[0].after_upload: the archive SITE/other is a watched folder: name a folder outside it"
    ] == site.faults()


def test_options_for_files_after_their_upload_are_read(site: Site) -> None:
    site.write("""
        [[watch]]
        path = "recordings"
        after_upload = "archive:~/old"
        grace_s = 60
        min_free = "10%"
        trash_days = 0
    """)
    retention = site.load().watches[0].retention
    assert (After.ARCHIVE, str(site.path / "old"), 60.0, MinFree(percent=10.0), 0) == (
        retention.after, retention.archive, retention.grace_s, retention.min_free, retention.trash_days
    )  # fmt: skip


def test_nothing_is_removed_by_default(site: Site) -> None:
    retention = site.load("recordings").watches[0].retention
    assert (Retention(), False, 30) == (retention, retention.removes, retention.trash_days)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('after_upload = "trash"', 'after_upload: must be "keep", "delete" or "archive:DIR"'),
        ('after_upload = "archive:"', 'after_upload: must be "keep", "delete" or "archive:DIR"'),
        *[
            (
                f"min_free = {value}",
                'min_free: must be a number of bytes, a size such as "2 GB", or a share below 100 such as "10%"',
            )
            for value in ("-1", '"100%"', '"lots"', "true", "1.5", "[1]")
        ],
    ],
)
def test_invalid_retention_options_are_one_fault(site: Site, line: str, fault: str) -> None:
    site.write(f'[[watch]]\npath = "recordings"\n{line}\n')
    assert [f"eisync.toml:3: watch[0].{fault}"] == site.faults()


def test_a_key_that_is_also_a_name_is_in_no_fault(site: Site) -> None:
    key = "k3y" + "0123456789abcdef" * 2
    site.write(f'[{key}]\na = 1\n[[target]]\n{key} = 1\nname = "{key}{key}{key}"\n[[watch]]\npath = "{key}"\n')
    for environ in ({"EI_API_KEY": key}, {"EISYNC_API_KEY": key, f"EISYNC_{key.upper()}": "1"}):
        assert key not in "\n".join(site.faults(environ=environ)).lower()


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_the_scheduler_of_the_command_line_wins(site: Site, scheme: str) -> None:
    site.write("[upload]\nscheduler = 'tcp://one:8786'\n")
    environ = site.environ(EISYNC_UPLOAD__SCHEDULER="tcp://two:8786")
    assert "tcp://two:8786" == site.load("recordings", environ=environ).upload.scheduler
    flag = f"{scheme}://[::1]:8786/"
    assert f"{scheme}://[::1]:8786" == site.load("recordings", environ=environ, scheduler=flag).upload.scheduler
    assert ['--scheduler: must be the address of a Dask scheduler, such as "tcp://10.0.0.5:8786"'] == site.faults(
        "recordings", scheduler="here"
    )
