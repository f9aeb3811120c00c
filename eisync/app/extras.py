"""Say how to add an extra that is not installed."""


def how_to_add(*extras: str) -> str:
    """Return what a person can do to get the extras."""
    # Here, because reading what is installed takes 10 ms, and hardly anyone needs it.
    from eisync.adapters.install_record import install_record
    from eisync.core.extras import how_to_add as decided

    return decided(extras, install_record())
