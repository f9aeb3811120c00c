"""Define the options of the page in the browser. Whoever else may reach it is a person's decision, never a default."""

import re
from ipaddress import ip_address

from pydantic import Field, field_validator, model_validator

from eisync.settings.fields import Line, Switch, Whole
from eisync.settings.table import Table

_HASH = re.compile(r"scrypt:\d+:\d+:\d+\$[A-Za-z0-9]+\$[0-9a-f]{128}")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")


def _address(value: str) -> str:
    try:
        return str(ip_address(value.strip("[]")))
    except ValueError:
        raise ValueError('must be an IP address such as "127.0.0.1"') from None


class Web(Table):
    """The daemon's page in the browser. It needs the extra `web`."""

    enabled: Switch = Field(
        default=True,
        description="Serve the page while `eisync run` runs, if the extra `web` is installed. `false`: load nothing.",
    )
    address: Line = Field(
        default="127.0.0.1",
        description="The IP address that the page is served at. By default only this machine reaches it. Any other "
        "address needs `password_hash` or `trusted_proxy`.",
    )
    port: Whole = Field(
        default=4820,
        ge=0,
        le=65_535,
        description="The port of the page. If it is taken, one of the nine after it. `0`: any free one.",
    )
    password_hash: str | None = Field(
        default=None,
        repr=False,
        description="The hash of a password that opens the page, as `eisync ui --hash-password` prints it. Without "
        "one, only `eisync ui` and the link that `eisync run` prints do.",
    )
    hosts: tuple[Line, ...] = Field(
        default=(),
        description='Further names under which browsers reach the page, such as `["eisync.lab"]`. Requests for any '
        "other name are refused.",
    )
    trusted_proxy: Line | None = Field(
        default=None,
        description="The IP address of a reverse proxy that logs people in itself. Its requests need no login here if "
        "they carry `user_header`.",
    )
    user_header: Line = Field(
        default="X-Forwarded-User",
        description="The header in which `trusted_proxy` names who is logged in. The proxy must remove it from what "
        "browsers send.",
    )

    @field_validator("address", "trusted_proxy")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        return None if value is None else _address(value)

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not _HOST.fullmatch(host):
                raise ValueError(f'"{host}" must be a name such as "eisync.lab" or "eisync.lab:8443"')
        return value

    @field_validator("user_header")
    @classmethod
    def _is_header(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", value):
            raise ValueError('must be the name of a header such as "X-Forwarded-User"')
        return value

    @field_validator("password_hash")
    @classmethod
    def _is_hash(cls, value: str | None) -> str | None:
        if value is not None and not _HASH.fullmatch(value):
            raise ValueError("must be a hash that 'eisync ui --hash-password' printed, not the password itself")
        return value

    @model_validator(mode="after")
    def _is_protected(self) -> "Web":
        is_open = not ip_address(self.address).is_loopback
        if self.enabled and is_open and self.password_hash is None and self.trusted_proxy is None:
            raise ValueError(
                f"{self.address} can be reached from other machines: set password_hash ('eisync ui --hash-password' "
                "prints one) or trusted_proxy, or leave the address out"
            )
        return self
