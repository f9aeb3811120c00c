"""The condition of a selection, in SQL, with its named values. Only fixed text goes into the condition."""

import json

from eisync.emulator.model import Selection


def where(selection: Selection) -> tuple[str, dict[str, object]]:
    """The condition and its named values."""
    terms = ["project_id = :project_id"]
    values: dict[str, object] = {"project_id": selection.project_id}

    def add(term: str, **named: object) -> None:
        terms.append(term)
        values.update(named)

    if selection.category is not None:
        add("category = :category", category=selection.category)
    if selection.ids is not None:
        add("id in (select value from json_each(:ids))", ids=json.dumps(selection.ids))
    if len(selection.labels) == 1:  # the index of a label has its samples in order, that of several has not
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
    if selection.is_disabled is not None:
        add("is_disabled = :is_disabled", is_disabled=int(selection.is_disabled))
    if selection.metadata:
        add(
            "not exists (select 1 from json_each(:metadata) as wanted where not exists ("
            "select 1 from json_each(sample.metadata) as held "
            "where held.key = wanted.key and held.value = wanted.value))",
            metadata=json.dumps(dict(selection.metadata)),
        )
    return " and ".join(terms), values
