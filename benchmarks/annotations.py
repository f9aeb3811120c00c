"""What reading a COCO document costs: 500,000 boxes with outlines, made as those of COCO 2017, in pieces of 64 K.

Processor time and peak memory of a process that does nothing else. The aim is 50 MB/s with flat memory. The document
is made anew for each run and is never in memory or on a disk as a whole; making it is measured alone and subtracted.
It is read alone, and then into a database, as the watcher does it.

    python benchmarks/annotations.py [BOXES]
"""

import random
import resource
import sys
import time
from collections.abc import Iterator
from itertools import islice

from eisync.core.annotations import coco
from eisync.core.labels.entry import Entry
from eisync.core.model import FileFacts
from eisync.loops.watcher.sidecars import ENTRIES_PER_TICK
from eisync.store.database import private_database
from eisync.store.outbox import Outbox
from eisync.store.sidecars import Sidecars

AIM_MB_S = 50
BOXES = 500_000
BOXES_PER_IMAGE = 7
SCATTER = 15_485_863  # a prime: in COCO 2017 the boxes of an image are not beside each other, either
POINTS = (6, 46)  # of an outline: so an annotation has 520 characters on average, as in instances_train2017.json
PIECE = 64 * 1024
KINDS = 2_000  # different annotations, which repeat


def main() -> None:
    boxes = int(sys.argv[1]) if len(sys.argv) > 1 else BOXES
    annotations = made_annotations()
    before_kib = peak_kib()
    began = time.process_time()
    size = sum(map(len, document(annotations, boxes)))
    making_s = time.process_time() - began
    began = time.process_time()
    found = sum(len(entry.regions or ()) for entry in coco.entries(document(annotations, boxes)))
    spent_s = time.process_time() - began - making_s
    print(f"{size / 1e6:,.0f} MB with {found:,} boxes; the aim is {AIM_MB_S} MB/s")
    report("read", size, spent_s, boxes, before_kib)
    began = time.process_time()
    store(coco.entries(document(annotations, boxes)))
    report("read and stored", size, time.process_time() - began - making_s, boxes, before_kib)


def report(what: str, size: int, spent_s: float, boxes: int, before_kib: int) -> None:
    more_mib = (peak_kib() - before_kib) / 1024
    print(
        f"  {what:<16} {size / 1e6 / spent_s:4.0f} MB/s   {spent_s / boxes * 1e6:4.1f} µs a box   "
        f"{more_mib:5.1f} MiB more memory at the peak"
    )


def store(entries: Iterator[Entry]) -> None:
    """Store the entries in a database of its own, in pieces as the watcher does."""
    database = private_database()
    try:
        sidecars, [root] = Sidecars(database), Outbox(database).register([("/dataset", "main")])
        place = sidecars.begin(root.id, "instances.json", FileFacts(size=1, mtime_ns=1, inode=1))
        while some := list(islice(entries, ENTRIES_PER_TICK)):
            sidecars.add(place, some, joins=True, is_document=True)
    finally:
        database.close()


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def made_annotations() -> list[str]:
    """Return annotations without their image and id, in the order of members that COCO 2017 has."""
    dice = random.Random(18)
    return [made_annotation(dice) for _ in range(KINDS)]


def made_annotation(dice: random.Random) -> str:
    points = ",".join(f"{dice.uniform(0, 640):.2f}" for _ in range(2 * dice.randint(*POINTS)))
    left, top, width, height = (round(dice.uniform(1, 300), 2) for _ in range(4))
    return (
        f'{{"segmentation": [[{points}]],"area": {width * height:.4f},"iscrowd": 0,'
        f'"image_id": %d,"bbox": [{left},{top},{width},{height}],"category_id": {dice.randint(1, 90)},"id": %d}}'
    )


def document(annotations: list[str], boxes: int) -> Iterator[str]:
    """Yield the document in pieces of 64 K characters, which cut annotations anywhere, as the pieces of a file do."""
    held: list[str] = []
    length = 0
    for part in parts(annotations, boxes):
        held.append(part)
        length += len(part)
        if length >= PIECE:
            text = "".join(held)
            yield text[:PIECE]
            held, length = [text[PIECE:]], length - PIECE
    yield "".join(held)


def parts(annotations: list[str], boxes: int) -> Iterator[str]:
    yield '{"info": {"year": 2017},"licenses": [],"images": ['
    images = boxes // BOXES_PER_IMAGE + 1
    for image in range(images):
        comma = "," if image else ""
        yield f'{comma}{{"license": 3,"file_name": "{image:012}.jpg","height": 480,"width": 640,"id": {image}}}'
    yield '],"annotations": ['
    for box in range(boxes):
        yield ("," if box else "") + annotations[box % KINDS] % (box * SCATTER % images, box)
    yield '],"categories": [{"supercategory": "person","id": 1,"name": "person"}]}'


if __name__ == "__main__":
    main()
