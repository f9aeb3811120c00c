"""The part of the official SDK's `edgeimpulse.util` that has to do with data, under its names.

What needs the rest of the service (jobs, deployments, models, sockets) is not here: asking for it raises an
AttributeError that says so. `configure_generic_client` makes a client of the official package `edgeimpulse_api`, and
needs it installed.

Source: edgeimpulse 1.0.20, `util.py`.
"""

import base64
import importlib
import os
import platform
from importlib.util import find_spec
from typing import Any

import eisync
from eisync.data.client import Access, api_key
from eisync.data.studio import CATEGORIES
from eisync.exceptions import (
    InvalidAuthTypeException,
    InvalidModelException,
    MissingApiKeyException,
    TimeoutException,
    UnsuccessfulRequestException,
)

__all__ = [
    "DATA_CATEGORIES",
    "InvalidAuthTypeException",
    "InvalidModelException",
    "MissingApiKeyException",
    "TimeoutException",
    "UnsuccessfulRequestException",
    "check_response_errors",
    "configure_generic_client",
    "default_project_id_for",
    "encode_file_as_base64",
    "get_user_agent",
    "is_numpy_array",
    "is_path_to_numpy_file",
    "is_path_to_onnx_model",
    "is_type_accepted_by_open",
    "numpy_installed",
    "onnx_installed",
    "pandas_installed",
    "tensorflow_installed",
]

DATA_CATEGORIES = list(CATEGORIES)
"""The categories that samples may be listed and deleted by."""

_KEY_NAMES = {
    "api": "ApiKeyAuthentication",
    "jwt": "JWTAuthentication",
    "jwt_http": "JWTHttpHeaderAuthentication",
}


def __getattr__(name: str) -> Any:
    raise AttributeError(f"module 'eisync.util' has no attribute {name!r}; eisync has what concerns data of the module")


def get_user_agent(add_platform_info: bool = False) -> str:
    """Return what a request says of its sender: `eisync/1.0`, and the platform in brackets if it is asked for."""
    about = f" (python {platform.python_version()} {platform.system().lower()})" if add_platform_info else ""
    return f"eisync/{eisync.__version__}{about}"


def configure_generic_client(
    key: str | None, key_type: str | None = "api", host: str | None = "https://studio.edgeimpulse.com/v1"
) -> Any:
    """Return an `edgeimpulse_api.ApiClient` with this key, for calls that eisync does not have.

    Args:
        key: The key. An empty one is a missing one.
        key_type: `api`, `jwt` or `jwt_http`.
        host: The address of Studio's API, with its version.

    Raises:
        MissingApiKeyException: There is no key.
        InvalidAuthTypeException: The kind of key is unknown.
        ImportError: The package `edgeimpulse_api` is not installed.

    Example:
        >>> client = configure_generic_client(eisync.API_KEY, host=eisync.API_ENDPOINT)  # doctest: +SKIP
    """
    if not (key or "").strip():
        raise MissingApiKeyException
    if key_type not in _KEY_NAMES:
        raise InvalidAuthTypeException(f"Unrecognized key_type: {key_type}; it may be {', '.join(_KEY_NAMES)}")
    package = importlib.import_module("edgeimpulse_api")  # it is rarely there, and takes a second to load
    configuration = package.Configuration(host=host)
    configuration.api_key[_KEY_NAMES[key_type]] = key
    client = package.ApiClient(configuration)
    client.user_agent += f" {get_user_agent()}"
    return client


def default_project_id_for(client: Any) -> int:
    """Return the project that the client's key opens.

    Args:
        client: A client of `configure_generic_client` with a project's key.

    Raises:
        InvalidAuthTypeException: The client has a user's key, which opens many projects.
        UnauthorizedException: The service refuses the key; further exceptions as of `eisync.data.get_sample_ids`.

    Example:
        >>> default_project_id_for(configure_generic_client(eisync.API_KEY))  # doctest: +SKIP
        12345
    """
    keys = client.configuration.api_key
    if any("JWT" in name for name in keys):
        raise InvalidAuthTypeException("default_project_id_for is for a project's API key; a user's key opens several")
    return Access(api_key(keys.get(_KEY_NAMES["api"], "")), host=client.configuration.host).project_id()


def check_response_errors(request: Any) -> None:
    """Raise UnsuccessfulRequestException, with the service's words, for an answer whose `success` is not True."""
    if hasattr(request, "success") and request.success is not True:
        raise UnsuccessfulRequestException(getattr(request, "error", None))


def numpy_installed() -> bool:
    """Return whether numpy could be imported; it is not."""
    return find_spec("numpy") is not None


def pandas_installed() -> bool:
    """Return whether pandas could be imported; it is not."""
    return find_spec("pandas") is not None


def tensorflow_installed() -> bool:
    """Return whether TensorFlow could be imported; it is not."""
    return find_spec("tensorflow") is not None


def onnx_installed() -> bool:
    """Return whether ONNX could be imported; it is not."""
    return find_spec("onnx") is not None


def is_numpy_array(array: Any) -> bool:
    """Return whether it is an array of numpy, and of no class derived from it.

    >>> is_numpy_array([1, 2])
    False
    """
    kind = type(array)
    return kind.__name__ == "ndarray" and kind.__module__ == "numpy"


def is_type_accepted_by_open(path: Any) -> bool:
    """Return whether it is a path: a text, or one of pathlib."""
    return isinstance(path, str | os.PathLike)


def is_path_to_numpy_file(path: Any) -> bool:
    """Return whether it is a path that ends in `.npy`."""
    return is_type_accepted_by_open(path) and str(path).endswith(".npy")


def is_path_to_onnx_model(path: Any) -> bool:
    """Return whether it is a path that ends in `.onnx`."""
    return is_type_accepted_by_open(path) and str(path).endswith(".onnx")


def encode_file_as_base64(filename: str) -> str:
    """Return the bytes of the file as Base64. Raises OSError."""
    with open(filename, "rb") as file:
        return base64.b64encode(file.read()).decode("ascii")
