"""Print the table of options (`python -m eisync.settings --table`) or the JSON Schema (`--schema`)."""

import json
import sys

from eisync.settings.reference import json_schema, options_table

if __name__ == "__main__":
    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n" if "--schema" in sys.argv else options_table() + "\n")
