"""asyncpg: always extended, always binary; type look-ups, cursors, COPY, notifications, reset of a pooled connection."""

import asyncio
import io

import asyncpg
from show import DSN, MASKED, MODE, STRICT, TYPES, show


async def same():
    conn = await asyncpg.connect(DSN)
    show("settings", conn.get_server_version()[:2], conn.get_settings().server_encoding, conn.get_settings().client_encoding)
    row = await conn.fetchrow(TYPES)
    show("types", list(row.keys()), list(row.values()))
    await conn.execute("DROP TABLE IF EXISTS ap; DROP TYPE IF EXISTS ap_mood; DROP TYPE IF EXISTS ap_pair")
    await conn.execute("CREATE TYPE ap_mood AS ENUM ('sad', 'ok'); CREATE TYPE ap_pair AS (x int, y ap_mood)")
    await conn.execute("CREATE TABLE ap (id serial PRIMARY KEY, t text, n numeric, m ap_mood, p ap_pair, a ap_mood[])")
    # Types of the user's own make asyncpg look into the catalog.
    await conn.execute("INSERT INTO ap (t, n, m, p, a) VALUES ($1, $2, $3, $4, $5)", "one", 1, "ok", (7, "sad"), ["ok", "sad"])
    show("own types", [list(r.values()) for r in await conn.fetch("SELECT t, n, m, p, a FROM ap")])
    await conn.executemany("INSERT INTO ap (t, n) VALUES ($1, $2)", [(f"row {i}", i) for i in range(300)])
    show("count", await conn.fetchval("SELECT count(*) FROM ap WHERE id > $1", 100))
    statement = await conn.prepare("SELECT id, t FROM ap WHERE id = ANY($1::int[]) ORDER BY id")
    show("parameters", [p.name for p in statement.get_parameters()], [(a.name, a.type.name) for a in statement.get_attributes()])
    for _ in range(3):
        show("prepared", [list(r.values()) for r in await statement.fetch([1, 2, 3])])
    async with conn.transaction():
        seen = 0
        async for r in conn.cursor("SELECT id FROM ap ORDER BY id", prefetch=50):
            seen += r["id"]
        cur = await conn.cursor("SELECT id FROM ap ORDER BY id")
        await cur.forward(10)
        show("cursor", seen, [r["id"] for r in await cur.fetch(3)])
    async with conn.transaction(isolation="serializable", readonly=True):
        show("isolation", await conn.fetchval("SHOW transaction_isolation"))
    try:
        async with conn.transaction():
            async with conn.transaction():
                await conn.execute("INSERT INTO ap (id) VALUES (1)")
    except asyncpg.UniqueViolationError as e:
        show("error", e.sqlstate, e.message, e.detail, e.constraint_name)
    for sql in ("SELECT 1/0", "SELECT $1::int / 0") + (() if STRICT else ("SELECT x FROM ap",)):
        try:
            await conn.fetch(sql, *([1] if "$1" in sql else []))
        except asyncpg.PostgresError as e:
            show("error", e.sqlstate, e.message, e.position)
    show("copy in", await conn.copy_records_to_table("ap", records=[(f"c{i}", None) for i in range(500)], columns=["t", "n"]))
    show("copy in", await conn.copy_to_table("ap", source=io.BytesIO(b"x,1\ny,2\n"), columns=["t", "n"], format="csv"))
    out = io.BytesIO()
    show("copy out", await conn.copy_from_query("SELECT id, t FROM ap WHERE id < $1 ORDER BY id", 20, output=out), out.getvalue())
    out = io.BytesIO()
    show("copy out", await conn.copy_from_table("ap", output=out, columns=["t"], format="binary"), len(out.getvalue()))
    heard = asyncio.Queue()
    await conn.add_listener("ap_channel", lambda c, pid, channel, payload: heard.put_nowait((channel, payload)))
    await conn.execute("SELECT pg_notify('ap_channel', 'hello')")
    show("notify", await asyncio.wait_for(heard.get(), 20))
    await conn.reset()
    try:
        await conn.fetch("SELECT pg_sleep(60)", timeout=1)
    except asyncio.TimeoutError:
        show("timeout")
    show("after cancel", await conn.fetchval("SELECT 1"))
    show("large", await conn.fetchval("SELECT sum(length(x)) FROM unnest($1::text[]) x", ["y" * 100000] * 5))
    show("wide", len(await conn.fetchrow("SELECT " + ", ".join(f"{i} AS c{i}" for i in range(1500)))))
    await conn.execute("DROP TABLE ap; DROP TYPE ap_pair; DROP TYPE ap_mood")
    await conn.close()
    async with asyncpg.create_pool(DSN, min_size=2, max_size=4) as pool:
        results = await asyncio.gather(*(pool.fetchval("SELECT $1::int * 2", i) for i in range(20)))
        show("pool", results)


async def masked():
    conn = await asyncpg.connect(DSN)
    for _ in range(2):
        show("text", [tuple(r.values()) for r in await conn.fetch(MASKED)])
    show("parameter", [tuple(r.values()) for r in await conn.fetch("SELECT email FROM customers WHERE id = $1", 1)])
    async with conn.transaction():
        show("cursor", [tuple(r.values()) async for r in conn.cursor(MASKED, prefetch=2)])
    out = io.BytesIO()
    await conn.copy_from_query("SELECT id, email FROM customers ORDER BY id", output=out)
    show("copy", out.getvalue().decode())
    await conn.close()


async def policies():
    conn = await asyncpg.connect(DSN)
    show("read", await conn.fetchval("SELECT item FROM orders WHERE id = $1", 3))
    async with conn.transaction():
        show("read", await conn.fetchval("SELECT count(*) FROM orders"))
    for sql in ("DROP TABLE orders", "SELECT item FROM orders WHERE id = 4"):
        try:
            show("read", await conn.fetchval(sql))
        except asyncpg.PostgresError as e:
            show("denied", e.sqlstate, e.message)
    await conn.reset()
    await conn.close()
    async with asyncpg.create_pool(DSN, min_size=1, max_size=2) as pool:
        for i in (5, 6):  # each release resets the connection
            show("read", await pool.fetchval("SELECT item FROM orders WHERE id = $1", i))


asyncio.run(globals()[MODE]())
