"""psycopg 3: simple, extended, prepared, binary, pipelines, cursors, COPY, notifications, cancel; and its async face."""

import asyncio
import threading

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from show import DSN, MASKED, MODE, STRICT, TYPES, show


def same():
    with psycopg.connect(DSN) as conn:
        for name in ("server_version", "server_encoding", "client_encoding", "DateStyle", "TimeZone",
                     "integer_datetimes", "standard_conforming_strings", "is_superuser"):
            show("parameter", name, conn.info.parameter_status(name))
        for binary in (False, True):
            row = conn.execute(TYPES, binary=binary).fetchone()
            show("types", binary, row)
        show("sum", conn.execute("SELECT %s::int + %s", (1, 2)).fetchone())
        conn.execute("DROP TABLE IF EXISTS p3")
        conn.execute("CREATE TABLE p3 (id serial PRIMARY KEY, t text, n numeric(10,2), j jsonb, b bytea, at timestamptz)")
        with conn.cursor() as cur:
            cur.executemany("INSERT INTO p3 (t, n, j, b) VALUES (%s, %s, %s, %s)",
                            [(f"row {i}", i / 4, Jsonb({"i": i}), bytes([i])) for i in range(50)])
            show("executemany", cur.rowcount)
            cur.executemany("INSERT INTO p3 (t) VALUES (%s) RETURNING id", [("x",), ("y",)], returning=True)
            ids = [cur.fetchone()]
            while cur.nextset():
                ids.append(cur.fetchone())
            show("returning", ids)
        conn.commit()
        for n in range(8):  # prepared by the driver after the fifth
            show("prepared", conn.execute("SELECT t, n, j, b FROM p3 WHERE id = %s", (n,)).fetchall())
        show("prepare now", conn.execute("SELECT count(*) FROM p3 WHERE id > %s", (10,), prepare=True).fetchone())
        with conn.cursor(row_factory=dict_row) as cur:
            cur.execute("SELECT id, t FROM p3 WHERE id < %s ORDER BY id", (4,), binary=True)
            show("dict", cur.fetchall(), [(c.name, c.type_code) for c in cur.description])
        with conn.cursor(name="server side") as cur:
            cur.execute("SELECT id FROM p3 ORDER BY id")
            show("named cursor", cur.fetchmany(3), cur.fetchone())
            cur.scroll(5)
            show("scrolled", cur.fetchmany(2))
        conn.commit()
        with conn.transaction():
            try:
                with conn.transaction():
                    conn.execute("INSERT INTO p3 (id, t) VALUES (1, 'again')")
            except psycopg.errors.UniqueViolation as e:
                show("error", e.sqlstate, e.diag.severity, e.diag.message_primary, e.diag.message_detail,
                     e.diag.constraint_name, e.diag.table_name)
            conn.execute("UPDATE p3 SET t = 'one' WHERE id = 1")
        show("after savepoint", conn.execute("SELECT t FROM p3 WHERE id = 1").fetchone())
        conn.commit()
        for text in ("SELECT 1/0",) if STRICT else ("SELECT 1/0", "SELECT nothing FROM p3", "SELECT * FROM missing_table"):
            try:
                conn.execute(text)
            except psycopg.Error as e:
                show("error", e.sqlstate, e.diag.message_primary, e.diag.statement_position)
            conn.rollback()
        with conn.pipeline() as p:
            a = conn.execute("SELECT %s::text", ("first",))
            b = conn.execute("SELECT id FROM p3 WHERE id <= %s ORDER BY id", (3,))
            p.sync()
            c = conn.execute("SELECT 'third'")
            show("pipeline", a.fetchone(), b.fetchall(), c.fetchone())
        try:
            with conn.pipeline():
                conn.execute("INSERT INTO p3 (id, t) VALUES (999, 'pipeline')")
                conn.execute("SELECT 1/0")
                conn.execute("INSERT INTO p3 (id, t) VALUES (998, 'pipeline')")
        except psycopg.Error as e:
            show("pipeline error", e.sqlstate)
        conn.rollback()
        show("rolled back", conn.execute("SELECT count(*) FROM p3 WHERE id > 900").fetchone())
        conn.commit()
        with conn.cursor() as cur:
            with cur.copy("COPY p3 (t, n) FROM STDIN") as copy:
                for i in range(1000):
                    copy.write_row((f"copied\t{i}", i))
            show("copy in", cur.rowcount)
            with cur.copy("COPY p3 (t, id) FROM STDIN (FORMAT binary)") as copy:
                copy.set_types(["text", "int4"])
                copy.write_row(("binary", 5000))
            with cur.copy("COPY (SELECT id, t, n, b FROM p3 WHERE id < %s ORDER BY id) TO STDOUT", (30,)) as copy:
                show("copy out", list(copy.rows()))
            with cur.copy("COPY (SELECT id, t, b FROM p3 WHERE id < 30 ORDER BY id) TO STDOUT (FORMAT binary)") as copy:
                show("copy binary", b"".join(bytes(c) for c in copy))
            try:
                with cur.copy("COPY p3 (id) FROM STDIN") as copy:
                    copy.write("not a number\n")
            except psycopg.Error as e:
                show("copy error", e.sqlstate, e.diag.message_primary, e.diag.context)
        conn.rollback()
        show("large", [len(r[0]) for r in conn.execute("SELECT repeat('x', 300000 + i) FROM generate_series(1, 5) i").fetchall()])
        show("rows", sum(r[0] for r in conn.execute("SELECT g FROM generate_series(1, 20000) g").fetchall()))
    with psycopg.connect(DSN, autocommit=True) as conn, psycopg.connect(DSN, autocommit=True) as other:
        notices = []
        conn.add_notice_handler(lambda d: notices.append((d.severity, d.message_primary)))
        conn.execute("DROP TABLE IF EXISTS p3_none")
        show("notice", notices)
        conn.execute("LISTEN p3_channel")
        other.execute("SELECT pg_notify('p3_channel', 'hello')")
        show("notify", [(n.channel, n.payload) for n in conn.notifies(timeout=20, stop_after=1)])
        for name in ("cancel", "cancel_safe"):
            timer = threading.Timer(0.5, getattr(conn, name))
            timer.start()
            try:
                conn.execute("SELECT pg_sleep(60)")
            except psycopg.errors.QueryCanceled as e:
                show(name, e.sqlstate)
            timer.join()
        show("after cancel", conn.execute("SELECT 1").fetchone())
        two = conn.execute("SELECT 1; SELECT 2, 'b'")
        show("multi", two.fetchall(), two.nextset(), two.fetchall())
        conn.execute("DROP TABLE p3")
    asyncio.run(same_async())


