"""psycopg2: everything is a simple query; cursors, COPY, notifications, two-phase look-ups, large objects."""

import io
import select
import threading

import psycopg2
import psycopg2.extras
import psycopg2.extensions
from show import DSN, MASKED, MODE, STRICT, TYPES, show


def same():
    conn = psycopg2.connect(DSN)
    show("status", conn.encoding, conn.server_version, conn.get_parameter_status("DateStyle"), conn.get_transaction_status())
    psycopg2.extras.register_uuid()
    cur = conn.cursor()
    cur.execute(TYPES)
    show("types", cur.fetchone(), [(c.name, c.type_code) for c in cur.description])
    cur.execute("DROP TABLE IF EXISTS p2; CREATE TABLE p2 (id serial PRIMARY KEY, t text, n numeric(10,2), b bytea)")
    show("status", cur.statusmessage)
    cur.execute("INSERT INTO p2 (t, n, b) VALUES (%s, %s, %s) RETURNING id", ("it's \\ é", 1.25, psycopg2.Binary(b"\0\xff")))
    show("insert", cur.fetchone(), cur.statusmessage, cur.rowcount)
    psycopg2.extras.execute_values(cur, "INSERT INTO p2 (t, n) VALUES %s", [(f"row {i}", i) for i in range(250)], page_size=100)
    psycopg2.extras.execute_batch(cur, "UPDATE p2 SET n = n + 1 WHERE id = %s", [(i,) for i in range(1, 20)])
    show("batch", cur.statusmessage)
    conn.commit()
    with conn, conn.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as d:
        d.execute("SELECT id, t, n, b FROM p2 WHERE id < 5 ORDER BY id")
        show("dict", [dict(r) for r in d.fetchall()])
    with conn, conn.cursor("named", scrollable=True) as named:
        named.itersize = 50
        named.execute("SELECT id FROM p2 ORDER BY id")
        show("named", sum(r[0] for r in named))
        named.scroll(3, mode="absolute")
        show("scrolled", named.fetchone())
    with conn, conn.cursor("hold", withhold=True) as hold:
        hold.execute("SELECT id FROM p2 ORDER BY id LIMIT 7")
        conn.commit()
        show("hold", hold.fetchall())
    cur.copy_from(io.StringIO("a\t1\nb\t\\N\n"), "p2", columns=("t", "n"))
    cur.copy_expert("COPY p2 (t, n) FROM STDIN WITH CSV HEADER", io.StringIO("t,n\n\"c,d\",2\n"))
    out = io.StringIO()
    cur.copy_to(out, "p2", columns=("id", "t"))
    cur.copy_expert("COPY (SELECT t, n FROM p2 ORDER BY id DESC LIMIT 5) TO STDOUT WITH CSV HEADER", out)
    show("copy", out.getvalue())
    cur.execute("SAVEPOINT one")
    for sql in ("SELECT 1/0", "INSERT INTO p2 (id) VALUES (1)") + (() if STRICT else ("SELECT x FROM p2",)):
        try:
            cur.execute(sql)
        except psycopg2.Error as e:
            show("error", e.pgcode, e.diag.severity, e.diag.message_primary, e.diag.message_detail, e.diag.statement_position)
        cur.execute("ROLLBACK TO SAVEPOINT one")
    conn.commit()
    for level in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"):
        conn.set_session(isolation_level=level, readonly=True)
        cur.execute("SHOW transaction_isolation")
        show("isolation", cur.fetchone())
        conn.rollback()
    conn.set_session(isolation_level="READ COMMITTED", readonly=False, autocommit=True)
    show("hstore", psycopg2.extras.HstoreAdapter.get_oids(conn))
    cur.execute("SELECT * FROM generate_series(1, 3) a(x), (VALUES ('p'), ('q')) b(y) ORDER BY 1, 2")
    show("join", cur.fetchall())
    if not STRICT:
        cur.execute("DO $$ BEGIN RAISE NOTICE 'from do %', 1; END $$")
    cur.execute("DROP TABLE IF EXISTS p2_none")
    show("notices", conn.notices)
    cur.execute("LISTEN p2_channel")
    cur.execute("NOTIFY p2_channel, 'payload'")
    conn.poll()
    show("notify", [(n.channel, n.payload) for n in conn.notifies])
    cur.callproc("upper", ["abc"])
    show("callproc", cur.fetchone())
    cur.execute("SELECT 1; SELECT 2")
    show("multi", cur.fetchall())
    conn.autocommit = False
    lo = conn.lobject(0, "wb")
    lo.write(b"large object " * 1000)
    lo.close()
    if not STRICT:  # what a large object holds is nobody's column: it is masked
        lo = conn.lobject(lo.oid, "rb")
        lo.seek(6)
        show("large object", lo.read(6), lo.tell())
    lo.unlink()
    conn.commit()
    cur.execute("DROP TABLE p2")
    conn.commit()
    cur.execute("BEGIN")
    conn.rollback()
    conn.close()
    waiting = psycopg2.connect(DSN, async_=1)
    wait(waiting)
    acur = waiting.cursor()
    acur.execute("SELECT 1, 'async'")
    wait(waiting)
    show("async", acur.fetchall())
    waiting.close()
    conn = psycopg2.connect(DSN)
    timer = threading.Timer(0.5, conn.cancel)
    timer.start()
    try:
        conn.cursor().execute("SELECT pg_sleep(60)")
    except psycopg2.extensions.QueryCanceledError as e:
        show("cancel", e.pgcode)
    timer.join()
    conn.close()


def wait(conn):
    while (state := conn.poll()) != psycopg2.extensions.POLL_OK:
        if state == psycopg2.extensions.POLL_READ:
            select.select([conn], [], [], 20)
        else:
            select.select([], [conn], [], 20)


def masked():
    conn = psycopg2.connect(DSN)
    cur = conn.cursor()
    cur.execute(MASKED)
    show("text", cur.fetchall())
    cur.execute("SELECT email FROM customers WHERE id = %s", (1,))
    show("parameter", cur.fetchall())
    with conn.cursor("c") as c:
        c.execute(MASKED)
        show("cursor", c.fetchall())
    out = io.StringIO()
    cur.copy_expert("COPY (SELECT id, email FROM customers ORDER BY id) TO STDOUT", out)
    show("copy", out.getvalue())
    conn.close()


def policies():
    conn = psycopg2.connect(DSN)
    cur = conn.cursor()
    cur.execute("SELECT item FROM orders WHERE id = %s", (3,))
    show("read", cur.fetchone()[0])
    show("hstore", psycopg2.extras.HstoreAdapter.get_oids(conn))
    conn.commit()
    for sql in ("DROP TABLE orders", "SELECT item FROM orders WHERE id = 4"):
        try:
            cur.execute(sql)
            show("read", cur.fetchone()[0])
        except psycopg2.Error as e:
            show("denied", e.pgcode, e.diag.message_primary)
            conn.rollback()
    conn.close()


globals()[MODE]()
