"""Choose the part of a project's dataset for a sample, by the project and the emulator's settings. Pure."""

import json
from collections.abc import Mapping

from eisync.emulator.model import Project
from eisync.emulator.names import choose_split
from eisync.emulator.settings import EmulatorSettings
from eisync.emulator.splitting import SplitOptions, choose_part, read_options


def validation_of(project: Project, settings: EmulatorSettings) -> str:
    """Return what is done with a sample for the validation set: `stored`, `refused`, or stored in `training`."""
    if project.has_validation is None:
        return settings.validation
    if project.has_validation:
        return "stored"
    return "refused" if settings.validation == "stored" else settings.validation


def options_of(project: Project) -> SplitOptions:
    return SplitOptions() if project.split is None else read_options(json.loads(project.split))


def part_of(project: Project, settings: EmulatorSettings, md5_hex: str, metadata: Mapping[str, str] | None) -> str:
    """Return the part for a sample that was sent to `split`."""
    if settings.split_rule == "hash":
        return choose_split(md5_hex)
    part = choose_part(options_of(project), md5_hex, metadata)
    # The validation set may have been removed after the options were stored.
    return "training" if part == "validation" and validation_of(project, settings) != "stored" else part
