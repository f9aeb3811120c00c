"""What `eisync.data` raises, by the names that scripts for the official SDK catch.

::

    EdgeImpulseException
    ├── MissingApiKeyException                 no key was given anywhere
    ├── InvalidApiKeyException                 what was given as a key cannot be one; a ValueError as well
    ├── MissingApiIngestionEndpointException   `eisync.INGESTION_ENDPOINT` was emptied
    ├── InvalidAuthTypeException
    ├── UnsuccessfulRequestException           the service answered and said no; `error` holds its words
    ├── TimeoutException                       no answer within the time limit
    ├── UnreachableException                   the service cannot be reached, or the connection broke
    ├── ApiException                           an answer with an HTTP status that is an error
    │   ├── UnauthorizedException                  401: another key is needed
    │   ├── ForbiddenException                     403: the key's role does not allow it
    │   ├── NotFoundException                      404
    │   └── ServiceException                       500 and above
    ├── UnsupportedSampleType                  the data is nothing that can be a sample
    ├── InvalidDeviceException, InvalidTargetException, InvalidEngineException,
    └── InvalidDeployParameterException, InvalidModelException    never raised here: `except` clauses name them

The official module raises the branch below `ApiException` from `edgeimpulse_api`, the package of its generated client;
here it is in this tree, so that one `except EdgeImpulseException` is enough. Where a script has imported that package,
what is raised is an exception of both (`also_official`). The texts are wrapped in rulers there, plain sentences here.
"""

import sys
from collections.abc import Sequence
from typing import Any

from eisync.errors import EisyncError


class EdgeImpulseException(EisyncError):
    """The root. `message` is the sentence."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidDeviceException(EdgeImpulseException):
    """A device that cannot be profiled."""

    def __init__(self, device: str, profile_devices: Sequence[str]) -> None:
        super().__init__(f"Invalid device: [{device}] valid types are: {profile_devices}")
        self.device = device
        self.profile_devices = profile_devices


class InvalidTargetException(EdgeImpulseException):
    """A target that cannot be deployed to."""

    def __init__(self, deploy_target: str, target_names: Sequence[str]) -> None:
        super().__init__(f"deploy_target: [{deploy_target}] not in {target_names}")
        self.deploy_target = deploy_target
        self.target_names = target_names


class InvalidEngineException(EdgeImpulseException):
    """An engine that there is not."""

    def __init__(self, validation_error: object) -> None:
        super().__init__(str(validation_error))


class InvalidDeployParameterException(EdgeImpulseException):
    """A parameter of a deployment that cannot be."""


class InvalidAuthTypeException(EdgeImpulseException):
    """A kind of key that does not fit the call."""


class InvalidModelException(EdgeImpulseException):
    """A model that cannot be read."""


class MissingApiKeyException(EdgeImpulseException):
    """No key was given, or an empty one: as an argument, as `eisync.API_KEY` or in the environment."""

    def __init__(self) -> None:
        super().__init__(
            "API key was `None` or empty, ensure you have set module level variable `eisync.API_KEY` or the "
            "environment variable `EI_API_KEY`, or pass `api_key`."
        )


class InvalidApiKeyException(EdgeImpulseException, ValueError):
    """What was given as the key cannot be one. The text says what is wrong with its form, and never what it is."""


class MissingApiIngestionEndpointException(EdgeImpulseException):
    """There is no address to upload to."""

    def __init__(self) -> None:
        super().__init__(
            "INGESTION_ENDPOINT was `None`, ensure you have set module level variable `eisync.INGESTION_ENDPOINT` or "
            "the environment variable `EI_INGESTION_ENDPOINT`."
        )


class UnsuccessfulRequestException(EdgeImpulseException):
    """The service answered and said no. `error` holds its words; None when it gave none."""

    def __init__(self, error: str | None) -> None:
        super().__init__(error if error is not None else "There was no error message included.")
        self.error = error


class TimeoutException(EdgeImpulseException):
    """No answer within the time limit; `timeout_sec` sets another one."""


class UnreachableException(EdgeImpulseException):
    """The service cannot be reached, or the connection broke, however often it was tried."""


class UnsupportedSampleType(EdgeImpulseException):
    """The data is of a kind that cannot be a sample. `error` says which."""

    def __init__(self, error: str | None) -> None:
        super().__init__(error if error is not None else "Unsupported sample type.")
        self.error = error


class ApiException(EdgeImpulseException):
    """An HTTP status that is an error. `status` is the number, `reason` and `body` are the service's words."""

    def __init__(self, status: int | None = None, reason: str | None = None, body: str | None = None) -> None:
        super().__init__(f"HTTP {status}: {reason}")
        self.status = status
        self.reason = reason
        self.body = body

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """Name a class of this module: one that is made by `also_official` is not known in another process."""
        kind = next(one for one in type(self).__mro__ if globals().get(one.__name__) is one)
        return _api_exception, (kind, (self.status, self.reason, self.body))


def _api_exception(kind: type[ApiException], arguments: tuple[Any, ...]) -> ApiException:
    return also_official(kind)(*arguments)


class UnauthorizedException(ApiException):
    """401: the service does not accept the API key; give another one."""


class ForbiddenException(ApiException):
    """403: the key's role does not allow the call."""


class NotFoundException(ApiException):
    """404: nothing of Studio's is at this address; see to the endpoint."""


class ServiceException(ApiException):
    """500 and above: the service failed, however often it was asked."""


def also_official(kind: type[ApiException]) -> type[ApiException]:
    """Return a class of `kind` and of the exception of that name of `edgeimpulse_api`; `kind` where that is not loaded.

    The package is never imported here: a script that catches its exceptions has imported it.
    """
    official = getattr(sys.modules.get("edgeimpulse_api.exceptions"), kind.__name__, None)
    if official is None:
        return kind
    found = _OF_BOTH.get((kind, official))
    if found is None:
        body = {"__doc__": kind.__doc__, "__module__": kind.__module__}
        found = _OF_BOTH[kind, official] = type(kind.__name__, (kind, official), body)
    return found


_OF_BOTH: dict[tuple[type, type], type[ApiException]] = {}
