import pytest

from eisync.core.ignore import ACCEPTED_EXTENSIONS, DEFAULT_IGNORES, IgnoreRules, RuleFile
from eisync.core.labels.sidecars import WHAT_THEY_ARE


@pytest.mark.parametrize("extension", sorted(ACCEPTED_EXTENSIONS))
@pytest.mark.parametrize("folder", ["", "day 1/", "a/b/c/"])
def test_extensions_that_the_service_takes_are_eligible(extension: str, folder: str) -> None:
    assert IgnoreRules().why_left_out(f"{folder}wave.01{extension}") is None
    assert IgnoreRules().why_left_out(f"{folder}WAVE{extension.upper()}") is None


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        (".hidden.csv", ".*"),
        (".git/a.csv", ".*"),
        ("day/.cache/deep/er/a.csv", ".*"),
        ("a.csv~", "*~"),
        ("a.csv.tmp", "*.tmp"),
        ("a.csv.part", "*.part"),
        ("scratch.tmp/a.csv", "*.tmp"),
        ("day/a.csv.crdownload", "*.crdownload"),
        ("~$a.csv", "~$*"),
        ("#a.csv#", "\\#*#"),
        ("odd\udcff.csv.tmp", "*.tmp"),
    ],
)
def test_temporary_files_of_other_programs_are_left_out(path: str, rule: str) -> None:
    assert f"ignored by the pattern {rule!r}" == IgnoreRules().why_left_out(path)


@pytest.mark.parametrize(
    ("path", "extension"), [("a.docx", ".docx"), ("a", "no extension"), ("a.", "."), ("d.csv/a", "no extension")]
)
def test_a_type_that_the_service_does_not_take_is_left_out(path: str, extension: str) -> None:
    assert f"not a type that Edge Impulse takes ({extension})" == IgnoreRules().why_left_out(path)


@pytest.mark.parametrize(
    ("patterns", "path", "rule"),
    [
        (["old/"], "old/a.csv", "old/"),
        (["old/"], "deep/old/a.csv", "old/"),
        (["/old/"], "deep/old/a.csv", None),
        (["old/"], "old.csv", None),
        (["*.csv", "!keep.csv"], "a.csv", "*.csv"),
        (["*.csv", "!keep.csv"], "keep.csv", None),
        (["!.well.csv"], ".well.csv", None),
        (["a/**/z.csv"], "a/b/c/z.csv", "a/**/z.csv"),
        (["", "# a comment", "*.csv"], "a.csv", "*.csv"),
        (["", "", "a.csv", "b.csv"], "a.csv", "a.csv"),
        (["日*"], "日記.csv", "日*"),
    ],
)
def test_gitignore_patterns_are_named_when_they_leave_a_file_out(
    patterns: list[str], path: str, rule: str | None
) -> None:
    expected = None if rule is None else f"ignored by the pattern {rule!r}"

    assert expected == IgnoreRules(patterns).why_left_out(path)


def test_a_file_can_be_judged_without_the_folders_above_it() -> None:
    rules = IgnoreRules(["raw/", "*.bak.csv"])
    assert rules.why_left_out("raw/1.csv") == "ignored by the pattern 'raw/'"
    assert rules.why_file_left_out("raw/1.csv") is None
    assert rules.why_file_left_out("raw/1.bak.csv") == "ignored by the pattern '*.bak.csv'"


def test_a_folder_matches_as_a_folder() -> None:
    eligibility = IgnoreRules(["old/"])

    assert "'old/'" == eligibility.ignoring_rule("old", is_dir=True)
    assert eligibility.ignoring_rule("old") is None


