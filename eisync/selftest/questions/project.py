"""Checks of Studio's answers about the project, the key and one sample (wire contract, section 3)."""

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from eisync.selftest.check import Check
from eisync.selftest.model import Answer, Mark
from eisync.selftest.probe import Probe
from eisync.selftest.questions.answers import WRONG_KEY

_NO_PROJECT = 0
_NO_JOB = 999_999_999_999
_AT_ONCE = 16
_SAMPLE_FIELDS = (
    *("id", "filename", "signatureValidate", "created", "lastModified", "category", "coldstorageFilename", "label"),
    *("intervalMs", "frequency", "originalIntervalMs", "originalFrequency", "deviceType", "sensors", "valuesCount"),
    *("added", "boundingBoxes", "boundingBoxesType", "chartType", "isDisabled", "isProcessing", "processingError"),
    *("isCropped", "projectId", "sha256Hash", "datastreams"),
)
_KEY_INFO = "/api/projects/api-key-info"
_NEW_CALLS = {
    "dataset-versions": "/dataset-versions",
    "metadata-distribution": "/raw-data/metadata-distribution?key=eisync-selftest",
    "data-summary": "/data-summary",
    "devices": "/devices",
}

_Path = Callable[[Probe], str]


def _of_project(rest: str = "") -> _Path:
    return lambda probe: f"/api/{probe.client.address.project_id}{rest}"


def _is_there(path: _Path) -> Callable[[Probe], Answer]:
    def ask(probe: Probe) -> Answer:
        reply = probe.client.studio("GET", path(probe))
        return Answer("there" if reply.is_success else "not there", "" if reply.is_success else reply.refusal)

    return ask


def _fields(path: _Path, *names: str) -> Callable[[Probe], Answer]:
    """Return whether the answer has these fields; a dot separates the names of nested objects."""

    def ask(probe: Probe) -> Answer:
        reply = probe.client.studio("GET", path(probe))
        if not reply.is_success or reply.content is None:
            return Answer("refused", reply.refusal)
        content = reply.content
        return _all_of(name for name in names if not _has(content, name))

    return ask


def _all_of(missing: Iterable[str]) -> Answer:
    listed = ", ".join(missing)
    return Answer("not all", f"missing: {listed}") if listed else Answer("all")


def _has(content: Mapping[str, object], name: str) -> bool:
    first, _, rest = name.partition(".")
    inner = content.get(first)
    return first in content and (not rest or (isinstance(inner, dict) and _has(inner, rest)))


def _one_project(probe: Probe) -> Answer:
    reply = probe.client.studio("GET", "/api/projects")
    if not reply.is_success or reply.content is None:
        return Answer("refused", reply.refusal)
    ids = [one["id"] for one in reply.content["projects"]]
    is_ours = ids == [probe.client.address.project_id]
    return Answer("the project of the key" if is_ours else "something else", f"{len(ids)} listed")


def _refusal(path: _Path, key: str | None = None) -> Callable[[Probe], Answer]:
    def ask(probe: Probe) -> Answer:
        reply = probe.client.studio("GET", path(probe), key=key)
        return Answer("an answer") if reply.is_success else Answer(reply.refusal)

    return ask


def _other_project(probe: Probe) -> Answer:
    """Request a project that does not exist, so as not to send requests to another person's project."""
    reply = probe.client.studio("GET", f"/api/{_NO_PROJECT}")
    return Answer("an answer" if reply.is_success else f"HTTP {reply.status}", reply.error)


def _last_modification(probe: Probe) -> Answer:
    path = _of_project("/last-modification")(probe)
    before = probe.client.studio("GET", path)
    probe.wait(1.1)  # in case the service has only whole seconds
    probe.store(probe.json_file("modification"))
    after = probe.client.studio("GET", path)
    if not after.is_success or after.content is None or before.content is None:
        return Answer("refused", after.refusal)
    old, new = (str(one.get("lastModificationDate") or "") for one in (before.content, after.content))
    return Answer("moves on with an upload" if new > old else "does not move on with an upload")


def _updated_by(probe: Probe) -> Answer:
    sample_id = probe.shared("json")["id"]
    found = probe.sample(int(sample_id)).get("lastUpdatedBy")
    return Answer("not there") if found is None else name_of_actor(probe, found)


def name_of_actor(probe: Probe, found: object) -> Answer:
    """Return whether `lastUpdatedBy` names our API key."""
    own = probe.client.studio("GET", _KEY_INFO)
    key_id = None if own.content is None else own.content.get("apiKeyId")
    is_key = isinstance(found, dict) and found.get("type") == "projectApiKey" and found.get("id") == key_id
    return Answer("the API key" if is_key else "another form")


