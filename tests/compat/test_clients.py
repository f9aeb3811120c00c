"""A client that `eisync.util` makes is one of the official package, with the key and the address that it was given."""

from typing import Any

import pytest

from eisync.emulator.server import RunningEmulator

ASK = """
import eisync as ei

client = ei.util.configure_generic_client(ei.API_KEY, {kind!r}, {studio!r})
print(client.user_agent.split()[-1].split("/")[0])
"""


def test_a_client_speaks_with_the_address_and_the_key_that_it_was_given(
    emulator: RunningEmulator, official: Any
) -> None:
    other = emulator.add_project(name="other")
    script = ASK.format(kind="api", studio=emulator.studio_url) + (
        "from edgeimpulse_api import ProjectsApi\n"
        "print(ProjectsApi(client).list_projects().projects[0].id)\n"
        "print(ei.util.default_project_id_for(client))\n"
    )
    assert ["eisync", str(other["id"]), str(other["id"])] == official.run(script, EI_API_KEY=other["keys"][0]["key"])


@pytest.mark.parametrize("kind", ["jwt", "jwt_http"])
def test_a_users_key_opens_no_one_project(emulator: RunningEmulator, official: Any, kind: str) -> None:
    script = ASK.format(kind=kind, studio=emulator.studio_url) + (
        "try:\n    ei.util.default_project_id_for(client)\n"
        "except ei.util.InvalidAuthTypeException as error:\n    print(error)\n"
    )
    said = "default_project_id_for is for a project's API key; a user's key opens several"
    assert ["eisync", said] == official.run(script, EI_API_KEY="a.b.c")