@pytest.mark.parametrize("patterns", [(), ("!.*",), ("!.eisync-trash/",), ("!**/*.csv", "!.eisync-trash/**")])
@pytest.mark.parametrize("path", [".eisync-trash/2026-11-26/17/a.csv", "mounted/.eisync-trash/a.csv"])
def test_no_pattern_includes_eisync_s_trash_again(patterns: tuple[str, ...], path: str) -> None:
    rules = RuleFile(["!*", "!.eisync-trash/", "!*.csv"])

    for eligibility in (IgnoreRules(patterns), IgnoreRules(patterns, rules_in=lambda _folder, *, anew=False: rules)):
        assert "it is in eisync's own trash" == eligibility.why_left_out(path)
        folder = path.partition(".eisync-trash")[0] + ".eisync-trash"
        assert "eisync's own trash" == eligibility.ignoring_rule(folder, is_dir=True)
        assert eligibility.ignoring_rule(path) is not None


def test_a_name_that_only_resembles_the_trash_follows_the_patterns() -> None:
    assert IgnoreRules(["!.*"]).why_left_out(".eisync-trash-2/a.csv") is None


@pytest.mark.parametrize("pattern", ["!", "a\\", "[z-a].csv"])
def test_a_pattern_that_is_not_gitignore_s_is_a_value_error(pattern: str) -> None:
    with pytest.raises(ValueError):
        IgnoreRules([pattern])


@pytest.mark.parametrize("rule", DEFAULT_IGNORES)
def test_every_default_can_be_included_again(rule: str) -> None:
    path = rule.replace("*", "x") + ("" if rule.endswith(".csv") else ".csv")

    assert IgnoreRules([f"!{path}"]).ignoring_rule(path) is None


CLUTTER = ("README.txt", "wave.sync-conflict-20260101-101010-ABCDEFG.csv", "._a.csv")


@pytest.mark.parametrize("folder", ["", "day 1/"])
@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("README.txt", "a readme, not a sample"),
        ("Thumbs.db", "a file that the desktop keeps for itself"),
        ("._a.wav", "a file that the desktop keeps for itself"),
        (
            "a (conflicted copy 2026-01-01).csv",
            "a conflict copy made by a sync program, next to the original file",
        ),
        ("@eaDir/a.jpg/THUMB.jpg", "it is in @eaDir, where a NAS keeps thumbnails and its own files"),
        ("$RECYCLE.BIN/S-1-5/$R1.jpg", "it is in $RECYCLE.BIN, where deleted files lie"),
        (".stversions/a.csv", "it is in .stversions, where Syncthing keeps earlier versions"),
    ],
)
def test_a_file_that_is_no_sample_is_left_out_with_what_it_is(folder: str, path: str, why: str) -> None:
    assert why == IgnoreRules().why_left_out(folder + path)


@pytest.mark.parametrize("path", CLUTTER)
@pytest.mark.parametrize("pattern", ["!{}", "!**/*.*"])
def test_a_pattern_can_include_clutter_again(path: str, pattern: str) -> None:
    assert IgnoreRules([pattern.format(path)]).why_left_out(path) is None
    rules = RuleFile([pattern.format(path)])
    assert IgnoreRules(rules_in=lambda folder, *, anew=False: rules if not folder else None).why_left_out(path) is None


def test_a_folder_of_another_program_is_included_again_as_a_folder() -> None:
    assert IgnoreRules(["!@eaDir/"]).why_left_out("day/@eaDir/a.jpg") is None
    assert IgnoreRules(["!lost+found"]).why_left_out("lost+found/a.jpg") is None
    assert IgnoreRules(["!@eaDir/*.jpg"]).why_left_out("day/@eaDir/a.jpg") is not None, "as with git"


def test_a_file_may_have_the_name_of_such_a_folder_and_vice_versa() -> None:
    assert IgnoreRules().ignoring_rule("lost+found") is None
    assert IgnoreRules().ignoring_rule("README.txt", is_dir=True) is None
    assert IgnoreRules().why_left_out("readme/a.csv") is None


def test_a_sidecar_in_another_letter_case_has_the_right_name_in_its_reason() -> None:
    assert "is not named info.labels: rename it" in str(IgnoreRules().why_left_out("day/Info.labels"))


