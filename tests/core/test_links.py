"""The clause about a link says what it is and what to do."""

import pytest

from eisync.core.ignore import Leads, behind, why_left_out

FILE, FOLDER = Leads.TO_FILE, Leads.TO_FOLDER


@pytest.mark.parametrize(
    ("leads", "target", "is_uploaded", "said"),
    [
        (
            FILE,
            "/x/a.csv",
            False,
            "it is a link to the file /x/a.csv; eisync does not follow links: copy the file here",
        ),
        (FOLDER, "/x", False, "it is a link to the folder /x; eisync does not follow links: watch that folder as well"),
        (
            FILE,
            "/r/a.csv",
            True,
            "it is a link to the file /r/a.csv in this watched folder, which is uploaded from its own",
        ),
        (FOLDER, None, True, "it is a link to a folder in this watched folder, which is uploaded from its own place"),
        (Leads.NOWHERE, "/x", False, "it is a broken link to /x: its target is gone; delete the link"),
        (Leads.NOWHERE, None, False, "it is a broken link: its target is gone; delete the link"),
        (Leads.UPWARDS, "/x", False, "it is a link to /x, which contains this watched folder; delete it"),
        (Leads.IN_A_CIRCLE, "/x", False, "it is a link that leads back to itself; delete it"),
        (
            Leads.TO_UNREADABLE,
            "/x",
            False,
            "it is a link to /x that eisync's user cannot access; eisync does not follow",
        ),
        (Leads.TO_UNREADABLE, None, False, "it is a link to a place that eisync's user cannot access"),
        (Leads.TO_OTHER, "/dev/null", False, "it is a link to /dev/null, which is neither a file nor a folder"),
    ],
)
def test_a_link_has_a_clause_with_a_remedy(leads: Leads, target: str | None, is_uploaded: bool, said: str) -> None:
    assert why_left_out(leads, target=target, is_uploaded=is_uploaded).startswith(said)


@pytest.mark.parametrize("leads", Leads)
def test_links_of_one_kind_are_counted_together(leads: Leads) -> None:
    assert "/x" not in why_left_out(leads)
    assert "None" not in why_left_out(leads)


def test_a_path_through_a_link_is_explained_by_that_link() -> None:
    assert "it is reached through day: it is a link" == behind("day", "it is a link")
