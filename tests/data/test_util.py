"""The helpers of `eisync.util` and `eisync.experimental.util` that the official environment is not needed for."""

import json
import operator
import sys
from pathlib import Path
from typing import Any

import pytest

import eisync.experimental.util
import eisync.util
from eisync import util
from eisync.data import Sample
from eisync.exceptions import InvalidAuthTypeException, MissingApiKeyException


@pytest.mark.parametrize("key", [None, "", "  "])
def test_a_client_needs_a_key(key: str | None) -> None:
    with pytest.raises(MissingApiKeyException):
        util.configure_generic_client(key)


def test_a_client_needs_a_kind_of_key_that_there_is() -> None:
    with pytest.raises(InvalidAuthTypeException, match="Unrecognized key_type: password; it may be api, jwt, jwt_http"):
        util.configure_generic_client("ei_0123456789", "password")


def test_a_client_needs_the_official_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "edgeimpulse_api", None)
    with pytest.raises(ImportError, match="edgeimpulse_api"):
        util.configure_generic_client("ei_0123456789")


@pytest.mark.parametrize("name", ["numpy", "pandas", "tensorflow", "onnx"])
def test_what_is_asked_for_is_not_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    ask = getattr(util, f"{name}_installed")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "meta_path", [one for one in sys.meta_path if "PathFinder" in repr(one)])
    monkeypatch.delitem(sys.modules, name, raising=False)
    assert not ask()
    (tmp_path / f"{name}.py").write_text("raise AssertionError")
    sys.path_importer_cache.pop(str(tmp_path), None)
    assert ask()


def test_what_is_left_out_says_so() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'poll'; eisync has what concerns data of the module"):
        operator.attrgetter("poll")(util)


def test_a_sample_with_a_column_of_labels_by_name() -> None:
    values = {"interval_ms": 2.5, "sensors": [{"name": "x"}], "values": [[1], [2], [3]]}
    ranges = [{"startIndex": 0, "endIndex": 0, "label": "a"}, {"startIndex": 2, "endIndex": 9, "label": "b"}]
    sample = Sample(json.dumps({"payload": values}), structured_labels=ranges)
    found: Any = eisync.experimental.util.convert_sample_to_dataframe(sample, None, "t")
    assert {"x": [1, 2, 3], "t": [0.0, 2.5, 5.0], "label": ["a", None, "b"]} == found.to_dict("list")
