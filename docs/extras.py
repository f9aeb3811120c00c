"""Write the table of the extras from pyproject.toml: the comment of each says what it is for."""

import re
import tomllib
from pathlib import Path


def extras_table(project: Path) -> str:
    """Return a table of the extras for users: what each is for, and which packages it brings."""
    text = project.read_text(encoding="utf-8")
    rows = ["| extra | for | brings |", "|---|---|---|"]
    for name, requirements in tomllib.loads(text)["project"]["optional-dependencies"].items():
        comment = re.findall(rf"^{name} = \[  # for (.+)$", text, flags=re.MULTILINE)
        if comment:
            brings = ", ".join(re.findall(r"^[\w.-]+", one)[0] for one in requirements if not one.startswith("eisync["))
            rows.append(f"| `{name}` | {comment[0]} | {brings or 'their packages'} |")
    return "\n".join(rows)