RULES = {
    "": RuleFile(["*.log.csv", "!day/kept.log.csv", "old/"]),
    "day": RuleFile(["a.csv", "!b.log.csv"]),
    "bad": RuleFile(["[z-a].csv"]),
    "unread": RuleFile(["never.csv"], trouble="it cannot be read (Permission denied)"),
}


def rules_in(folder: str, *, anew: bool = False) -> RuleFile | None:
    return RULES.get(folder)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("x.csv", None),
        ("x.log.csv", "'*.log.csv' (line 1 of .eisyncignore)"),
        ("day/a.csv", "'a.csv' (line 1 of day/.eisyncignore)"),
        ("day/deep/a.csv", "'a.csv' (line 1 of day/.eisyncignore)"),
        ("a.csv", None),  # the rules of a folder apply to its content
        ("day/b.log.csv", None),  # the deeper folder wins
        ("day/kept.log.csv", None),
        ("day/c.log.csv", "'*.log.csv' (line 1 of .eisyncignore)"),
        ("old/x.csv", "'old/' (line 3 of .eisyncignore)"),
        ("day/x.csv.tmp", "'*.tmp'"),
        ("unread/x.csv", "in unread/.eisyncignore, which cannot be used: it cannot be read (Permission denied)"),
        ("bad/x.csv", "in bad/.eisyncignore, which cannot be used: "),
    ],
)
def test_the_rules_of_a_folder_apply_to_its_content_and_are_named(path: str, rule: str | None) -> None:
    ignore = IgnoreRules(rules_in=rules_in)
    reasons = (ignore.ignoring(path), ignore.why_ignored(path), ignore.why_left_out(path))
    if rule is None:
        assert (None, None, None) == reasons
        return
    found, why_ignored, why_left_out = map(str, reasons)
    assert found.startswith(rule)
    assert f"ignored by the pattern {found}" == why_ignored == why_left_out


@pytest.mark.parametrize("folder", ["day", "unread", "bad"])
def test_the_rules_of_a_folder_do_not_apply_to_the_folder_itself(folder: str) -> None:
    assert IgnoreRules(rules_in=rules_in).why_ignored(folder, is_dir=True) is None


@pytest.mark.parametrize(
    ("folder", "is_so"), [("", True), ("day", True), ("day/deep/er", True), ("else/where", True), ("unread", True)]
)
def test_folders_below_a_rule_file_are_reported(folder: str, is_so: bool) -> None:
    assert is_so is IgnoreRules(rules_in=rules_in).is_spoken_of(folder)
    assert not IgnoreRules().is_spoken_of(folder)


def test_every_folder_above_is_read_again_when_none_has_rules() -> None:
    asked = []

    def nothing(folder: str, *, anew: bool = False) -> RuleFile | None:
        asked.append((folder, anew))
        return None

    assert not IgnoreRules(rules_in=nothing).is_spoken_of("day/deep")
    assert [("day/deep", True), ("day", True), ("", True)] == asked


def test_the_weight_of_a_rule_file_is_that_of_its_patterns() -> None:
    assert 0 == RuleFile().weight == RULES["bad"].weight == RULES["unread"].weight
    assert 0 < RuleFile(["a.csv"]).weight < RuleFile(["a.csv", "b.csv"]).weight


@pytest.mark.parametrize("name", sorted(WHAT_THEY_ARE))
def test_a_sidecar_is_left_out_with_what_it_is(name: str) -> None:
    assert WHAT_THEY_ARE[name] == IgnoreRules().why_left_out(f"day/{name}")


def test_only_named_files_are_left() -> None:
    files = IgnoreRules(only=frozenset({"cat/a.csv"}), rules_in=lambda folder, *, anew=False: RuleFile(["!*"]))
    assert files.why_left_out("cat/a.csv") is None
    assert {"other files were named"} == {files.why_left_out(path) for path in ("b.csv", "cat/b.csv", "dog/a.csv")}
    assert [True, False, False] == [
        files.ignoring_rule(folder, is_dir=True) is None for folder in ("cat", "ca", "cat/below")
    ]
    assert files.ignoring("cat/info.labels") is None
