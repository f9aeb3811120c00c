"""`python -m eisync.emulator`: one JSON line with the addresses on stdout when every port answers, then serve.

For programs that start an emulator which must outlive what they kill; people use `eisync emulator`.
"""

import argparse
import json
import sys

from eisync.emulator.server import Emulator, run_until_signal
from eisync.emulator.settings import EmulatorSettings, read_switch


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m eisync.emulator", description="A local stand-in for Edge Impulse.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--studio-port", type=int, default=4800, help="0: any free one")
    parser.add_argument("--ingestion-port", type=int, default=4810, help="0: any free one")
    parser.add_argument(
        "--remote-port", type=int, help="for devices; default 4802, or any free one (0) with another Studio port"
    )
    parser.add_argument("--no-remote", dest="remote_management", action="store_false", help="no remote management")
    parser.add_argument("--data", help="a folder that keeps everything; without it, memory does")
    parser.add_argument("--key", help="the API key of the first project; without it, a random one")
    parser.add_argument("--hmac-key", help="the HMAC key of the first project")
    parser.add_argument("--project-name", default="Emulated project")
    parser.add_argument("--seed", type=int, default=0, help="of the fault dice")
    parser.add_argument("--allow-remote", action="store_true", help="let other machines in: there is no protection")
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="a name by which it may be called"
    )
    parser.add_argument("--switch", action="append", default=[], metavar="NAME=VALUE", help="see docs/emulator.md")
    given = vars(parser.parse_args())
    try:
        switches = dict(map(read_switch, given.pop("switch")))
        settings = EmulatorSettings(allowed_hosts=tuple(given.pop("allow_host")), **given, **switches)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    run_until_signal(settings, _tell)


def _tell(emulator: Emulator) -> None:
    ready = {
        "studio_url": emulator.studio_url,
        "ingestion_url": emulator.ingestion_url,
        "remote_url": emulator.remote_url,
        "key": emulator.key,
        "hmac_key": emulator.hmac_key,
        "project_id": emulator.project_id,
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