async def same_async():
    async with await psycopg.AsyncConnection.connect(DSN) as conn:
        async with conn.cursor() as cur:
            await cur.execute("SELECT g, g::text FROM generate_series(1, %s) g", (5,), binary=True)
            show("async", [r async for r in cur])
            await cur.execute("SHOW transaction_isolation")
            show("async show", await cur.fetchone())


def masked():
    with psycopg.connect(DSN) as conn:
        for binary in (False, True):
            show("text", conn.execute(MASKED, binary=binary).fetchall())
            show("parameter", conn.execute("SELECT email FROM customers WHERE id = %s", (1,), binary=binary, prepare=True).fetchall())
        with conn.cursor(name="c") as cur:
            cur.execute(MASKED)
            show("cursor", cur.fetchall())
        with conn.cursor() as cur:
            with cur.copy("COPY (SELECT id, email FROM customers ORDER BY id) TO STDOUT") as copy:
                show("copy", list(copy.rows()))
            with cur.copy("COPY (SELECT email FROM customers ORDER BY id) TO STDOUT (FORMAT binary)") as copy:
                copy.set_types(["text"])
                show("copy", list(copy.rows()))


def policies():
    with psycopg.connect(DSN) as conn:
        show("read", conn.execute("SELECT item FROM orders WHERE id = %s", (3,)).fetchone()[0])
        with conn.transaction():
            show("read", conn.execute("SELECT count(*) FROM orders").fetchone())
        for sql in ("DROP TABLE orders", "SELECT item FROM orders WHERE id = 4"):
            try:
                show("read", conn.execute(sql).fetchone()[0])
            except psycopg.Error as e:
                show("denied", e.sqlstate, e.diag.message_primary)
                conn.rollback()


globals()[MODE]()
