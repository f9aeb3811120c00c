"""The page at the Studio port's root: what is stored, for a person. Made here, asks nothing of anybody else."""

from html import escape

from aiohttp import web

from eisync.emulator.model import Page, Project, Sample, Selection
from eisync.emulator.service import SERVICE, Service
from eisync.emulator.showing import iso

_SAMPLES_SHOWN = 100
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #222; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; margin: .6rem 0; } th, td { padding: .2rem .8rem .2rem 0; text-align: left; }
th { border-bottom: 1px solid #999; font-weight: 600; } td { border-bottom: 1px solid #ddd; }
td.number { text-align: right; } .off { color: #999; } code { font-size: .9em; overflow-wrap: anywhere; }
"""
_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Cache-Control": "no-store"}


def add_routes(app: web.Application) -> None:
    app.router.add_get("/", _get_page)


async def _get_page(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    projects = "".join(_show_project(service, project) for project in service.store.list_projects())
    html = (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Edge Impulse emulator</title>"
        f"<style>{_STYLE}</style><h1>Edge Impulse emulator</h1>"
        f"<p>Studio <code>{_safe(service.studio_url)}</code>, ingestion <code>{_safe(service.ingestion_url)}</code></p>"
        f"{projects}</html>"
    )
    return web.Response(text=html, content_type="text/html", headers=_HEADERS)


def _show_project(service: Service, project: Project) -> str:
    selection = Selection(project_id=project.id)
    count = service.store.count_samples(selection)
    keys = ", ".join(f"<code>{_safe(key.key)}</code> ({key.role.value})" for key in service.store.list_keys(project.id))
    title = f"<h2>{_safe(project.name)}</h2><p>Project {project.id}, {count} samples. Keys: {keys}</p>"
    if not count:
        return title + "<p>Nothing was uploaded yet.</p>"
    groups = _table(
        ("Label", "Category", "Samples"),
        [
            f"<td>{_label(label)}<td>{_safe(category)}<td class=number>{number}"
            for label, category, number in service.store.count_by_label(project.id)
        ],
    )
    samples = service.store.list_samples(selection, Page(limit=_SAMPLES_SHOWN))
    newest = f"<p>The newest {len(samples)}:</p>" if count > len(samples) else ""
    rows = [_show_sample(sample) for sample in samples]
    return title + groups + newest + _table(("ID", "Name", "Label", "Category", "Type", "Added"), rows)


def _show_sample(sample: Sample) -> str:
    off = " <span class=off>disabled</span>" if sample.is_disabled else ""
    return (
        f"<td class=number>{sample.id}<td>{_safe(sample.filename)}{off}<td>{_label(sample.label)}"
        f"<td>{_safe(sample.category)}<td>{_safe(sample.facts.chart_type)}<td>{iso(sample.added_ms)}"
    )


def _label(label: str) -> str:
    return _safe(label) if label else "<span class=off>no label</span>"


def _table(heads: tuple[str, ...], rows: list[str]) -> str:
    head = "".join(f"<th>{name}" for name in heads)
    return f"<table><thead><tr>{head}<tbody>{''.join(f'<tr>{row}' for row in rows)}</table>"


def _safe(text: str) -> str:
    return escape(text, quote=True)
