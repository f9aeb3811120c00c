"""The names that scripts for the official SDK use, and what asking for them costs."""

import subprocess
import sys

import pytest

import eisync
import eisync.data
import eisync.exceptions
import eisync.experimental.data


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert 0 == done.returncode, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("ei.data.upload_directory", "eisync.data.files"),
        ("ei.experimental.data.upload_directory", "eisync.data.files"),
        ("ei.data.sample_type.Sample", "eisync.data.sample_type"),
        ("ei.exceptions.EdgeImpulseException", "eisync.exceptions"),
    ],
)
def test_what_the_notebooks_say_works_after_one_import(name: str, module: str) -> None:
    assert module == run(f"import eisync as ei; print({name}.__module__)")


def test_the_older_name_has_the_same_functions_and_one_more() -> None:
    older, newer = eisync.experimental.data, eisync.data
    assert {*newer.__all__, "infer_category_and_label_from_filename"} == set(older.__all__)
    assert all(getattr(older, name) is getattr(newer, name) for name in newer.__all__)
    assert older.infer_category_and_label_from_filename is newer.infer_from_filename


def test_the_older_name_can_be_imported_from() -> None:
    names = "upload_samples, get_sample_ids, infer_category_and_label_from_filename, Sample"
    assert "" == run(f"from eisync.experimental.data import {names}\nimport eisync.experimental.data as data")


def test_importing_the_package_loads_two_modules() -> None:
    """That is how it stays below 30 ms on a small board; `python -X importtime -c "import eisync"` tells how long."""
    script = "import os, sys, types\nbefore = set(sys.modules)\nimport eisync\ndir(eisync)\n"
    assert "['eisync', 'eisync._version']" == run(script + "print(sorted(set(sys.modules) - before))")


def test_what_is_not_there_is_an_attribute_error_that_says_so() -> None:
    with pytest.raises(
        AttributeError, match=("has no attribute 'model'; of the official SDK, eisync replaces only the data functions")
    ):
        eisync.model  # noqa: B018
    assert not hasattr(eisync, "no_such_thing")
    assert {"data", "exceptions", "experimental", "API_KEY"} <= set(dir(eisync))
