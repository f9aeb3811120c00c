"""How machines that do not know each other share a service with a limit: a table in Markdown.

Usage: python -m benchmarks.sharing [--machines 1,5,20,50] [--seconds 660] [--seed 0]

Nothing is sent: the service, its limits and the clock are simulated (tests/core/sharing.py), and the rules are those of
eisync. Machines join in the first minute, near and far from the service, each with more files than it can send.
"""

import argparse

from tests.core.sharing import RULES, Simulation, converged_s, machines, sharing

JOINED_S = 60.0
WINDOW_S = 120.0
FAIRNESS = 0.65
HEAD = ("limit", "machines", "used", "refused", "fairness", "least share", "longest wait s", "converged s")


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulate machines that share a service with a limit.")
    parser.add_argument("--machines", default="1,5,20,50", help="how many, several with commas")
    parser.add_argument("--seconds", type=float, default=660.0, help="the simulated time")
    parser.add_argument("--seed", type=int, default=0)
    wishes = parser.parse_args()
    print("|".join(("", *HEAD, "")))
    print("|".join(("", *("---" for _ in HEAD), "")))
    for name in RULES:
        for number in map(int, wishes.machines.split(",")):
            print("|".join(("", *row(name, number, wishes.seconds, wishes.seed), "")), flush=True)


def row(name: str, number: int, for_s: float, seed: int) -> list[str]:
    """Return the cells of one limit with so many machines. Shares are those of the last 300 s."""
    simulation = Simulation(machines(number), RULES[name], seed=seed).run(for_s)
    late, whole = sharing(simulation, for_s - 300.0, for_s), sharing(simulation, JOINED_S, for_s)
    after_s = converged_s(simulation, JOINED_S, for_s, window_s=WINDOW_S, fairness=FAIRNESS)
    figures = (late.used, late.refused, late.fairness, late.least)
    return [name, str(number), *(f"{one:.2f}" for one in figures), f"{whole.longest_wait_s:.0f}", f"{after_s:.0f}"]


if __name__ == "__main__":
    main()
