"""`python -m eisync.emulator`: print one JSON line with the addresses when every port answers, then serve.

It is for programs that start an emulator as a process of its own. People use `eisync emulator`.
"""

import argparse
import json
import sys

from eisync.emulator.server import Emulator, run_until_signal
from eisync.emulator.settings import EmulatorSettings, read_switch


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m eisync.emulator", description="A local stand-in for Edge Impulse.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on; default 127.0.0.1")
    parser.add_argument("--studio-port", type=int, default=4800, help="default 4800; 0: any free port")
    parser.add_argument("--ingestion-port", type=int, default=4810, help="default 4810; 0: any free port")
    parser.add_argument(
        "--remote-port",
        type=int,
        help="for devices; default 4802, or any free port if the Studio port is not 4800; 0: any free port",
    )
    parser.add_argument("--no-remote", dest="remote_management", action="store_false", help="no remote management")
    parser.add_argument("--data", help="the folder to keep everything in; default: keep everything in memory")
    parser.add_argument("--key", help="the API key of the first project; default: a random key")
    parser.add_argument("--hmac-key", help="the HMAC key of the first project; default: a random key")
    parser.add_argument("--project-name", default="Emulated project", help="the name of the first project")
    parser.add_argument("--seed", type=int, default=0, help="the seed of random faults; default 0")
    parser.add_argument("--allow-remote", action="store_true", help="accept other machines; nothing is protected")
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="accept this host name, too; repeatable"
    )
    parser.add_argument(
        "--switch", action="append", default=[], metavar="NAME=VALUE", help="repeatable; see docs/emulator.md"
    )
    given = vars(parser.parse_args())
    try:
        switches = dict(map(read_switch, given.pop("switch")))
        settings = EmulatorSettings(allowed_hosts=tuple(given.pop("allow_host")), **given, **switches)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    run_until_signal(settings, _print_addresses)


def _print_addresses(emulator: Emulator) -> None:
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
