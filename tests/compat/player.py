"""Plays cases with one SDK, in a process and an environment of its own: a line of JSON in, a line of JSON out.

    python player.py edgeimpulse | python player.py eisync

It imports nothing of eisync but the module it is told to: the official SDK's environment has no more.
"""

import contextlib
import importlib
import inspect
import json
import os
import sys
import tempfile
import traceback
from typing import Any

sys.path[0] = os.path.dirname(os.path.abspath(__file__))

import cases  # noqa: E402 (they lie beside us)

MODULES = [importlib.import_module(name) for name in cases.MODULES]


def main() -> None:
    sdk = importlib.import_module(sys.argv[1])
    data = importlib.import_module(f"{sys.argv[1]}.data")
    importlib.import_module(f"{sys.argv[1]}.data.sample_type")
    answers, sys.stdout = sys.stdout, sys.stderr  # the official module prints
    for line in sys.stdin:
        wish = json.loads(line)
        said = run_script(wish) if wish["what"] == "run" else answer(sdk, data, wish)
        answers.write(json.dumps(said) + "\n")
        answers.flush()


def run_script(wish: dict[str, Any]) -> dict[str, Any]:
    """What a script prints in a child, with `path` first where modules are looked for, and with which code it ends."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
            os.environ.clear()
            os.environ.update(wish["environ"])
            sys.path.insert(0, wish["path"])
            code = 0
            try:
                exec(compile(wish["script"], "<script>", "exec"), {"__name__": "__main__"})  # a test of ours wrote it
            except BaseException:  # noqa: BLE001 (the end of a process)
                traceback.print_exc()
                code = 1
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for stream in (out, err):
            stream.seek(0)
        return {"stdout": out.read(), "stderr": err.read(), "code": code}


def answer(sdk: Any, data: Any, pass_request: dict[str, Any]) -> dict[str, Any]:
    try:
        if pass_request["what"] == "signatures":
            return {"returned": signatures(data) if pass_request["module"] == "data" else helpers(sdk, pass_request)}
        sdk.API_KEY, sdk.API_ENDPOINT, sdk.INGESTION_ENDPOINT = (
            pass_request["key"],
            pass_request["studio"],
            pass_request["ingestion"],
        )
        found = {name: one for module in MODULES for name, one in module.CASES.items()}[pass_request["case"]]
        stage = cases.Stage(sdk, data, data.sample_type, pass_request["place"], pass_request["key"])
        with contextlib.redirect_stdout(sys.stderr):
            return {"returned": json.loads(json.dumps(found(stage), default=str))}
    except Exception as error:  # noqa: BLE001 (what it raises is what is compared)
        traceback.print_exc()
        return {"raised": type(error).__name__, "text": cases.masked(str(error)), "mro": names_of(error)}


def names_of(error: Exception) -> list[str]:
    return [kind.__name__ for kind in type(error).__mro__]


def helpers(sdk: Any, pass_request: dict[str, Any]) -> dict[str, list[list[str]]]:
    """The same of the functions that the module defines; the official one does not list its public names."""
    module = importlib.import_module(f"{sdk.__name__}.{pass_request['module']}")
    named = {name: found for name, found in vars(module).items() if inspect.isfunction(found)}
    return parameters_of({name: found for name, found in named.items() if found.__module__ == module.__name__})


def signatures(data: Any) -> dict[str, list[list[str]]]:
    """Every parameter of every public function and class: name, kind, default."""
    public = {name: getattr(data, name) for name in data.__all__}
    public |= {
        f"sample_type.{name}": found
        for name, found in vars(data.sample_type).items()
        if inspect.isclass(found) and found.__module__ == data.sample_type.__name__
    }
    return parameters_of(public)


def parameters_of(public: dict[str, Any]) -> dict[str, list[list[str]]]:
    return {
        name: [
            [parameter.name, parameter.kind.name, repr(parameter.default)]
            for parameter in inspect.signature(found).parameters.values()
        ]
        for name, found in public.items()
    }


if __name__ == "__main__":
    main()
