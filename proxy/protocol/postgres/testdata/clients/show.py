"""What the client scripts share: one line of output for each thing that a driver returned."""

import datetime
import decimal
import os
import sys

DSN = os.environ["DSN"]
# Strict lineage refuses what it cannot see through, in words of its own: left out where something is masked.
STRICT = os.environ.get("STRICT") == "1"
MODE = sys.argv[1] if len(sys.argv) > 1 else "same"


def plain(value):
    """A value as text that says its type where two drivers or two runs could differ without one seeing it."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "bytes:" + bytes(value).hex()
    if isinstance(value, (decimal.Decimal, datetime.date, datetime.time, datetime.timedelta)):
        return type(value).__name__ + ":" + str(value)
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(plain(v) for v in value) + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {plain(value[k])}" for k in sorted(value)) + "}"
    return repr(value)


def show(what, *values):
    print(what, *(plain(v) for v in values), flush=True)


# One row with most types that drivers decode themselves.
TYPES = """SELECT 1::int2 AS a, -2::int4 AS b, 3::int8 AS c, 1.5::float4 AS d, 'NaN'::float8 AS e, 12345.6789::numeric AS f,
 true AS g, 'x''é€'::text AS h, 'c'::char(3) AS i, '\\x00ff80'::bytea AS j, '2024-02-29'::date AS k, '12:34:56.789'::time AS l,
 '2024-02-29 12:34:56.789'::timestamp AS m, '2024-02-29 12:34:56.789+02'::timestamptz AS n, '3 days 04:05:06'::interval AS o,
 '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid AS p, '{"a": [1, null, "b"]}'::jsonb AS q, '{"z": 1}'::json AS r,
 ARRAY[1, NULL, 3] AS s, ARRAY['a', 'b,"c'] AS t, NULL::text AS u, ''::text AS v, '192.168.0.1/24'::inet AS w"""

# Rows that are masked, and rows of the same table that are not.
MASKED = "SELECT id, name, email, phone, city FROM customers ORDER BY id"
