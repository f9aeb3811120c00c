"""What eisync says of the zoo, for a person: `python -m tests.zoo.table`."""

import sys
from collections import Counter

from eisync.core.formats.probe import Complete, Completeness, OpenEnded, Truncated, Undecidable
from tests.core.formats import examine
from tests.zoo.referees import takes
from tests.zoo.specimens import Specimen, missing, specimens

CALLED = {Complete: "complete", Truncated: "truncated", Undecidable: "undecidable", OpenEnded: "open"}
_COLUMNS = "{:36} {:9} {:>8} {:>9} {:>11} {:>5} {:>8}"


def examined() -> list[tuple[Specimen, Completeness]]:
    return [(specimen, examine(specimen.path, specimen.content)) for specimen in specimens()]


def why(verdict: Completeness) -> str:
    """Return the sentence that goes with a verdict."""
    match verdict:
        case Complete(evidence=said) | Truncated(finding=said) | Undecidable(why=said) | OpenEnded(why=said):
            return said


def table(judged: list[tuple[Specimen, Completeness]]) -> str:
    """Return a line for each package and format, and one for each file of which more is to be said."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for specimen, verdict in judged:
        of_kind = counts.setdefault((specimen.package, specimen.extension), Counter())
        of_kind[CALLED[type(verdict)]] += 1
        of_kind["decoders"] += bool(takes(specimen.extension, specimen.content))
    lines = [_COLUMNS.format("package", "format", *CALLED.values(), "decoders")]
    for (package, extension), count in sorted(counts.items()):
        lines.append(_COLUMNS.format(package, extension, *(count[name] for name in (*CALLED.values(), "decoders"))))
    lines += [
        "",
        "decoders: how many of them a decoder that is at hand reads to the end (there is none for AVI and MP4)",
        "",
    ]
    for specimen, verdict in judged:
        if not isinstance(verdict, Complete) and specimen.extension not in (".csv", ".txt"):
            lines.append(f"{CALLED[type(verdict)]:11} {specimen.name}: {why(verdict)}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table(examined()) + "\n")
    sys.stdout.writelines(f"not downloaded: {pin}\n" for pin in missing())
