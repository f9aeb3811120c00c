"""The judge of bills of materials."""


def faults_of(bill: str) -> object:
    """Return what is wrong with a bill in CycloneDX 1.6, or None."""
    # Here, for importing it takes three seconds, and every worker imports this module.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill)