def _sample_fields(probe: Probe) -> Answer:
    return _all_of(name for name in _SAMPLE_FIELDS if name not in probe.shared("json"))


def _payload(probe: Probe) -> Answer:
    reply = probe.client.raw_data("GET", f"/{probe.shared('json')['id']}")
    if not reply.is_success or reply.content is None:
        return Answer("refused", reply.refusal)
    values = json.loads(probe.original("json").content)["payload"]["values"]
    return Answer("the values" if reply.content["payload"]["values"] == values else "other values")


def _at_once(probe: Probe) -> Answer:
    path = _of_project("/raw-data/count")(probe)
    query = {"category": "all", "filename": probe.token}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        replies = list(pool.map(lambda _: probe.client.studio("GET", path, query), range(_AT_ONCE)))
    throttled = sum(reply.status in (429, 503) for reply in replies)
    return Answer("none throttled" if not throttled else "throttled", f"{throttled} of {_AT_ONCE}")


CHECKS = (
    Check(
        "studio.wrong-key",
        Mark.DOCUMENTED,
        "A wrong key is answered with 401 and 'Invalid API key'.",
        "api-key-info with a key of zeros",
        _refusal(lambda _: _KEY_INFO, WRONG_KEY),
        ("HTTP 401: Invalid API key",),
    ),
    Check(
        "studio.projects",
        Mark.RUN,
        "A project key lists exactly its project.",
        "GET projects",
        _one_project,
        ("the project of the key",),
    ),
    Check(
        "studio.key-info",
        Mark.CODE,
        "api-key-info has apiKeyId, projectId and role.",
        "GET api-key-info",
        _fields(lambda _: _KEY_INFO, "apiKeyId", "projectId", "role"),
        ("all",),
    ),
    Check(
        "studio.project",
        Mark.CODE,
        "The project has id, name, owner and whitelabelId.",
        "GET the project",
        _fields(_of_project(), "project.id", "project.name", "project.owner", "project.whitelabelId"),
        ("all",),
    ),
    Check(
        "studio.hmac-key",
        Mark.RUN,
        "The project shows its HMAC key (which no report contains).",
        "GET devkeys/hmac",
        _fields(_of_project("/devkeys/hmac"), "hmacKey"),
        ("all",),
    ),
    Check(
        "studio.other-project",
        Mark.OPEN,
        "The status for a valid key of another project.",
        "GET project 0, which does not exist",
        _other_project,
    ),
    Check(
        "studio.last-modification",
        Mark.CODE,
        "An upload sets last-modification to a later time.",
        "GET last-modification before and after one upload",
        _last_modification,
        ("moves on with an upload",),
    ),
    Check(
        "studio.unknown-sample",
        Mark.RUN,
        "An unknown sample is answered with HTTP 200 and 'No sample found with ID N'.",
        "GET sample 0",
        _refusal(_of_project("/raw-data/0")),
        ("HTTP 200: No sample found with ID 0",),
    ),
    Check(
        "studio.unknown-job",
        Mark.LIVE,
        "An unknown job is answered with 'No job with this ID found'.",
        "GET a job with a very large number",
        _refusal(_of_project(f"/jobs/{_NO_JOB}/status")),
        ("HTTP 200: No job with this ID found",),
    ),
    Check(
        "sample.fields",
        Mark.CODE,
        "A sample has every field that the official client requires, including datastreams.",
        "GET one sample",
        _sample_fields,
        ("all",),
    ),
    Check(
        "sample.payload",
        Mark.RUN,
        "A single sample is returned with its values.",
        "GET one JSON sample",
        _payload,
        ("the values",),
    ),
    Check(
        "sample.last-updated-by",
        Mark.OPEN,
        "Whether a sample that was only uploaded has lastUpdatedBy.",
        "GET one sample",
        _updated_by,
    ),
    Check(
        "studio.at-once",
        Mark.OPEN,
        "Whether many requests at once are throttled with 429.",
        f"{_AT_ONCE} requests for a count at the same time",
        _at_once,
    ),
    *(
        Check(
            f"studio.{name}",
            Mark.OPEN,
            f"Whether the project answers {name} for this key.",
            f"GET {path.removeprefix('/')}",
            _is_there(_of_project(path)),
        )
        for name, path in _NEW_CALLS.items()
    ),
)
