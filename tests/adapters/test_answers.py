"""How much memory one answer costs at most, measured in a separate process."""

import json
import re
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from .raw import answers, raw_server

MOST_MB = 20.0
ANSWER_BYTES = 15 * 1024 * 1024

ASKS = """
import os, sys
from eisync.adapters.client.service import Endpoints, ServiceClient
from eisync.core.batching import Request
from eisync.core.model import Category, FileFacts, Item
from eisync.core.wire import envelope, read_reply
from eisync.errors import EisyncError

url, kind, folder, *fillings = sys.argv[1:]
filling = ""
ends = Endpoints(studio_url=url, ingestion_url=url, timeout_s=20.0)
service = ServiceClient(ends, lambda: "ei_" + filling, user_agent="test")
status = os.stat(folder + "/a.csv")
facts = FileFacts(status.st_size, status.st_mtime_ns, status.st_ino)
item = Item(id=1, root=folder, path="a.csv", target="t", facts=facts, label=None, category=Category.SPLIT)
request = Request(target="t", category=Category.SPLIT, label=None, metadata=(), items=(item,))

def upload():
    sent = service.upload(envelope(request, boundary="b" * 32, allow_duplicates=False))
    return read_reply(sent.reply, sent=1, now=0.0)

asks = {
    "page": lambda: service.page(limit=1000),
    "ahead": lambda: service.ahead(limit=1000).follow().page(),
    "full": lambda: service.full_page(limit=200),
    "count": service.count,
    "modified": service.modified_at,
    "there": lambda: service.is_there(5),
    "rename": lambda: service.rename(5, "b"),
    "upload": upload,
}

def megabytes(field):
    with open("/proc/self/status") as lines:
        return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024

def ask():
    try:
        return asks[kind]()
    except EisyncError as error:
        return error

# Each in a process of its own, forked from one that has imported everything.
for filling in fillings:
    if os.fork() == 0:
        ask()  # an honest answer: everything is as large as it is on any day
        open("/proc/self/clear_refs", "w").write("5")
        before = megabytes("VmRSS")
        said = ask()
        print(f"{filling} {megabytes('VmHWM') - before:.1f} {str(said)[:200]!r}", flush=True)
        break
    os.wait()
"""

FILLINGS = {
    "lists": b"[],",
    "objects": b'{"":0},',
    "numbers": b"1,",
    "entries": b'{"id":1},',
    "deep": b"[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]],",
}


def filled(kind: str, filling: bytes) -> bytes:
    many = filling * (ANSWER_BYTES // len(filling)) + b"0"
    if filling == FILLINGS["entries"]:
        return b'{"success":true,"totalCount":5,"count":5,"samples":[' + many + b"]}"
    if kind == "full":
        return b'{"success":true,"samples":[{"id":5,"boundingBoxes":[' + many + b']}],"totalCount":1}'
    return b'{"success":true,"count":5,"x":[' + many + b'],"samples":[],"totalCount":0}'


@pytest.mark.parametrize("kind", ["page", "ahead", "count", "there", "rename", "upload", "full"])
def test_no_answer_makes_the_process_much_larger(kind: str, tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("it is measured as Linux tells it")
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    entries = [{"id": number, "filename": "a" * 20, "metadata": {"site": "lab"}} for number in range(200, 0, -1)]
    honest = json.dumps({"success": True, "samples": entries, "totalCount": 200, "count": 200, "files": []})
    wide = {filling: answers(filled(kind, FILLINGS[filling]).decode()) for filling in FILLINGS}
    asked: Counter[str] = Counter()

    def play(caller: socket.socket) -> None:
        if b"api-key-info" in server.requests[-1]:
            answers('{"success":true,"projectId":7}')(caller)
            return
        key = re.search(rb"x-api-key: ei_(\w+)", server.requests[-1])
        assert key is not None
        filling = key[1].decode()
        asked[filling] += 1
        is_honest = asked[filling] <= (2 if kind == "ahead" else 1)
        (answers(honest) if is_honest else wide[filling])(caller)

    with raw_server(play) as server:
        child = subprocess.run(
            [sys.executable, "-c", ASKS, server.url, kind, str(tmp_path), *FILLINGS],
            capture_output=True,
            text=True,
            timeout=100,
        )
    lines = re.findall(r"^(\w+) (-?[\d.]+) ", child.stdout, flags=re.MULTILINE)
    found = {filling: float(grown_mb) for filling, grown_mb in lines}
    assert FILLINGS.keys() == found.keys(), child.stderr[-2000:]
    assert FILLINGS.keys() == asked.keys()
    assert [] == [filling for filling, grown_mb in found.items() if grown_mb >= MOST_MB], child.stdout
