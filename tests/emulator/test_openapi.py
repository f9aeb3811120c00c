"""The OpenAPI description is true, and no request it allows, or forbids, makes the emulator fail."""

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from aiohttp import web
from hypothesis import HealthCheck, Phase, given, settings

from eisync.emulator import control, ingestion, studio
from eisync.emulator.openapi import describe
from eisync.emulator.server import RunningEmulator, running_emulator
from eisync.emulator.settings import EmulatorSettings

from .wire import TIMEOUT_S, Client, csv, png, wav

STUDIO, INGESTION = "http://studio/v1", "http://ingestion"
DOCUMENT = json.loads(json.dumps(describe(STUDIO, INGESTION)))
OPERATIONS = [
    (path, method) for path, item in DOCUMENT["paths"].items() for method in item if method in ("get", "post", "delete")
]
EXAMPLES = 5  # for each operation and mode; the whole file stays within seconds


@pytest.fixture(scope="module")
def served() -> Iterator[RunningEmulator]:
    """One for all: what one call does to another is welcome."""
    with running_emulator(EmulatorSettings(studio_port=0, ingestion_port=0, idle_timeout_s=2)) as running:
        client = Client(running)
        with client.session:
            client.studio("POST", "/devices/create", {"deviceId": "0", "deviceType": "BOARD", "ifNotExists": True})
            client.store(("a.csv", csv(1)), ("b.png", png()), ("c.wav", wav()), ("d.mp4", b"film"))
        yield running


def test_it_is_valid_openapi_and_served(served: RunningEmulator) -> None:
    from openapi_spec_validator import validate  # here, as schemathesis below

    url = served.studio_url.removesuffix("/v1") + "/emulator/openapi.json"
    document = requests.get(url, timeout=TIMEOUT_S).json()
    validate(document)
    assert document == json.loads(json.dumps(describe(served.studio_url, served.ingestion_url)))


def test_it_has_every_route_and_no_other() -> None:
    app = web.Application()
    for room in (ingestion, studio, control):
        room.add_routes(app)
    routed = {
        (re.sub(r":[^}]*\}", "}", route.resource.canonical), route.method.lower())
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    described = set(OPERATIONS)
    expanded = {
        ("/api/{project}/raw-data/{sample}/{action}", "post"),
        ("/api/{project}/raw-data/batch/{action}", "post"),
    }
    under_v1 = {(f"/v1{path}", method) for path, method in routed if not path.startswith(("/v1", "/emulator"))}
    studio_only = {one for one in under_v1 if one in routed}
    assert routed - studio_only - expanded <= described
    actions = {one for one in described if re.search(r"\{sample\}/[a-z-]+$|/batch/", one[0]) and one[1] == "post"}
    assert described - actions == routed - studio_only - expanded


@functools.cache
def schema_of(studio_url: str, ingestion_url: str) -> Any:
    """Reading it takes longer than a call."""
    import schemathesis  # here, for importing it takes a second, and every worker imports this module

    return schemathesis.openapi.from_dict(describe(studio_url, ingestion_url))


def can_be_wrong(path: str, method: str) -> bool:
    """Whether a request has anything that could break a rule."""
    item = DOCUMENT["paths"][path]
    return bool(item["parameters"] or item[method].keys() & {"parameters", "requestBody"})


@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [
        pytest.param(path, method, mode, id=f"{method} {path} {mode}")
        for path, method in OPERATIONS
        for mode in ("positive", "negative")
        if mode == "positive" or can_be_wrong(path, method)
    ],
)
def test_no_request_ends_in_a_5xx_and_every_answer_is_as_described(
    served: RunningEmulator, path: str, method: str, mode: str
) -> None:
    from schemathesis.generation import GenerationMode

    operation = schema_of(served.studio_url, served.ingestion_url)[path][method.upper()]
    server_url = operation.schema.raw_schema["paths"][path]["servers"][0]["url"]

    @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def attempt(case: Any) -> None:
        if mode == "positive" and "project" in case.path_parameters:
            case.path_parameters["project"] = served.project_id
        response = case.call(base_url=server_url, headers={"x-api-key": served.key}, timeout=TIMEOUT_S, session=session)
        assert response.status_code < 500, response.text
        operation.validate_response(response)

    with requests.Session() as session:
        attempt()
