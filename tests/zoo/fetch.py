"""Download the packages that the zoo is made of: `python -m tests.zoo.fetch FOLDER`, several at once.

pip prepares a source package to learn its name, which takes seconds for each; what is there already is not asked for.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements.txt"


def pins() -> list[tuple[str, bool]]:
    """Return what is required, and whether as a source package."""
    lines = [line for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    sources = {name for line in lines if line[0] == "-" for name in line.split()[1].split(",")}
    return [(line, line.partition("==")[0] in sources) for line in lines if line[0] != "-"]


def archive_of(folder: Path, pin: str) -> Path | None:
    """Return the package as it was downloaded; None while it was not."""
    name, _, version = pin.partition("==")
    begins = f"{name}-{version}".replace("_", "-").lower()
    return next((path for path in folder.iterdir() if path.name.replace("_", "-").lower().startswith(begins)), None)


def fetch(folder: Path, pin: str, *, is_source: bool) -> str:
    """Download one package. Return why not, or nothing."""
    if archive_of(folder, pin) is not None:
        return ""
    kind = ["--no-binary", ":all:"] if is_source else ["--only-binary", ":all:"]
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", *kind]
    done = subprocess.run([*words, "--dest", str(folder), pin], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"{pin}: {done.stderr.strip().splitlines()[-1]}"


def main() -> int:
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    with ThreadPoolExecutor(4) as pool:
        troubles = [*pool.map(lambda pin: fetch(folder, pin[0], is_source=pin[1]), pins())]
    for trouble in filter(None, troubles):
        sys.stderr.write(f"The zoo lacks {trouble}\n")
    return 1 if any(troubles) else 0


if __name__ == "__main__":
    sys.exit(main())
