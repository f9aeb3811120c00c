"""Find settings that are valid and risky, as sentences for the log."""

import os
from collections.abc import Iterable

from eisync.settings.fields import sends_key_in_clear
from eisync.settings.models import StateOptions
from eisync.settings.roots import contains
from eisync.settings.watch import Target, Watch


def clear_text_warnings(targets: Iterable[Target]) -> list[str]:
    """Return a sentence for each address to which a key travels unencrypted."""
    return [
        f"target {target.name}: {url} sends the API key and the files unencrypted: use https"
        for target in targets
        for url in (target.studio_url, target.ingestion_url)
        if sends_key_in_clear(url)
    ]


def state_warnings(state: StateOptions, watches: Iterable[Watch]) -> list[str]:
    """Return a sentence for each watched folder that the state folder lies in."""
    return [
        f"the state folder {state.dir} lies inside the watched folder {watch.path}: keep them apart"
        for watch in watches
        if contains(os.path.realpath(watch.path), os.path.join(os.path.realpath(state.dir), ""))
    ]
