"""Clients that repeat themselves: each does what CrewAI's agents do when an answer does not come. One line of output for
each attempt: its number, "ok" or the SQLSTATE, and the error's text."""

import asyncio
import os
import sys
import threading

DSN = os.environ["DSN"]
DRIVER = os.environ["DRIVER"]
MODE = sys.argv[1]
WHAT = sys.argv[2]


def statement(n):
    """Attempt n: no two texts are the same, and all are the same statement."""
    return [
        f"INSERT INTO quick VALUES ('{WHAT}')",
        f"/* attempt {n} */ insert   into quick\n\tvalues ('{WHAT}') -- again",
        f"INSERT INTO QUICK VALUES /* {n} */ ('{WHAT}')",
    ][n % 3]


def tell(n, code, text=""):
    # In one piece: several threads say something.
    sys.stdout.write(f"{n} {code or 'none'} {' '.join(str(text).split())}\n")
    sys.stdout.flush()


def psycopg2_connect():
    import psycopg2

    return psycopg2, psycopg2.connect(DSN)


def psycopg3_connect():
    import psycopg

    return psycopg, psycopg.connect(DSN, prepare_threshold=None)


def code_of(error):
    return getattr(error, "pgcode", None) or getattr(error, "sqlstate", None)


def attempt(n):
    """One attempt on a connection of its own, outside a transaction."""
    module, conn = {"psycopg2": psycopg2_connect, "psycopg3": psycopg3_connect}[DRIVER]()
    conn.autocommit = True
    try:
        with conn.cursor() as cur:
            cur.execute(statement(n))
            tell(n, "ok", cur.rowcount)
    except module.Error as e:
        tell(n, code_of(e), e)
    finally:
        conn.close()


def transaction():
    """Held inside a transaction that keeps a lock; the error leaves it open; then once more in a new one."""
    module, conn = {"psycopg2": psycopg2_connect, "psycopg3": psycopg3_connect}[DRIVER]()
    for n in range(2):
        with conn.cursor() as cur:
            cur.execute("UPDATE orders SET item = %s WHERE id = 1", (WHAT,))
            try:
                cur.execute(statement(n))
                tell(n, "ok", cur.rowcount)
            except module.Error as e:
                tell(n, code_of(e), e)
            cur.execute("SELECT item FROM orders WHERE id = 1")
            tell(n, "inside", cur.fetchone()[0])
        (conn.rollback if n == 0 else conn.commit)()
        if n == 0:
            input()  # until it is approved
    conn.close()


def pipeline():
    """psycopg 3's pipeline mode: what is held stands between two others, and all have one fate."""
    import psycopg

    conn = psycopg.connect(DSN, autocommit=True)
    try:
        with conn.pipeline():
            with conn.transaction() if MODE == "pipeline block" else nothing():
                conn.execute("UPDATE orders SET item = %s WHERE id = 2", (WHAT,))
                conn.execute("INSERT INTO quick VALUES (%s)", (WHAT,))
                conn.execute("UPDATE orders SET item = %s WHERE id = 3", (WHAT,))
        tell(0, "ok")
    except psycopg.Error as e:
        tell(0, code_of(e), e)
    tell(0, "after", conn.execute("SELECT 'works'").fetchone()[0])
    conn.close()


class nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


async def asyncpg_attempt(n):
    import asyncpg

    conn = await asyncpg.connect(DSN)
    try:
        tell(n, "ok", await conn.execute(statement(n)))
    except asyncpg.PostgresError as e:
        tell(n, e.sqlstate, e)
    finally:
        await conn.close()


async def asyncpg_transaction():
    import asyncpg

    conn = await asyncpg.connect(DSN)
    for n in range(2):
        tx = conn.transaction()
        await tx.start()
        await conn.execute("UPDATE orders SET item = $1 WHERE id = 1", WHAT)
        try:
            tell(n, "ok", await conn.execute(statement(n)))
        except asyncpg.PostgresError as e:
            tell(n, e.sqlstate, e)
        tell(n, "inside", await conn.fetchval("SELECT item FROM orders WHERE id = 1"))
        if n == 0:
            await tx.rollback()
            input()
        else:
            await tx.commit()
    await conn.close()


async def asyncpg_pipeline():
    """executemany is one pipeline of many commands, each held for itself, with one fate."""
    import asyncpg

    conn = await asyncpg.connect(DSN)
    try:
        await conn.executemany("INSERT INTO quick VALUES ($1)", [(f"{WHAT} {i}",) for i in range(3)])
        tell(0, "ok")
    except asyncpg.PostgresError as e:
        tell(0, e.sqlstate, e)
    tell(0, "after", await conn.fetchval("SELECT 'works'"))
    await conn.close()


def main():
    if DRIVER == "asyncpg":

        async def together(count):
            await asyncio.gather(*(asyncpg_attempt(n) for n in range(count)))

        async def one_by_one(count):
            for n in range(count):
                await asyncpg_attempt(n)

        asyncio.run({"together": lambda: together(4), "one by one": lambda: one_by_one(3), "transaction": asyncpg_transaction,
                     "pipeline": asyncpg_pipeline}[MODE]())
    elif MODE == "together":
        threads = [threading.Thread(target=attempt, args=(n,)) for n in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    elif MODE == "one by one":
        for n in range(3):
            attempt(n)
    elif MODE == "transaction":
        transaction()
    else:
        pipeline()


main()
