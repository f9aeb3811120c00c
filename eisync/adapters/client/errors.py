"""Translate network exceptions into those of eisync, read answers up to a limit, and keep keys out of both."""

import contextlib
import logging
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests
import urllib3

from eisync.core.redaction import KEYS
from eisync.core.text import printable_lines
from eisync.errors import AnswerTooLargeError, FileError, TransitError, UnansweredError, UnreachableError

_CHUNK_BYTES = 64 * 1024
# Loggers of the HTTP libraries that may quote an answer, such as headers that cannot be parsed.
_LOGGERS = ("urllib3.connection", "urllib3.connectionpool", "urllib3.response", "urllib3.util.retry", "requests")

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""No answer of the service is larger than this."""
MAX_PAGE_BYTES = 4 * 1024 * 1024
"""Request a page of a listing with fewer samples when it is larger. 1000 samples without many boxes take under 2 MB."""
MAX_SMALL_BYTES = 1024 * 1024
"""The limit for answers that are no listing and no file. They have a few hundred bytes."""


def clean_foreign_logs() -> None:
    """Keep keys and control characters out of what the HTTP libraries log. Safe to repeat.

    Python prints their warnings even if the program has not configured logging.
    """
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_clean)


def _clean(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    if record.exc_info:
        text += "\n" + logging.Formatter().formatException(record.exc_info)
        record.exc_info = record.exc_text = None
    record.msg, record.args = printable_lines(KEYS.text(text)), None
    return True


@contextlib.contextmanager
def translated(url: str) -> Iterator[None]:
    """Translate network exceptions into UnreachableError or UnansweredError, which name the host of `url`."""
    # The texts of these exceptions are not passed on: that of an InvalidHeader contains the key.
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.netloc}"
    try:
        yield
    except (FileError, TransitError):
        raise
    except requests.exceptions.SSLError as error:
        if isinstance(_innermost(error), ssl.SSLCertVerificationError):
            raise UnreachableError(f"{place} has no certificate that can be trusted") from None
        raise UnansweredError(f"the secure connection to {place} failed ({_cause(error)})") from None
    except requests.exceptions.ProxyError:
        raise UnreachableError(f"the proxy on the way to {place} does not answer") from None
    except requests.exceptions.ConnectTimeout:
        raise UnreachableError(f"{place} does not answer: no connection in time", is_timeout=True) from None
    except requests.exceptions.ReadTimeout:
        raise UnansweredError(f"{place} accepted the request but did not answer in time", is_timeout=True) from None
    except requests.exceptions.ConnectionError as error:
        if _never_connected(error):
            raise UnreachableError(f"{place} cannot be reached ({_cause(error)})") from None
        raise UnansweredError(f"the connection to {place} broke ({_cause(error)})") from None
    except (requests.exceptions.InvalidHeader, UnicodeError):
        raise UnreachableError("a header of the request is malformed; check the key and the label") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise UnansweredError(f"the request to {place} failed ({type(error).__name__})") from None
    except OSError as error:  # requests raises it when the file of certificates is missing
        raise UnansweredError(f"the request to {place} cannot be made ({error.strerror or error})") from None


def _never_connected(error: requests.exceptions.ConnectionError) -> bool:
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.NameResolutionError)


def _cause(error: BaseException) -> str:
    """Return the innermost reason, in a few words."""
    inner = _innermost(error)
    return str(getattr(inner, "strerror", None) or type(inner).__name__)


def _innermost(error: BaseException) -> BaseException:
    for _ in range(8):
        following = error.__cause__ or error.__context__ or getattr(error, "reason", None)
        if following is None and error.args:
            following = error.args[-1]
        if not isinstance(following, BaseException):
            break
        error = following
    return error


def read_whole(response: requests.Response, *, limit_bytes: int = MAX_ANSWER_BYTES, is_file: bool = False) -> bytearray:
    """Return the whole answer, with every key in it removed.

    `is_file`: return every byte unchanged, because it may be a recording. Raise AnswerTooLargeError, with the part that
    was received, for an answer larger than `limit_bytes`.
    """
    body = bytearray()
    for chunk in response.iter_content(_CHUNK_BYTES):
        body += chunk
        if len(body) > limit_bytes:
            raise AnswerTooLargeError(
                f"the answer is larger than {limit_bytes / 1024**2:.3g} MiB", begun=bytearray(KEYS.body(body))
            )
    clean = body if is_file else KEYS.body(body)
    return clean if isinstance(clean, bytearray) else bytearray(clean)
