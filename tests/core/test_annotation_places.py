"""Where annotation files lie, and which of them describe a file."""

from collections.abc import Mapping, Sequence

import pytest

from eisync.core.annotations.class_names import is_list as is_class_list
from eisync.core.annotations.places import (
    MAX_DOCUMENTS,
    MAX_EXAMPLES,
    MAX_FOLDERS,
    NOTHING,
    Listing,
    ListingOf,
    class_lists_of,
    companions_of,
    documents_of,
    files_of,
    folders_below,
    is_annotation_name,
    is_companion_name,
    is_for,
    is_image,
    is_likely_document,
    is_recording,
    listing_of,
    may_be_document,
    scope_of,
    scope_of_classes,
)


def tree(*paths: str) -> ListingOf:
    """Return the listings of a tree of files."""
    files: dict[str, list[str]] = {}
    folders: dict[str, set[str]] = {}
    for path in paths:
        parts = path.split("/")
        for depth in range(len(parts)):
            folder = "/".join(parts[:depth])
            folders.setdefault(folder, set())
            files.setdefault(folder, [])
            if depth < len(parts) - 1:
                folders[folder].add(parts[depth])
        files["/".join(parts[:-1])].append(parts[-1])

    def listing(folder: str) -> Listing:
        if folder not in files:
            return NOTHING
        return listing_of(files[folder], sorted(folders[folder]), len(files[folder]) + len(folders[folder]))

    return listing


@pytest.mark.parametrize(
    ("image", "annotation"),
    [
        ("a.jpg", "a.txt"),
        ("a.jpg", "labels/a.txt"),
        ("images/a.jpg", "labels/a.txt"),
        ("images/train/a.jpg", "labels/train/a.txt"),
        ("train/images/a.jpg", "train/labels/a.txt"),
        ("train/a.jpg", "labels/train/a.txt"),
        ("set/train/images/a.png", "set/train/labels/a.txt"),
        ("VOC2012/JPEGImages/2007_000027.jpg", "VOC2012/Annotations/2007_000027.xml"),
        ("train/a.jpg", "train/a.xml"),
        ("a/b/c.jpg", "a/b/annots/c.xml"),
    ],
)
def test_the_companion_of_an_image_is_beside_it_or_in_a_mirror(image: str, annotation: str) -> None:
    assert annotation in companions_of(image, tree(image, annotation))
    assert image.rpartition(".")[0] in files_of(annotation)


@pytest.mark.parametrize(
    ("image", "other"),
    [
        ("images/train/a.jpg", "labels/val/a.txt"),
        ("images/train/a.jpg", "labels/a.txt"),  # it would describe the one of images/val as well
        ("images/a.jpg", "texts/a.txt"),
        ("images/a.jpg", "labels/a.json"),
        ("depth/a.png", "labels/a.txt"),  # it is that of images/a.png
    ],
)
def test_an_annotation_elsewhere_is_no_companion(image: str, other: str) -> None:
    assert other not in companions_of(image, tree(image, other))


def test_the_nearest_companion_comes_first_and_none_is_looked_for_where_none_can_be() -> None:
    listing = tree("images/a.jpg", "images/a.xml", "labels/a.txt", "empty/labels/x")
    assert ["images/a.txt", "images/a.xml", "labels/a.txt", "labels/a.xml"] == list(
        companions_of("images/a.jpg", listing)
    )
    assert [] == list(companions_of("empty/a.jpg", listing))
    assert [] == list(companions_of("images/a.mp4", listing))


def test_a_recording_has_label_tracks_and_is_not_its_own_companion() -> None:
    listing = tree("a.wav", "a.txt", "b.TextGrid")
    assert ["a.txt", "a.TextGrid", "a.textgrid"] == list(companions_of("a.wav", listing))
    assert ["a.TextGrid", "a.textgrid"] == list(companions_of("a.txt", listing))


@pytest.mark.parametrize(
    ("path", "document", "folder"),
    [
        ("a.jpg", "_annotations.coco.json", ""),
        ("train/a.jpg", "train/_annotations.coco.json", "train"),
        ("train2017/1.jpg", "annotations/instances_train2017.json", ""),
        ("data/1.jpg", "labels.json", ""),
        ("images/a.jpg", "result.json", ""),
        ("VOC2012/JPEGImages/2007_000027.jpg", "VOC2012/ImageSets/Main/person.txt", "VOC2012"),
        ("a/b/c.wav", "a/manifest.csv", "a"),
    ],
)
def test_a_shared_document_describes_the_folder_that_it_is_in(path: str, document: str, folder: str) -> None:
    assert (document, folder) in documents_of(path, tree(path, document))
    assert folder == scope_of(document)


@pytest.mark.parametrize(
    ("place", "folder"),
    [
        ("classes.txt", ""),
        ("labels/classes.txt", ""),
        ("train/labels/classes.txt", "train"),
        ("a/labels/train/labels/classes.txt", "a"),
        ("a/b/obj.names", "a/b"),
    ],
)
def test_a_list_of_classes_is_for_the_files_that_its_folder_of_labels_describes(place: str, folder: str) -> None:
    assert folder == scope_of_classes(place)


def test_the_folders_below_come_level_by_level() -> None:
    listing = tree("a/x/1.jpg", "b/x/y/2.jpg", "labels/1.txt", "3.jpg")
    assert ["", "a", "b", "a/x", "b/x"] == list(folders_below("", listing, 2))
    assert [""] == list(folders_below("", listing, 0))
    assert ["b", "b/x", "b/x/y"] == list(folders_below("b", listing, 9))


