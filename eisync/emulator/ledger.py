"""The exact account of what reached the emulator, for proofs of "nothing lost, nothing twice".

What concerns stored samples is kept in the store, in the transaction that stores them, and survives a SIGKILL with
`data`; the rest counts from the start of this process. `GET /emulator/ledger` shows it, `?project=ID` narrows the
lasting figures to one project:

===================== =============================================================================
requests              uploads that began (POST to the ingestion service)
files, bytes          data files that arrived in complete requests, and their bytes
files_refused         of these, refused one by one inside a 200
truncated             uploads whose body never ended properly: nothing of them was stored
errors                uploads that got no clean answer: another status than 200, or a fault's doing
studio_requests       calls to Studio
studio_errors         of these, answered with another status, with success:false, or not at all
faults                how often each kind of fault was applied
commits               requests that stored at least one sample (lasting)
duplicates_refused    files refused because their content was there (lasting)
stored_by_hash        {sha256: samples ever stored by uploads} (lasting; deletion does not lower it)
stored                samples stored now
===================== =============================================================================
"""

from collections import Counter
from dataclasses import dataclass, field

from eisync.emulator.store import Account


@dataclass(slots=True)
class Ledger:
    requests: int = 0
    files: int = 0
    bytes: int = 0
    files_refused: int = 0
    truncated: int = 0
    errors: int = 0
    studio_requests: int = 0
    studio_errors: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def as_json(self, account: Account) -> dict[str, object]:
        return {
            "requests": self.requests,
            "files": self.files,
            "bytes": self.bytes,
            "files_refused": self.files_refused,
            "truncated": self.truncated,
            "errors": self.errors,
            "studio_requests": self.studio_requests,
            "studio_errors": self.studio_errors,
            "faults": dict(self.faults),
            "commits": account.tallies.get("commits", 0),
            "duplicates_refused": account.tallies.get("duplicates_refused", 0),
            "stored_by_hash": dict(account.stored_by_hash),
            "stored": account.stored,
        }
