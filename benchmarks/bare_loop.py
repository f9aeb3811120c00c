"""The ceiling: post batches that were planned before, with no index, no hash and nothing durable.

    python benchmarks/bare_loop.py INGESTION BATCHES CONNECTIONS

BATCHES is a file of JSON: a list of `{"category", "label", "type", "files", "boxes"}`, where `label` is null when the
service infers it, `files` are paths, and `boxes` is the text of the companion part or null. Bodies are read whole,
answers are read and thrown away. It prints how long that took, as JSON. `bare_loop.go` does the same. The key is in
EI_API_KEY.
"""

import http.client
import json
import os
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

BOUNDARY = "b0und4ry"
BOXES_NAME = "bounding_boxes.labels"


def main() -> None:
    ingestion, batches, connections = sys.argv[1:]
    with open(batches) as file:
        waiting = iter(json.load(file))
    began = time.perf_counter()
    host = urllib.parse.urlsplit(ingestion).netloc
    failed: list[str] = []
    work = (host, waiting, threading.Lock(), failed)
    threads = [threading.Thread(target=post_all, args=work) for _ in range(int(connections))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        sys.exit(failed[0])
    json.dump({"took_s": time.perf_counter() - began}, sys.stdout)


def post_all(host: str, waiting: Iterator[dict[str, Any]], lock: threading.Lock, failed: list[str]) -> None:
    connection = http.client.HTTPConnection(host)
    while not failed:
        with lock:
            batch = next(waiting, None)
        if batch is None:
            return
        try:
            post(connection, batch)
        except (OSError, http.client.HTTPException, ValueError) as error:
            failed.append(f"the ceiling failed: {error!r}")


def post(connection: http.client.HTTPConnection, batch: dict[str, Any]) -> None:
    pieces = list(pieces_of(batch))
    headers = {
        "x-api-key": os.environ["EI_API_KEY"],
        "content-type": f"multipart/form-data; boundary={BOUNDARY}",
        "x-disallow-duplicates": "1",
        "content-length": str(sum(map(len, pieces))),
    }
    if batch["label"] is not None:
        headers["x-label"] = batch["label"]
    connection.request("POST", f"/api/{batch['category']}/files", body=iter(pieces), headers=headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise ValueError(text)


def pieces_of(batch: dict[str, Any]) -> Iterator[bytes]:
    for path in batch["files"]:
        yield head(os.path.basename(path), batch["type"])
        with open(path, "rb") as file:
            yield file.read()
        yield b"\r\n"
    if batch["boxes"] is not None:
        yield head(BOXES_NAME, "application/json")
        yield batch["boxes"].encode()
        yield b"\r\n"
    yield f"--{BOUNDARY}--\r\n".encode()


def head(name: str, kind: str) -> bytes:
    disposition = f'Content-Disposition: form-data; name="data"; filename="{name}"'
    return f"--{BOUNDARY}\r\n{disposition}\r\nContent-Type: {kind}\r\n\r\n".encode()


if __name__ == "__main__":
    main()
