"""Say which files of others are in the wheel, as a bill of materials for its `dist-info/sboms`.

What eisync requires is not in it: that is not in the wheel, and `make release` describes it beside the wheel.

Sources: PEP 770; CycloneDX 1.6, https://cyclonedx.org/docs/1.6/json/
"""

import hashlib
import json
import re
import uuid
from pathlib import Path
from typing import Any

from eisync._version import __version__

VENDOR = Path("eisync/web/static/vendor")
BUNDLED: dict[str, dict[str, Any]] = {
    "htmx.org": {
        "files": ("htmx.min.js",),
        "version": r'version:"([\d.]+)"',
        "licence": "0BSD",
        "source": "https://github.com/bigskysoftware/htmx",
    },
    "uplot": {
        "files": ("uPlot.iife.min.js", "uPlot.min.css"),
        "version": r"\(v([\d.]+)\)",
        "licence": "MIT",
        "source": "https://github.com/leeoniya/uPlot",
    },
}
"""By the name of the package: its files, where the first of them says its version, its licence, its home."""


def bill_of_materials(root: Path) -> str:
    """Return the bill of materials of the wheel, as JSON: the same bytes for the same files."""
    components = [_component(root / VENDOR, name, about) for name, about in BUNDLED.items()]
    eisync = {"bom-ref": "eisync", "type": "application", "name": "eisync", "version": __version__}
    eisync["purl"] = f"pkg:pypi/eisync@{__version__}"
    said = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "",
        "version": 1,
        "metadata": {"component": {**eisync, "licenses": _licences("Apache-2.0")}},
        "components": components,
        "dependencies": [
            {"ref": "eisync", "dependsOn": [one["bom-ref"] for one in components]},
            *({"ref": one["bom-ref"]} for one in components),
        ],
    }
    said["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(said)).urn  # another content is another document
    return json.dumps(said, indent=2) + "\n"


def _component(vendor: Path, name: str, about: dict[str, Any]) -> dict[str, Any]:
    version = re.findall(about["version"], (vendor / about["files"][0]).read_text(encoding="utf-8"))[0]
    return {
        "bom-ref": name,
        "type": "library",
        "name": name,
        "version": version,
        "licenses": _licences(about["licence"]),
        "purl": f"pkg:npm/{name}@{version}",
        "externalReferences": [{"type": "vcs", "url": about["source"]}],
        "components": [_file(vendor / file) for file in about["files"]],
    }


def _file(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"type": "file", "name": str(VENDOR / path.name), "hashes": [{"alg": "SHA-256", "content": digest}]}


def _licences(spdx: str) -> list[dict[str, Any]]:
    return [{"license": {"id": spdx}}]
