"""How Sphinx builds the site: `make docs` writes it into docs/_build."""

from eisync._version import __version__

project = "eisync"
author = "The eisync authors"
project_copyright = "2026, the eisync authors"
release = version = __version__

extensions = ["myst_parser", "sphinxcontrib.mermaid"]
myst_enable_extensions = ["fieldlist"]
myst_fence_as_directive = ["mermaid"]  # a fence that forges draw, too
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
