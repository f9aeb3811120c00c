"""Layouts in which folders, names and lists give the label and the category."""

from pathlib import Path

from tests.layouts import media
from tests.layouts.wanted import ANY, Generator, Layout, Wanted, lines, write

WORDS = (
    *("backward", "bed", "bird", "cat", "dog", "down", "eight", "five", "follow", "forward", "four", "go"),
    *("happy", "house", "learn", "left", "marvin", "nine", "no", "off", "on", "one", "right", "seven"),
    *("sheila", "six", "stop", "three", "tree", "two", "up", "visual", "wow", "yes", "zero"),
)


def class_folders(root: Path) -> Layout:
    """A folder for each class, in which names only number the files."""
    found = []
    for label in ("wave", "Prüfstand leer", "cat", "dog"):
        for number in range(3):
            content = media.jpeg() if label in ("cat", "dog") else media.table()
            extension = "jpg" if label in ("cat", "dog") else "csv"
            found.append(Wanted(write(root, f"{label}/{number:03}.{extension}", content), label))
    write(root, "README.md", "# My data\n")
    return Layout(found)


def trees_in_any_case(root: Path) -> Layout:
    """Folders for training, testing and validation, as people write them, above folders for the classes."""
    found = []
    names = {
        "Train": "training",
        "TEST": "testing",
        "val": "validation",
        "Test Data": "testing",
        "training_set": "training",
    }
    for folder, category in names.items():
        for label in ("idle", "snake"):
            for number in range(2):
                name = write(root, f"{folder}/{label}/{number:04}.csv", media.table())
                found.append(Wanted(name, label, category))
    return Layout(found)


def names_in_split_folders(root: Path) -> Layout:
    """The label is in the name of the file, the category in that of its folder: as Edge Impulse documents it."""
    found = [
        Wanted(write(root, f"{folder}/{label}.{number}.wav", media.wav(0.1)), label, category)
        for folder, category in (("training", "training"), ("testing", "testing"))
        for label in ("yes", "no", "noise")
        for number in range(2)
    ]
    return Layout(found)


def speech_commands(root: Path) -> Layout:
    """Google's Speech Commands: 35 words, and two lists of the files that are not for training."""
    found: list[Wanted] = []
    lists: dict[str, list[str]] = {"testing": [], "validation": []}
    for at, word in enumerate(WORDS):
        for number, category in enumerate(("training", "testing", "validation")):
            place = f"{word}/{at:02x}7c2a8d_nohash_{number}.wav"
            found.append(Wanted(write(root, place, media.wav(0.1)), word, category))
            if category in lists:
                lists[category].append(place)
    for noise in ("doing_the_dishes", "white_noise"):
        name = write(root, f"_background_noise_/{noise}.wav", media.wav(0.3))
        found.append(Wanted(name, "_background_noise_", "training"))
    for category, places in lists.items():
        write(root, f"{category}_list.txt", lines(places))
    write(root, "README.md", "## Speech Commands Data Set v0.02\n")
    write(root, "LICENSE", "Creative Commons BY 4.0\n")
    return Layout(found, 'label = "folder"\ncategory = "training"')


def sessions_of_subjects(root: Path) -> Layout:
    """Recordings of people, as in UCI HAR: no session may be in training and in testing."""
    found = []
    for subject in range(1, 31):
        for label in ("walk", "sit", "stand"):
            for number in range(2):
                session = f"2024{subject % 12 + 1:02}{subject % 28 + 1:02}"
                name = write(root, f"s{subject:02}_{label}_{session}_{number}.csv", media.table())
                found.append(Wanted(name, label, ANY, metadata={"subject": f"s{subject:02}", "session": session}))
    settings = r"""
[[watch.rule]]
match = "*.csv"
pattern = '(?P<subject>s\d+)_(?P<label>[a-z]+)_(?P<session>\d{8})'
[watch.split]
by = "session"
testing = 20
"""
    return Layout(found, settings, group="session", testing=20)


def openmv(root: Path) -> Layout:
    """The dataset editor of OpenMV: a folder `NAME.class` for each class."""
    found = [
        Wanted(write(root, f"{label}.class/{number:05}.jpg", media.jpeg()), label)
        for label in ("person", "no_person")
        for number in range(3)
    ]
    write(root, "labels.txt", "no_person\nperson\n")
    return Layout(found)


def manifest_of_excel(root: Path) -> Layout:
    """A list that Excel saved as "CSV UTF-8": commas, and a byte order mark."""
    found = [
        Wanted(write(root, "day 1/001.wav", media.wav(0.1)), "door", "training", metadata={"site": "lab 3, left"}),
        Wanted(write(root, "day 1/002.wav", media.wav(0.1)), "glass", "testing", metadata={"site": "hall"}),
        Wanted(write(root, "day 2/001.csv", media.table()), "door", "training", metadata={"site": "hall"}),
    ]
    places = ("day 1/001.wav", "day 1/002.wav", "day 2/001.csv")
    rows = [
        f'{place},{one.label},{one.category},"{one.metadata["site"]}"' for place, one in zip(places, found, strict=True)
    ]
    text = lines(["file,label,category,metadata.site", *rows])
    write(root, "labels.csv", ("\ufeff" + text.replace("\n", "\r\n")).encode())
    return Layout(found)


def manifest_of_excel_in_german(root: Path) -> Layout:
    """A list that Excel in German saved as CSV: semicolons, and the code page of Windows."""
    rows = [
        ("Aufnahmen/Prüfung 1.wav", "Geräusch", "Training", "Müller"),
        ("Aufnahmen/Prüfung 2.wav", "Stille; leise", "Test", "Groß"),
        ("Aufnahmen/7.csv", "Geräusch", "Test", ""),
    ]
    categories = {"Training": "training", "Test": "testing"}
    found = []
    for place, label, category, tester in rows:
        content = media.wav(0.1) if place.endswith("wav") else media.table()
        metadata = {"Prüfer": tester} if tester else {}
        found.append(Wanted(write(root, place, content), label, categories[category], metadata=metadata))
    quoted = (f'"{label}"' if ";" in label else label for _, label, _, _ in rows)
    text = lines(
        ["File;Label;Category;metadata.Prüfer"]
        + [
            f"{place};{label};{category};{tester}"
            for (place, _, category, tester), label in zip(rows, quoted, strict=True)
        ]
    )
    write(root, "Liste.csv", text.replace("\n", "\r\n").encode("cp1252"))
    return Layout(found, 'manifest = "Liste.csv"')


def manifest_of_hugging_face(root: Path) -> Layout:
    """An AudioFolder of Hugging Face, with its metadata as lines of JSON in each split."""
    found = []
    for split, category in (("train", "training"), ("test", "testing")):
        rows = []
        for number in range(3):
            found.append(Wanted(write(root, f"{split}/{number}.wav", media.wav(0.1)), f"word{number}", category))
            rows.append(f'{{"file_name": "{number}.wav", "label": "word{number}"}}')
        write(root, f"{split}/metadata.jsonl", lines(rows))
    return Layout(found)


LAYOUTS: tuple[Generator, ...] = (
    class_folders,
    trees_in_any_case,
    names_in_split_folders,
    speech_commands,
    sessions_of_subjects,
    openmv,
    manifest_of_excel,
    manifest_of_excel_in_german,
    manifest_of_hugging_face,
)
