"""Join what the watcher reads of the outside world: files, their contents, sidecars and annotations."""

from collections.abc import Callable

from eisync.adapters.files import annotations, content, file_facts, removal, sidecars
from eisync.core.writers import Ask
from eisync.loops.watcher.context import AnnotationFiles, Outside


def outside_world(ask_writers: Callable[[], Ask]) -> Outside:
    """Return the access to files. `ask_writers` returns what reports which programs are writing an open file."""
    return Outside(
        files=file_facts,
        mounts=file_facts,
        contents=content,
        ask_writers=ask_writers,
        read_sidecar=sidecars.Reading,
        annotation_of=sidecars.annotation_at,
        is_same=removal.is_same,
        annotations=AnnotationFiles(
            listing=annotations.listing,
            facts_at=file_facts.facts_at,
            head_of=annotations.head_of,
            text_of=annotations.text_of,
            class_names=annotations.class_names,
            measured=annotations.measured,
        ),
    )
