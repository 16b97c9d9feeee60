#!/bin/bash
# Pins that results hold to analysis/results.schema.json by a full validator of
# JSON Schema too; make test uses a small walker of the subset that it needs.
. sim/tests/long_lib.sh
echo 1..2

if ! python3 -c 'import jsonschema' 2>/dev/null; then
	skip 'schema: a replay' 'no python3-jsonschema (make deps-long)'
	skip 'schema: a generated sweep' 'no python3-jsonschema (make deps-long)'
	exit 0
fi
check()		# NAME FOLDER
{
	python3 - "$2/results.json" >"$tmp/log" 2>&1 <<'END'
import json, sys
from jsonschema.validators import validator_for
schema = json.load(open("analysis/results.schema.json"))
kind = validator_for(schema)
kind.check_schema(schema)
errors = list(kind(schema).iter_errors(json.load(open(sys.argv[1]))))
for e in errors:
    print("/".join(map(str, e.absolute_path)), e.message)
sys.exit(bool(errors))
END
	result $? "schema: $1" "$tmp/log"
}
"$build/mmreplay" run traces/samples/churn2.mmt -p mm_lock=mm-wide -q -o "$tmp/a" >/dev/null 2>&1
check 'a replay' "$tmp/a"
"$build/mmreplay" run scenarios/seed-4-munmap-downgrade.yaml -q -o "$tmp/b" >/dev/null 2>&1
check 'a generated sweep' "$tmp/b"
