"""SQLAlchemy 2: create_all, reflection, ORM insert and select; DRIVER is psycopg or psycopg2."""

import os

import sqlalchemy as sa
from sqlalchemy import orm
from show import DSN, MASKED, MODE, show

URL = sa.make_url(DSN).set(drivername="postgresql+" + os.environ["DRIVER"])


class Base(orm.DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "sa_author"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(sa.String(80), unique=True)
    about: orm.Mapped[dict] = orm.mapped_column(sa.JSON, default=dict)
    books: orm.Mapped[list["Book"]] = orm.relationship(back_populates="author", cascade="all, delete-orphan", order_by="Book.id")


class Book(Base):
    __tablename__ = "sa_book"
    __table_args__ = (sa.Index("sa_book_title", "title"), sa.CheckConstraint("pages > 0", name="sa_book_pages"))
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    title: orm.Mapped[str]
    pages: orm.Mapped[int] = orm.mapped_column(server_default="1", comment="how many")
    price: orm.Mapped[sa.Numeric] = orm.mapped_column(sa.Numeric(8, 2), nullable=True)
    author_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("sa_author.id", ondelete="CASCADE"))
    author: orm.Mapped[Author] = orm.relationship(back_populates="books")


def same():
    engine = sa.create_engine(URL)
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    Base.metadata.create_all(engine)  # looks, and finds everything there
    with orm.Session(engine) as s:
        s.add_all([Author(name=f"author {i}", about={"n": i}, books=[Book(title=f"book {i}.{j}", pages=i + 1, price=j) for j in range(4)])
                   for i in range(30)])
        s.commit()
        a = s.scalars(sa.select(Author).where(Author.name == "author 3").options(orm.selectinload(Author.books))).one()
        show("orm", a.id, a.name, a.about, [(b.title, b.pages, b.price) for b in a.books])
        show("join", s.execute(sa.select(Author.name, sa.func.count(Book.id), sa.func.sum(Book.pages)).join(Author.books)
                               .group_by(Author.name).order_by(sa.desc(sa.func.sum(Book.pages)), Author.name).limit(3)).all())
        show("lazy", len(s.get(Author, 5).books))
        a.name = "renamed"
        del a.books[0]
        s.flush()
        show("update", s.execute(sa.update(Book).where(Book.pages > 25).values(price=Book.price + 1)).rowcount)
        try:
            with s.begin_nested():
                s.add(Author(name="author 1"))
                s.flush()
        except sa.exc.IntegrityError as e:
            show("integrity", type(e.orig).__name__, getattr(e.orig, "sqlstate", None) or e.orig.pgcode)
        s.commit()
        show("renamed", s.scalars(sa.select(Author.id).where(Author.name == "renamed")).one())
        s.delete(a)
        s.commit()
        show("left", s.scalar(sa.select(sa.func.count()).select_from(Book)))
        show("in", s.scalars(sa.select(Book.title).where(Book.id.in_([20, 21, 22])).order_by(Book.id)).all())
    insp = sa.inspect(engine)
    tables = ["sa_author", "sa_book", "orders"]
    show("tables", sorted(t for t in insp.get_table_names() if t in tables), insp.get_schema_names())
    for t in tables:
        show("columns", t, [(c["name"], str(c["type"]), c["nullable"], c["default"], c["comment"]) for c in insp.get_columns(t)])
        show("keys", t, insp.get_pk_constraint(t), insp.get_foreign_keys(t), insp.get_indexes(t), insp.get_unique_constraints(t),
             insp.get_check_constraints(t))
    show("views", insp.get_view_names(), sorted(n for n in insp.get_sequence_names() if n.startswith("sa_")), insp.has_table("sa_book"), insp.has_table("sa_none"))
    meta = sa.MetaData()
    meta.reflect(engine, only=tables)
    for t in meta.sorted_tables:
        print(sa.schema.CreateTable(t).compile(engine), flush=True)
    with engine.connect() as c:
        book = meta.tables["sa_book"]
        show("core", c.execute(sa.insert(book).returning(book.c.id, book.c.pages), [
            {"title": "r1", "author_id": 1}, {"title": "r2", "author_id": 2}]).all())
        c.rollback()
        show("stream", sum(r.id for r in c.execution_options(stream_results=True, yield_per=20).execute(sa.select(book.c.id))))
        c.rollback()
    for level in ("AUTOCOMMIT", "SERIALIZABLE"):
        with engine.connect().execution_options(isolation_level=level) as c:
            show("isolation", c.scalar(sa.text("SHOW transaction_isolation")))
    Base.metadata.drop_all(engine)
    show("dropped", sa.inspect(engine).has_table("sa_book"))
    engine.dispose()


def masked():
    engine = sa.create_engine(URL)
    with engine.connect() as c:
        show("text", [tuple(r) for r in c.execute(sa.text(MASKED))])
        customers = sa.Table("customers", sa.MetaData(), autoload_with=c)
        show("parameter", [tuple(r) for r in c.execute(sa.select(customers.c.email).where(customers.c.id == 1))])
        show("cursor", [tuple(r) for r in c.execution_options(stream_results=True).execute(sa.text(MASKED))])
    engine.dispose()


def policies():
    engine = sa.create_engine(URL)
    with engine.connect() as c:
        orders = sa.Table("orders", sa.MetaData(), autoload_with=c)
        show("read", c.execute(sa.select(orders.c.item).where(orders.c.id == 3)).scalar())
        c.commit()
        for sql in ("DROP TABLE orders", "SELECT item FROM orders WHERE id = 4"):
            try:
                show("read", c.execute(sa.text(sql)).scalar())
            except sa.exc.ProgrammingError as e:
                show("denied", getattr(e.orig, "sqlstate", None) or e.orig.pgcode, e.orig.diag.message_primary)
                c.rollback()
    show("tables", sorted(sa.inspect(engine).get_table_names()))
    engine.dispose()


globals()[MODE]()
