"""A query to Studio is encoded as the service reads it, and only its own words mean that a sample is gone."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.studio import encode_query, projects_of_key, says_no_sample


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ""),
        ({"limit": 5, "offset": 0}, "limit=5&offset=0"),
        ({"maxId": None, "limit": 5}, "limit=5"),
        ({"on": True, "off": False}, "on=true&off=false"),
        ({"labels": ["a&b", "c"]}, "labels=%5B%22a%26b%22%2C%22c%22%5D"),
        ({"labels": ()}, "labels=%5B%5D"),
        ({"metadata": {"k": "v"}}, "metadata=%7B%22k%22%3A%22v%22%7D"),
        ({"filename": "a b/ü"}, "filename=a%20b%2F%C3%BC"),
    ],
)
def test_a_query_is_encoded_as_the_service_reads_it(query: dict[str, Any], expected: str) -> None:
    assert expected == encode_query(query)


@given(st.dictionaries(st.text(min_size=1), st.lists(st.text())))
def test_lists_with_any_content_arrive_unchanged(query: dict[str, list[str]]) -> None:
    read = parse_qs(encode_query(query), strict_parsing=bool(query))
    assert query == {name: json.loads(values[0]) for name, values in read.items()}


@pytest.mark.parametrize(
    ("error", "is_gone"),
    [
        ("No sample found with ID 7", True),
        ("Error: no sample found", True),
        ("No project found", False),
        ("", False),
        (None, False),
    ],
)
def test_only_studio_s_own_words_mean_that_a_sample_is_gone(error: str | None, is_gone: bool) -> None:
    assert is_gone is says_no_sample(error)


INFO, LIST = "/api/projects/api-key-info", "/api/projects"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({INFO: {"projectId": 7}}, [7]),
        ({LIST: {"projects": [{"id": 7}]}}, [7]),
        ({LIST: {"projects": [{"id": 7}, {"id": 8}]}}, [7, 8]),
        ({LIST: {"projects": []}}, []),
        ({INFO: {"projectId": "7"}}, None),
        ({INFO: {"projectId": True}}, None),
        ({INFO: {}}, None),
        ({LIST: {"projects": None}}, None),
        ({LIST: {"projects": [7]}}, None),
        ({LIST: {"projects": [{"id": 0}]}}, None),
        ({LIST: {"projects": [{"id": 7}, {"id": 2**63}]}}, None),
    ],
)
def test_a_key_names_its_projects(answers: dict[str, Any], expected: list[int] | None) -> None:
    """An installation that has no `api-key-info` refuses it."""
    assert expected == projects_of_key(lambda path: answers[path], KeyError)


def test_what_is_no_refusal_goes_on() -> None:
    with pytest.raises(KeyError):
        projects_of_key({LIST: {"projects": [{"id": 7}]}}.__getitem__, OSError)