def test_few_folders_are_remembered() -> None:
    assert MAX_FOLDERS + 1 == len(listing_of([], [str(number) for number in range(MAX_FOLDERS * 2)], 0).folders)


def test_the_nearest_document_comes_first() -> None:
    listing = tree("a/b/c.jpg", "a/b/one.json", "a/two.json", "three.json", "annotations/four.json", "other/five.json")
    found = [place for place, _ in documents_of("a/b/c.jpg", listing)]
    assert ["a/b/one.json", "a/two.json", "three.json", "annotations/four.json"] == found


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("instances_train2017.json", "train2017/1.jpg", True),
        ("instances_val2017.json", "train2017/1.jpg", False),
        ("instances_val2017.json", "images/1.jpg", True),
        ("train.json", "images/Train/1.jpg", True),
        ("test.csv", "training/1.jpg", False),
        ("train_val.json", "test/1.jpg", True),
        ("testing_list.csv", "contest/1.jpg", True),
    ],
)
def test_a_document_for_one_category_says_nothing_of_another(name: str, path: str, expected: bool) -> None:
    assert expected is is_for(name, path, "")


def test_the_folder_above_the_document_does_not_decide_its_category() -> None:
    assert is_for("val.json", "train/set/images/1.jpg", "train/set")


def test_a_folder_full_of_samples_has_only_documents_with_a_telling_name() -> None:
    samples = [f"idle.{number}.csv" for number in range(MAX_DOCUMENTS + 1)]
    assert () == listing_of(samples, [], 30).documents
    assert tuple(sorted(samples[:3])) == listing_of(samples[:3], [], 3).documents
    named = ["_annotations.csv", "instances_val.json", "project-1-at-2024-01-01.json", "train.csv"]
    assert tuple(sorted(named)) == listing_of([*samples, *named], [], 40).documents


@pytest.mark.parametrize(
    "name",
    [
        *("annot.json", "my_COCO.json", "Instances.json", "label.csv", "LABELS.json", "a_classes.csv", "manifest.json"),
        *("metadata.csv", "bbox.csv", "via_1.json", "result.json", "project-1.json", "label studio.json"),
        *("CreateML.json", "train_1.json", "a.test-1.json", "val.json", "VALID-1.csv", "validation_2.csv"),
        "\u017firen_re\u017fult.json",  # lower case of it is another letter
    ],
)
def test_every_likely_name_is_found_among_many(name: str) -> None:
    samples = [f"wave.{number}.csv" for number in range(30)]
    assert (True, (name,)) == (is_likely_document(name), listing_of([*samples, name], [], 31).documents)


@pytest.mark.parametrize(
    ("name", "may_be", "is_likely"),
    [
        ("_annotations.coco.json", True, True),
        ("instances_val2017.json", True, True),
        ("list.csv", True, False),
        ("idle.1.csv", True, False),
        ("labels.wav", False, True),
        ("idle.1.wav", False, False),
    ],
)
def test_the_name_says_whether_a_file_may_be_a_document(name: str, may_be: bool, is_likely: bool) -> None:
    assert (may_be, is_likely) == (may_be_document(name), is_likely_document(name))


def test_few_companions_are_remembered_as_examples() -> None:
    found = listing_of([f"{number}.txt" for number in range(MAX_EXAMPLES + 3)], [], 8)
    assert MAX_EXAMPLES == len(found.companions)


@pytest.mark.parametrize(
    "name",
    [
        "classes.txt",
        "obj.names",
        "coco.names",
        "data.yaml",
        "Data.YML",
        "_darknet.labels",
        "notes.json",
        "_classes.txt",
    ],
)
def test_lists_of_classes_have_known_names(name: str) -> None:
    assert is_class_list(name)
    assert is_annotation_name(name)
    assert () == listing_of([name], [], 1).documents


def test_other_names_are_no_lists_of_classes() -> None:
    assert not any(map(is_class_list, ("a.txt", "labels.csv", "instances.json", "names")))
    assert is_annotation_name("a.xml")
    assert not is_annotation_name("a.jpg")
    assert is_companion_name("labels/a.txt")
    assert not is_companion_name("labels/classes.txt")
    assert is_image("a.PNG")
    assert not is_image("a.wav")
    assert is_recording("a.wav")


def test_a_folder_that_cannot_be_listed_holds_nothing() -> None:
    assert [] == list(companions_of("gone/a.jpg", tree("x/a.jpg")))


@pytest.mark.parametrize(
    ("place", "files", "expected"),
    [
        ("train/labels/a.txt", ("data.yaml",), ["data.yaml"]),
        ("labels/a.txt", ("labels/classes.txt", "data.yaml"), ["labels/classes.txt", "data.yaml"]),
        ("a.txt", ("obj.names", "data.yaml", "z.yaml"), ["data.yaml", "obj.names", "z.yaml"]),
        ("train/a.txt", ("labels/classes.txt",), ["labels/classes.txt"]),
    ],
)
def test_the_nearest_list_of_classes_comes_first(place: str, files: Sequence[str], expected: Sequence[str]) -> None:
    assert expected == list(class_lists_of(place, tree(place, *files)))


def test_what_a_companion_may_describe() -> None:
    found: Mapping[str, None] = dict.fromkeys(files_of("set/labels/train/a.txt"))
    assert "set/labels/train/a" in found
    assert "set/train/a" in found
    assert "set/images/train/a" in found
    assert ["a"] == list(files_of("a.txt"))
