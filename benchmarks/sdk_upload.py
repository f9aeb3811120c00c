"""What the benchmarks run with the official SDK, in an environment of its own: upload what the file SAMPLES lists.

    .venv-sdk/bin/python benchmarks/sdk_upload.py SAMPLES

It prints what it found as JSON. Its import is not part of `took_s`; opening the files is.
"""

import json
import resource
import sys
import time

from edgeimpulse import data


def main() -> None:
    with open(sys.argv[1]) as file:
        listed = json.load(file)
    # The SDK has every file open at once.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    began, began_cpu = time.perf_counter(), time.process_time()
    samples = [
        data.Sample(
            filename=one["name"],
            data=open(one["path"], "rb"),  # noqa: SIM115  # the SDK reads it later
            category=one["category"],
            label=one["label"],
            bounding_boxes=[one["box"]] if one["box"] else None,
        )
        for one in listed
    ]
    response = data.upload_samples(samples)
    took_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    assert [len(listed), 0] == [len(response.successes), len(response.fails)], response.fails[:3]
    with open("/proc/self/status") as status:
        peak_mb = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    json.dump({"took_s": took_s, "cpu_s": cpu_s, "peak_mb": peak_mb}, sys.stdout)


if __name__ == "__main__":
    main()
