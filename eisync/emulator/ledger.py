"""Count exactly what reached the emulator, so that a test can prove that nothing was lost or stored twice.

The figures about stored samples are kept in the store, in the same transaction as the samples; with a data folder they
survive a SIGKILL. The other figures count from the start of this process. `GET /emulator/ledger` shows all;
`?project=ID` limits the lasting figures to one project:

===================== =============================================================================
requests              uploads that began (POST to the ingestion service)
files, bytes          data files that arrived in complete requests, and their bytes
files_refused         those of them that were refused, each by its entry in an answer with status 200
truncated             uploads whose body did not end properly; nothing of them was stored
errors                uploads that were answered with another status than 200, or affected by a fault
studio_requests       calls to Studio
studio_errors         those of them that got another status, success:false, or no answer
faults                how often each kind of fault was applied
commits               requests that stored at least one sample (lasting)
duplicates_refused    files that were refused because the project had their content (lasting)
stored_by_hash        {sha256: samples ever stored by uploads} (lasting; a deletion does not lower it)
stored                samples that are stored now
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
