"""Images and annotations arrive, change and go in any order: each image has the boxes that were drawn for it.

Images in different folders have the same names, so that boxes could get to another image; and each folder is annotated
by another program.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from eisync.core.lifecycle import State
from tests.examples import examples

from .test_annotations import boxes, png
from .yard import Yard, run

WIDTH, HEIGHT = 100, 50
NAMES = ("1", "a 2")
FOLDERS = ("train/images", "voc", "coco", "pool/deep", "")
IMAGES = [(folder, name) for folder in FOLDERS for name in NAMES]
CLASSES = ("cat", "dog")
SCAN_S = 61.0

Box = tuple[str, int, int, int, int]
Image = tuple[str, str]


def path_of(image: Image) -> str:
    folder, name = image
    return f"{folder}/{name}.png" if folder else f"{name}.png"


def yolo(drawn: list[Box]) -> str:
    return "".join(
        f"{CLASSES.index(label)} {(x + width / 2) / WIDTH} {(y + height / 2) / HEIGHT} {width / WIDTH} "
        f"{height / HEIGHT}\n"
        for label, x, y, width, height in drawn
    )


def voc(drawn: list[Box]) -> str:
    objects = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{x}</xmin><ymin>{y}</ymin><xmax>{x + width}</xmax>"
        f"<ymax>{y + height}</ymax></bndbox></object>"
        for label, x, y, width, height in drawn
    )
    size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
    return f"<annotation><filename>x.png</filename>{size}{objects}</annotation>"


def coco(by_name: dict[str, list[Box]]) -> str:
    images = [
        {"id": at, "file_name": name, "width": WIDTH, "height": HEIGHT} for at, name in enumerate(sorted(by_name))
    ]
    drawn = [
        {"id": 1, "image_id": at, "category_id": CLASSES.index(label), "bbox": [x, y, width, height]}
        for at, name in enumerate(sorted(by_name))
        for label, x, y, width, height in by_name[name]
    ]
    categories = [{"id": at, "name": name} for at, name in enumerate(CLASSES)]
    return json.dumps({"images": images, "annotations": drawn, "categories": categories})


def table(by_name: dict[str, list[Box]]) -> str:
    rows = [
        f"{name},{WIDTH},{HEIGHT},{label},{x},{y},{x + width},{y + height}"
        for name, drawn in sorted(by_name.items())
        for label, x, y, width, height in drawn
    ]
    return "\n".join(["filename,width,height,class,xmin,ymin,xmax,ymax", *rows, ""])


COMPANIONS = {
    "train/images": "train/labels/{}.txt",
    "images/val": "labels/val/{}.txt",
    "voc": "voc/{}.xml",
    "": "{}.xml",
}
DOCUMENTS = {
    "coco": ("coco/_annotations.csv", "{}.png"),
    "pool/deep": ("annotations/instances.json", "pool/deep/{}.png"),
}


def boxes_drawn() -> st.SearchStrategy[list[Box]]:
    return st.lists(
        st.builds(
            lambda label, x, y: (label, x, y, 20, 10), st.sampled_from(CLASSES), st.integers(0, 80), st.integers(0, 40)
        ),
        min_size=1,
        max_size=3,
        unique=True,
    )


class Annotating(RuleBasedStateMachine):
    """A watched folder, and people and programs that write into it."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="eisync-annotating-"))
        self.yard = Yard(self.place)
        self.now = self.yard.later
        self.drawn: dict[Image, list[Box]] = {}
        self.history: dict[str, list[list[Box]]] = {}
        self.images: set[Image] = set()
        self.unreported: set[str] = set()
        self.loop = self.yard.watcher()

    def teardown(self) -> None:
        self.each_image_has_its_boxes_in_the_end()
        self.yard.close()
        shutil.rmtree(self.place)

    @initialize()
    def list_classes(self) -> None:
        self.write("data.yaml", b"names: [cat, dog]")
        self.report(1.0)

    def write(self, path: str, content: bytes) -> None:
        self.now += 0.01
        place = self.yard.write(path, content)
        os.utime(place, (self.now, self.now))
        self.unreported.add(path)

    # --- what people and programs do

    @rule(image=st.sampled_from(IMAGES))
    def put_image(self, image: Image) -> None:
        self.images.add(image)
        self.write(path_of(image), png(WIDTH, HEIGHT))

    @rule(image=st.sampled_from(IMAGES), drawn=boxes_drawn(), in_pieces=st.booleans())
    def draw(self, image: Image, drawn: list[Box], in_pieces: bool) -> None:
        self.drawn[image] = drawn
        self.history.setdefault(path_of(image), []).append(drawn)
        self.annotate(image, in_pieces=in_pieces)

    @rule(image=st.sampled_from(IMAGES))
    def erase(self, image: Image) -> None:
        if self.drawn.pop(image, None) is not None:
            self.annotate(image, in_pieces=False)

    def annotate(self, image: Image, *, in_pieces: bool) -> None:
        """Write the annotation file of the image; in pieces, the loop runs before it is whole."""
        folder, name = image
        if folder in DOCUMENTS:
            place, form = DOCUMENTS[folder]
            by_name = {form.format(one): drawn for (where, one), drawn in self.drawn.items() if where == folder}
            text = table(by_name) if place.endswith(".csv") else coco(by_name)
        else:
            place = COMPANIONS[folder].format(name)
            if image not in self.drawn:
                self.yard.path(place).unlink()
                self.unreported.add(place)
                return
            text = (voc if place.endswith(".xml") else yolo)(self.drawn[image])
        if in_pieces:
            self.write(place, text.encode()[: len(text) // 2])
            self.report(1.0)
            self.tick()
        self.write(place, text.encode())

    # --- what eisync does

    @rule(part=st.sampled_from([0.3, 0.7, 1.0]))
    def report(self, part: float) -> None:
        """Report some of what happened, in the order of the names."""
        some = sorted(self.unreported)[: max(1, int(part * len(self.unreported)))]
        self.unreported.difference_update(some)
        pending = self.yard.fake_events.of(self.yard.root.id)
        pending.files.update(some)
        pending.closed.update(some)

    @rule(after_s=st.sampled_from([0.0, 0.5, 3.0, SCAN_S]))
    def tick(self, after_s: float = 0.0) -> None:
        self.now += after_s
        self.loop.tick(self.now)

    @rule()
    def settle(self) -> None:
        self.now += 3.0
        run(self.loop, self.now)

    @rule()
    def restart(self) -> None:
        """Begin a new process. What happened meanwhile was reported to none."""
        self.unreported.clear()
        self.yard.fake_events.pending.clear()
        self.loop = self.yard.watcher()

    # --- what is true

    @invariant()
    def no_image_has_boxes_of_another(self) -> None:
        """At any time an image has boxes that are or were drawn for it."""
        for path, state in self.yard.states().items():
            if state is State.READY:
                assert boxes(self.yard, path) in [[], *self.history.get(path, [])], path

    @rule()
    def each_image_has_its_boxes_in_the_end(self) -> None:
        self.report(1.0)
        for _ in range(3):
            self.now += SCAN_S
            run(self.loop, self.now)
        waiting = {one.path: one.reason for one in self.loop.unsettled(self.now)}
        assert {path_of(image): State.READY for image in self.images} == self.yard.states(), waiting
        found = {image: boxes(self.yard, path_of(image)) for image in self.images}
        assert {image: self.drawn.get(image, []) for image in self.images} == found


TestAnnotating = Annotating.TestCase
TestAnnotating.settings = settings(
    max_examples=examples(60), stateful_step_count=25, suppress_health_check=[HealthCheck.too_slow]
)
