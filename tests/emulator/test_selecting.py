import pytest

from eisync.emulator.model import MetadataFilter, MetadataItem, Page, Selection
from eisync.emulator.selecting import Refusal, read_page, read_selection
from eisync.emulator.settings import EmulatorSettings

SETTINGS = EmulatorSettings()


@pytest.mark.parametrize(
    ("query", "selection"),
    [
        ({"category": "all"}, Selection(project_id=7)),
        ({"category": "post-processing"}, Selection(project_id=7, category="post-processing")),
        ({"category": "all", "labels": "null"}, Selection(project_id=7)),
        ({"category": "all", "labels": '["a&b", "0"]'}, Selection(project_id=7, labels=("a&b", "0"))),
        ({"category": "all", "ids": "[1, 2]"}, Selection(project_id=7, ids=(1, 2))),
        ({"category": "all", "ids": "[]"}, Selection(project_id=7, ids=())),
        ({"category": "all", "minId": "5", "maxId": "9"}, Selection(project_id=7, min_id=5, max_id=9)),
        ({"category": "all", "includeDisabled": "disabled"}, Selection(project_id=7, is_disabled=True)),
        ({"category": "all", "includeDisabled": "enabled"}, Selection(project_id=7, is_disabled=False)),
        ({"category": "all", "includeDisabled": "both"}, Selection(project_id=7)),
        (
            {"category": "all", "minDate": "1970-01-01T00:00:01Z", "maxDate": "1970-01-01T01:00:02+01:00"},
            Selection(project_id=7, min_added_ms=1000, max_added_ms=2000),
        ),
        ({"category": "all", "minDate": "1970-01-01T01:00:01 01:00"}, Selection(project_id=7, min_added_ms=1000)),
        ({"category": "all", "minDate": "1970-01-01 01:00"}, Selection(project_id=7, min_added_ms=3_600_000)),
        ({"category": "all", "minDate": "1970-01-02"}, Selection(project_id=7, min_added_ms=86_400_000)),
        ({"category": "all", "metadata": "null"}, Selection(project_id=7)),
        ({"category": "all", "metadata": "[]"}, Selection(project_id=7)),
        (
            {"category": "all", "metadata": '[{"key": "site", "op": "eq", "values": ["a", "b"]}]'},
            Selection(project_id=7, metadata=MetadataFilter((MetadataItem("site", True, ("a", "b")),))),
        ),
        (
            {
                "category": "all",
                "metadata": '[{"no_metadata": true}, {"filters_combinator": "or"}, {"key": "k", "op": "neq"}]',
            },
            Selection(project_id=7, metadata=MetadataFilter((MetadataItem("k", False),), any_of=True, without=True)),
        ),
        ({"category": "all", "excludeIds": "[3]"}, Selection(project_id=7, exclude_ids=(3,))),
        (
            {"category": "all", "minLength": "10", "maxLength": "20.5"},
            Selection(project_id=7, min_length_ms=10, max_length_ms=20.5),
        ),
        (
            {"category": "all", "minFrequency": "0", "maxFrequency": "1e2"},
            Selection(project_id=7, min_frequency_hz=0, max_frequency_hz=100),
        ),
        ({"category": "all", "signatureValidity": "both"}, Selection(project_id=7)),
        ({"category": "all", "signatureValidity": "valid"}, Selection(project_id=7, is_signature_valid=True)),
        ({"category": "all", "signatureValidity": "invalid"}, Selection(project_id=7, is_signature_valid=False)),
        ({"category": "all", "minLabel": "-1", "maxLabel": "2"}, Selection(project_id=7, min_label=-1, max_label=2)),
        ({"category": "all", "dataType": "audio"}, Selection(project_id=7, data_type="audio")),
    ],
)
def test_a_query_tells_which_samples_are_meant(query: dict[str, str], selection: Selection) -> None:
    assert read_selection(query, 7, SETTINGS) == selection


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({}, "Unknown category undefined"),
        ({"category": "everything"}, "Unknown category everything"),
        ({"category": "all", "labels": "idle"}, "Invalid labels"),
        ({"category": "all", "labels": "[1]"}, "Invalid labels"),
        ({"category": "all", "ids": "[1.5]"}, "Invalid ids"),
        ({"category": "all", "ids": "[true]"}, "Invalid ids"),
        ({"category": "all", "ids": f"[{2**64}]"}, "Invalid ids"),
        ({"category": "all", "minId": "x"}, "Invalid minId"),
        ({"category": "all", "maxId": "9" * 30}, "Invalid maxId"),
        ({"category": "all", "minDate": "yesterday"}, "Invalid minDate"),
        ({"category": "all", "includeDisabled": "yes"}, "Invalid includeDisabled"),
        ({"category": "all", "metadata": '{"site": "a"}'}, "Invalid metadata"),
        ({"category": "all", "metadata": '["site"]'}, "Invalid metadata"),
        ({"category": "all", "metadata": '[{"key": "site", "op": "is"}]'}, "Invalid metadata"),
        ({"category": "all", "metadata": '[{"key": "site"}]'}, "Invalid metadata"),
        ({"category": "all", "metadata": '[{"key": 1, "op": "eq"}]'}, "Invalid metadata"),
        ({"category": "all", "metadata": '[{"key": "a", "op": "eq", "values": [1]}]'}, "Invalid metadata"),
        ({"category": "all", "metadata": '[{"key": "a", "op": "eq", "value": "b"}]'}, "Invalid metadata"),
        ({"category": "all", "metadata": '[{"no_metadata": 1}]'}, "Invalid metadata"),
        ({"category": "all", "metadata": '[{"filters_combinator": "xor"}]'}, "Invalid metadata"),
        ({"category": "all", "metadata": '[{"filters": []}]'}, "Invalid metadata"),
        ({"category": "all", "metadata": '[{"no_metadata": true}, {"no_metadata": false}]'}, "Invalid metadata"),
        ({"category": "all", "excludeIds": '["1"]'}, "Invalid excludeIds"),
        ({"category": "all", "maxLength": "nan"}, "Invalid maxLength"),
        ({"category": "all", "minFrequency": "fast"}, "Invalid minFrequency"),
        ({"category": "all", "minLabel": "a"}, "Invalid minLabel"),
        ({"category": "all", "signatureValidity": "true"}, "Invalid signatureValidity"),
        ({"category": "all", "dataType": "video"}, "Invalid dataType"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(query: dict[str, str], error: str) -> None:
    with pytest.raises(Refusal, match=error):
        read_selection(query, 7, SETTINGS)


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ({}, Page(limit=1000)),
        ({"limit": "5", "offset": "10"}, Page(limit=5, offset=10)),
        ({"limit": "0"}, Page(limit=0)),
        ({"limit": "5000"}, Page(limit=1000)),
        ({"sortBy": "random"}, Page(limit=1000, shuffled=True)),
        ({"sortBy": "id-desc"}, Page(limit=1000)),
    ],
)
def test_a_page_is_never_larger_than_the_limit(query: dict[str, str], page: Page) -> None:
    assert read_page(query, SETTINGS) == page


@pytest.mark.parametrize("query", [{"limit": "-1"}, {"offset": "-1"}, {"limit": "many"}, {"sortBy": "id-asc"}])
def test_a_page_that_makes_no_sense_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(Refusal):
        read_page(query, SETTINGS)


def test_an_order_it_does_not_know_may_be_ignored() -> None:
    assert read_page({"sortBy": "id-asc"}, EmulatorSettings(refuse_unknown_filters=False)) == Page(limit=1000)
