"""Decide about the key of a target: its place, whether Studio accepts it, what it may do, and which project it opens.

No text of a service is used that was not made one short line before, and none contains the key.
"""

from eisync.core.doctor.finding import CONFIGURATION, KEY_REFUSED, Finding, fault, not_checked, ok, warning
from eisync.core.text import amount


def place(target: str, place: str, warned: str | None, *, is_usual: bool) -> Finding:
    """Decide about the place and the form of a key that could be read. `warned`: what is wrong with its rights.

    `is_usual`: it begins like the keys of projects, with `ei_`.
    """
    if warned is not None:
        sentence, _, remedy = warned.partition(": run ")
        return warning("key file", sentence, (remedy or "chmod 600 on the key's file").strip("'"), about=target)
    if not is_usual:
        return warning(
            "key file",
            f"the key comes from {place}, and does not begin with ei_ as keys of projects do",
            "copy the API key of the project from Studio (Dashboard, Keys) again",
            about=target,
        )
    return ok("key file", f"the key comes from {place}", about=target)


def no_key(target: str, reason: str) -> Finding:
    """Say that there is no key, or one that cannot be read."""
    return fault(
        "key file",
        reason,
        "set EI_API_KEY, give --api-key-file FILE, or name api_key_file of the target in the configuration",
        about=target,
        exit_code=CONFIGURATION,
    )


def of_daemon(target: str, reason: str) -> Finding:
    """Say that the key cannot be read here; the running process has one of its own."""
    return not_checked("key file", f"{reason.partition('. ')[0]}, but the running eisync has one", about=target)


def accepted(target: str, project_id: int, role: str | None) -> Finding:
    """Decide whether a key that Studio accepts may upload. `role`: what Studio calls its rights; None: not named."""
    if role is not None and role.lower().replace("-", "").replace("_", "") == "readonly":
        return fault(
            "key",
            f"the key may only read project {project_id} (role {role}); nothing can be uploaded with it",
            "give eisync a key of the project that may write (Dashboard, Keys)",
            about=target,
            exit_code=KEY_REFUSED,
        )
    rights = f", role {role}" if role else ""
    return ok("key", f"Studio accepts the key: it opens project {project_id}{rights}", about=target)


def refused(target: str, reason: str) -> Finding:
    """Say that Studio refuses the key."""
    return fault(
        "key",
        reason.partition("; ")[0],
        "copy the API key of the project from Studio (Dashboard, Keys) into the place of the key",
        about=target,
        exit_code=KEY_REFUSED,
    )


def unusable(target: str, reason: str) -> Finding:
    """Say that Studio knows the key, and that eisync cannot work with it."""
    return fault(
        "key", f"Studio answers: {reason}", "give eisync the API key of one project (Dashboard, Keys)", about=target
    )


def not_studio(target: str, url: str, reason: str) -> Finding:
    """Say that something else than Studio answers at its address."""
    return fault(
        "key",
        f"what answers at {url} is not Studio ({reason})",
        "correct studio_url or EI_API_ENDPOINT (Studio's ends with /v1); a login page of the network: log in",
        about=target,
    )


def unanswered(target: str, reason: str) -> Finding:
    """Say that Studio was reached, and did not say whether it accepts the key."""
    return warning(
        "key",
        f"Studio did not say whether it accepts the key: {reason}",
        "try again in a minute, as eisync does",
        about=target,
    )


def untried(target: str) -> Finding:
    """Say that the way to Studio has a fault, so that the key was not tried."""
    return not_checked("key", "Studio is not reached (see above)", about=target)


def listing(target: str, samples: int) -> Finding:
    """Say that the key may list the project."""
    return ok("listing", f"the key may list the project: {amount(samples, 'sample')}", about=target)


def no_listing(target: str, reason: str) -> Finding:
    """Say that the key may not list the project: it may still upload."""
    return warning(
        "listing",
        f"the project cannot be listed: {reason}. Uploads work; eisync does not see deletions and edits in Studio",
        "give eisync a key that may read and write the project, or set reconcile.enabled = false",
        about=target,
    )


def project(target: str, opened: int, known: int | None) -> Finding:
    """Decide whether the key opens the project that the index knows; None when it knows none."""
    if known is None:
        return ok("project", f"project {opened}; nothing was uploaded with this state folder yet", about=target)
    if opened != known:
        return fault(
            "project",
            f"the key opens project {opened}, and the files of this state folder are in project {known}",
            "put the key of the old project back, or give the new project its own state folder (--state-dir)",
            about=target,
        )
    return ok("project", f"project {opened}, as the index says", about=target)
