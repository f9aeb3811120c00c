"""How Sphinx builds the site: `make docs` writes it into docs/_build. The site needs no other host to be read."""

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from eisync._version import __version__

project = "eisync"
author = "The eisync authors"
project_copyright = "2026, the eisync authors"
release = version = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["fieldlist"]
myst_heading_anchors = 4
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = True

html_theme = "furo"
html_title = "eisync"
html_copy_source = False
html_theme_options = {
    "source_repository": "https://github.com/eisync/eisync/",
    "source_branch": "main",
    "source_directory": "docs/",
}

LOADED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["'](?:https?:)?//[^"']+"""
    r"""|<link\b[^>]*\brel=["'](?:stylesheet|preload|icon|modulepreload)[^>]*\bhref=["'](?:https?:)?//[^"']+"""
    r"""|@import\s+(?:url\()?["']?(?:https?:)?//[^"')]+|\burl\(["']?(?:https?:)?//[^"')]+"""
    r"""|\b(?:import|from)\s*\(?["'](?:https?:)?//[^"']+"""
)
"""What a browser fetches from another host without being asked to: not the target of a link, which a person follows."""


def foreign(folder: Path) -> list[str]:
    """Return what the pages of a site, their styles and their scripts load from other hosts."""
    return [
        f"{path.relative_to(folder)}: {found}"
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".html", ".css", ".js"}
        for found in LOADED.findall(path.read_text("utf-8"))
    ]


def refuse_foreign(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html" and (found := foreign(Path(app.outdir))):
        raise ExtensionError("the site is not self-contained:\n" + "\n".join(found))


def setup(app: Sphinx) -> None:
    app.connect("build-finished", refuse_foreign)
