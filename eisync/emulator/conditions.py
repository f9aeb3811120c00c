"""Turn a selection into an SQL condition with named parameters. The condition contains only fixed text."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType

from eisync.emulator.model import MetadataFilter, Selection

_DEVICE = "json_extract(facts, '$.device_name')"  # as in the index of devices
_INTERVAL_MS = "json_extract(facts, '$.interval_ms')"
_LENGTH_MS = f"{_INTERVAL_MS} * json_extract(facts, '$.values_count')"
_FREQUENCY_HZ = f"iif({_INTERVAL_MS} > 0, 1000.0 / {_INTERVAL_MS}, 0)"
# Nested, because json_type fails for a label that is not JSON.
_LABEL_NUMBER = (
    "case when json_valid(label) then "
    "case when json_type(label) in ('integer', 'real') then json_extract(label, '$') end end"
)
_OF_TYPE = {
    "image": "json_extract(facts, '$.chart_type') = 'image'",
    "audio": "json_extract(facts, '$.sensors[0][1]') = 'wav'",
}
_HELD = "exists (select 1 from json_each(sample.metadata) as held where held.key = :{key})"
_HELD_AMONG = """
    exists (select 1 from json_each(sample.metadata) as held
            where held.key = :{key} and held.value in (select value from json_each(:{values})))
"""
_HOLDS_NO_KEY = """
    not exists (select 1 from json_each(sample.metadata) as held
                where held.key in (select value from json_each(:keys)))
"""
_HAS_METADATA = "(sample.metadata is not null and sample.metadata != '{}')"


def where(selection: Selection) -> tuple[str, dict[str, object]]:
    """Return the condition and the values of its parameters."""
    terms = ["project_id = :project_id"]
    values: dict[str, object] = {"project_id": selection.project_id}

    def add(term: str, named: Mapping[str, object] = MappingProxyType({}), **more: object) -> None:
        terms.append(term)
        values.update(named, **more)

    if selection.category is not None:
        add("category = :category", category=selection.category)
    if selection.ids is not None:
        add("id in (select value from json_each(:ids))", ids=json.dumps(selection.ids))
    if len(selection.labels) == 1:  # for a single label, the index gives the samples in the order of their ids
        add("label = :label", label=selection.labels[0])
    elif selection.labels:
        add("label in (select value from json_each(:labels))", labels=json.dumps(selection.labels))
    if selection.filename:
        column = "lower(filename)" if selection.ignores_case else "filename"
        wanted = selection.filename.lower() if selection.ignores_case else selection.filename
        add(f"instr({column}, :filename) > 0", filename=wanted)
    if selection.search:
        add("(instr(filename, :search) > 0 or instr(label, :search) > 0)", search=selection.search)
    if selection.min_id is not None:
        add("id >= :min_id", min_id=selection.min_id)
    if selection.max_id is not None:
        add("id < :max_id", max_id=selection.max_id)
    if selection.min_added_ms is not None:
        add("added_ms >= :min_added_ms", min_added_ms=selection.min_added_ms)
    if selection.max_added_ms is not None:
        add("added_ms <= :max_added_ms", max_added_ms=selection.max_added_ms)
    if selection.exclude_ids:
        add("id not in (select value from json_each(:exclude_ids))", exclude_ids=json.dumps(selection.exclude_ids))
    if selection.is_disabled is not None:
        add("is_disabled = :is_disabled", is_disabled=int(selection.is_disabled))
    _add_facts(selection, add)
    if selection.metadata is not None:
        add(*_metadata(selection.metadata))
    return " and ".join(terms), values


def _add_facts(selection: Selection, add: Callable[..., None]) -> None:
    """Add the filters on facts of the file and on numeric labels. Only devices have an index."""
    for term, name, value in (
        (f"{_LENGTH_MS} > :min_length_ms", "min_length_ms", selection.min_length_ms),
        (f"{_LENGTH_MS} < :max_length_ms", "max_length_ms", selection.max_length_ms),
        (f"{_FREQUENCY_HZ} > :min_frequency_hz", "min_frequency_hz", selection.min_frequency_hz),
        (f"{_FREQUENCY_HZ} < :max_frequency_hz", "max_frequency_hz", selection.max_frequency_hz),
        ("json_extract(facts, '$.signature_valid') = :is_valid", "is_valid", selection.is_signature_valid),
        (f"{_LABEL_NUMBER} >= :min_label", "min_label", selection.min_label),
        (f"{_LABEL_NUMBER} < :max_label", "max_label", selection.max_label),
    ):
        if value is not None:
            add(term, **{name: value})
    if selection.device:
        add(f"{_DEVICE} is not null and {_DEVICE} = :device", device=selection.device)
    if selection.data_type:
        add(_OF_TYPE[selection.data_type])


def _metadata(wanted: MetadataFilter) -> tuple[str, dict[str, object]]:
    """Return the condition on metadata. Source: the parameter's description in npm's edge-impulse-api 1.95.13."""
    terms: list[str] = []
    values: dict[str, object] = {}
    for index, item in enumerate(wanted.items):
        found = (_HELD_AMONG if item.values else _HELD).format(key=f"key_{index}", values=f"values_{index}")
        terms.append(found if item.is_wanted else f"not {found}")
        values |= {f"key_{index}": item.key, f"values_{index}": json.dumps(item.values)}
    if wanted.any_of and terms:
        terms.append(_HOLDS_NO_KEY)
        values["keys"] = json.dumps([item.key for item in wanted.items])
    combined = (" or " if wanted.any_of else " and ").join(terms)
    if not terms:
        combined = "false" if wanted.without else "true"
    without = "or not " + _HAS_METADATA if wanted.without else ""
    return f"(({_HAS_METADATA} and ({combined})) {without})", values
