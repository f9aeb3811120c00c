"""Examine the files of an upload and store them in one transaction. Both endpoints of ingestion use it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from eisync.emulator.intake import Accepted, Upload, examine
from eisync.emulator.model import Duplicate, Project, Refused, Stored
from eisync.emulator.replies import actor_now, fault_now
from eisync.emulator.service import Service
from eisync.emulator.spool import Limits

# A larger request is examined in another thread, so that the event loop can serve other requests.
_EXAMINE_INLINE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settled:
    """The result of one data file: a sample id and a name if it was stored, else an error."""

    error: str = ""
    sample_id: int = 0
    stored_name: str = ""


async def settle(service: Service, project: Project, upload: Upload) -> list[Settled]:
    """Return one result for each data file.

    Other requests may run between examining and storing. That is safe: the transaction itself looks for duplicates.
    """
    size_bytes = sum(part.size_bytes for part in upload.parts)
    first_name_ms = service.reserve_names(len(upload.parts))
    if size_bytes > _EXAMINE_INLINE_BYTES:
        examined = await asyncio.to_thread(examine, upload, project, service.settings, first_name_ms=first_name_ms)
    else:
        examined = examine(upload, project, service.settings, first_name_ms=first_name_ms)
    rule = fault_now()
    if rule is not None and rule.kind == "partial":
        chosen = service.faults.choose_positions(rule, len(examined))
        examined = [Refused(rule.error) if index in chosen else one for index, one in enumerate(examined)]
    accepted = [one for one in examined if not isinstance(one, Refused)]
    answers = iter(
        service.store.commit(
            project.id,
            accepted,
            refuse_duplicates=upload.headers.refuse_duplicates,
            now_ms=service.now_ms(),
            actor=actor_now(),
        )
    )
    settled = [
        Settled(error=one.error) if isinstance(one, Refused) else _settled(service, one, next(answers))
        for one in examined
    ]
    service.ledger.files += len(settled)
    service.ledger.bytes += size_bytes
    service.ledger.files_refused += sum(bool(one.error) for one in settled)
    return settled


def limits_of(service: Service, *, max_parts: int) -> Limits:
    settings = service.settings
    return Limits(
        max_parts=max_parts,
        max_part_bytes=settings.max_file_bytes,
        spool_bytes=settings.spool_bytes,
        spool_total_bytes=settings.spool_total_bytes,
    )


def _settled(service: Service, accepted: Accepted, stored: Stored | Duplicate) -> Settled:
    if isinstance(stored, Stored):
        return Settled(sample_id=stored.sample_id, stored_name=accepted[0].stored_name)
    ids = f" (ids: {_join(stored.sample_ids)})" if service.settings.duplicate_names_ids else ""
    return Settled(error=f"An item with this hash already exists{ids}")


def _join(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids))
