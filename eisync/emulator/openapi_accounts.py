"""The OpenAPI description of the calls in `accounts`. Pure."""

from collections.abc import Iterator

from eisync.emulator.model import Role
from eisync.emulator.openapi_parts import Route, operation
from eisync.emulator.shapes import BOOLEAN, ID, TEXT, answer, list_of, one_of, record


def account_routes(project: str) -> Iterator[Route]:
    needs = operation("Whether a person has no password yet.", answer(needPassword=BOOLEAN, email=TEXT))
    yield "get", "/api-user-need-to-set-password/{user}", {"security": []} | needs
    profiles = list_of(record({"id": ID, "name": TEXT, "isDeveloperProfile": BOOLEAN}))
    person = answer(id=ID, username=TEXT, name=TEXT, email=TEXT, organizations=profiles)
    yield "get", "/api/user", operation("The person who is logged in.", person)
    organizations = answer(organizations=list_of({"type": "object"}))
    yield "get", "/api/organizations", operation("Always none. Not for a project's key.", organizations)
    key = {"type": "string", "pattern": "^ei_[0-9a-f]+$"}
    wanted = record(
        {"name": TEXT, "role": one_of([role.value for role in Role])}, {"apiKey": key, "isDevelopmentKey": BOOLEAN}
    )
    yield "post", f"{project}/apikeys", operation("Make a key.", answer(id=ID, apiKey=TEXT), body=wanted)
