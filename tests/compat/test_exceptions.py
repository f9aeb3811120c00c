"""Where the official client's package is loaded, our HTTP exceptions are its exceptions, too."""

from typing import Any

import pytest

from eisync.emulator.server import RunningEmulator

ASK = """
import sys
{imports}
import eisync as ei

ei.API_KEY, ei.API_ENDPOINT = "ei_wrong", {studio!r}
try:
    ei.data.get_sample_ids()
except {caught} as error:
    print(type(error).__name__, error.status, error.reason, isinstance(error, ei.exceptions.UnauthorizedException))
    print(str(error))
print("edgeimpulse_api" in sys.modules)
"""


@pytest.mark.parametrize(
    ("imports", "caught", "is_loaded"),
    [
        ("import edgeimpulse_api", "edgeimpulse_api.exceptions.UnauthorizedException", True),
        ("from edgeimpulse_api.exceptions import UnauthorizedException", "UnauthorizedException", True),
        ("from edgeimpulse_api.exceptions import ApiException", "ApiException", True),
        ("import edgeimpulse_api", "ei.exceptions.EdgeImpulseException", True),
        ("", "ei.exceptions.UnauthorizedException", False),
    ],
)
def test_a_wrong_key_is_caught_by_either_name(
    emulator: RunningEmulator, official: Any, imports: str, caught: str, *, is_loaded: bool
) -> None:
    run = official.run if is_loaded else official.run_anew
    said = run(ASK.format(imports=imports, studio=emulator.studio_url, caught=caught))
    assert ["UnauthorizedException 401 Invalid API key True", "HTTP 401: Invalid API key", str(is_loaded)] == said
