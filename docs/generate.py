"""Draw what the documents can take from the code: the states, the options, the commands.

python docs/generate.py            rewrite the sections between their markers
python docs/generate.py --check    end with 1 when one of them is not what the code says
"""

import importlib
import re
import runpy
import sys
from pathlib import Path

from eisync.cli import VERBS
from eisync.core.identity import Decision, Destruction, Identity, decide
from eisync.core.lifecycle import diagram
from eisync.settings import options_table

ROOT = Path(__file__).parent.parent
DOCUMENTS = (ROOT / "README.md", *(ROOT / "docs" / name for name in ("drop-in.md", "faults.md", "never.md")))
_SECTION = "<!-- {name}: python docs/generate.py -->\n"
_END = "<!-- end -->"


def sections() -> dict[str, str]:
    """What stands between the markers, by name."""
    return {
        "commands": "\n".join(
            ["| command | does |", "|---|---|", *(f"| `eisync {v}` | {t} |" for v, t in VERBS.items())]
        ),
        "differences": differences_table(),
        "faults": faults_table(),
        "identity": identity_table(),
        "options": options_table().strip(),
        "states": f"```mermaid\n{diagram()}\n```",
    }


def differences_table() -> str:
    """Where the drop-in differs from the official SDK, as `tests/compat` proves it."""
    differences = runpy.run_path(str(ROOT / "tests" / "compat" / "differences.py"))["DIFFERENCES"]
    rows = (f"| {case.replace('_', ' ')} | {reason} |" for case, reason in differences.items())
    return "\n".join(["| case | difference and reason |", "|---|---|", *rows])


def faults_table() -> str:
    """What every fault does to the files, as `tests/faults` proves it."""
    sys.path.insert(0, str(ROOT))  # it stands on its neighbours
    cases = importlib.import_module("tests.faults.cases").CASES
    rows = (f"| {case.fault} | {case.lone.value} | {case.batch.value} |" for case in cases)
    return "\n".join(["| fault | a lone file | a batch |", "|---|---|---|", *rows])


def identity_table() -> str:
    """What may be done to a sample, or because of it, by what it is to the file."""
    said = {
        Decision.GO: "yes",
        Decision.LOOK: "its bytes are compared first",
        Decision.WAIT: "not before it is listed",
        Decision.LEAVE: "no",
        Decision.STOP: "no, and nothing else of the target",
    }
    rows = [
        f"| {act.value.replace('_', ' ')} | " + " | ".join(said[decide(act, one)] for one in Identity) + " |"
        for act in Destruction
    ]
    head = " | ".join(one.value for one in Identity)
    return "\n".join([f"| | {head} |", "|---" * (1 + len(Identity)) + "|", *rows])


def drawn(text: str) -> str:
    """`text` with every section as the code says."""
    for name, content in sections().items():
        pattern = re.escape(_SECTION.format(name=name)) + r".*?" + re.escape(_END)
        text = re.sub(
            pattern, lambda _, n=name, c=content: f"{_SECTION.format(name=n)}{c}\n{_END}", text, flags=re.DOTALL
        )
    return text


def main() -> None:
    """Rewrite or check the documents."""
    for path in DOCUMENTS:
        before = path.read_text(encoding="utf-8")
        after = drawn(before)
        if "--check" in sys.argv[1:] and before != after:
            sys.exit(f"{path.name} lags behind the code: run 'make docs'")
        if before != after:
            path.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
