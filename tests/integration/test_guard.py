"""What is recorded stays as it is, whoever tries; and there is always room for more."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib.resources import files
from multiprocessing import get_context
from threading import Event

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg import sql

from infra import log, migrations
from infra.database import Database, RightsError
from infra.embedded import Postgres
from infra.migrations import migrate
from tests.partitioned import fill, in_partitions_of, make_room, parts, write

INSERT = "insert into ledger.event select position, stream, version, name, recorded_at, 'x' from ledger.event"
MERGE = "merge into ledger.event e using ledger.event s on e.position = s.position when matched then"


@pytest.fixture(scope="module")
def refusing(postgres_server: Postgres) -> Iterator[Database]:
    """A database with something in every table, for tests in which nothing is altered."""
    dsn = postgres_server.dsn("refusing")
    migrate(dsn)
    in_partitions_of(10, dsn)
    database = Database(dsn)
    fill(database, 15)
    with database.transaction() as connection:
        connection.execute("insert into ledger.inbox values ('s', 'i', '', 'accepted', 1, gen_random_uuid(), now())")
        connection.execute("insert into ledger.identity values ('tag', gen_random_uuid())")
    yield database
    database.close()
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as admin:
        admin.execute("drop database refusing with (force)")


@pytest.fixture
def filled(dsn: str, database: Database) -> Database:
    in_partitions_of(10, dsn)
    fill(database, 15)
    return database


@pytest.fixture
def owner(dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def state(database: Database) -> list[object]:
    tables = ("event", "inbox", "identity", "head")
    with database.transaction() as connection:
        return [connection.execute(f"table ledger.{table} order by 1".encode()).fetchall() for table in tables]


@pytest.mark.parametrize(
    "attempt",
    [
        "update ledger.event set state = 'x'",
        "update ledger.event set state = 'x' where false",
        "delete from ledger.event",
        "truncate ledger.event",
        "drop table ledger.event",
        "alter table ledger.event add column more text",
        "alter table ledger.event rename to other",
        "alter table ledger.event disable trigger all",
        "alter table ledger.event disable trigger refuse_change",
        "drop trigger refuse_change on ledger.event",
        "create or replace function ledger.refuse_change() returns trigger language plpgsql as 'begin return new; end'",
        "set session_replication_role = replica",
        "alter role changqing_services superuser",
        INSERT + " on conflict (position) do update set state = 'x'",
        MERGE + " update set state = 'x'",
        MERGE + " delete",
        "select * from ledger.event for update",
        "update ledger.event_000000000011 set state = 'x'",
        "delete from ledger.event_000000000011",
        "truncate ledger.event_000000000011",
        "drop table ledger.event_000000000011",
        "alter table ledger.event_000000000011 disable trigger all",
        "alter table ledger.event detach partition ledger.event_000000000011",
        "insert into ledger.event_000000000011 select * from ledger.event_000000000011",
        "create table ledger.event_mine partition of ledger.event default",
        "create rule nothing as on insert to ledger.event do instead nothing",
        "create trigger mine before insert on ledger.event for each row execute function ledger.refuse_change()",
        "update ledger.inbox set digest = 'x'",
        "delete from ledger.inbox",
        "truncate ledger.inbox",
        "update ledger.identity set retiree = gen_random_uuid()",
        "delete from ledger.identity",
        "update ledger.master_key set fingerprint = 'x'",
        "delete from ledger.master_key",
        "update ledger.head set room = 0",
        "delete from ledger.head",
        "delete from ledger.tracking",
        "insert into ledger.archive values (1, 10, 10, '', '', 0)",
        "update ledger.partitioning set size = 1",
        "update alembic_version set version_num = '0001'",
    ],
)
def test_services_have_no_right_to_alter_what_is_recorded(refusing: Database, attempt: str) -> None:
    before = state(refusing)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), refusing.transaction() as connection:
        connection.execute(attempt.encode())
    assert state(refusing) == before


def test_what_is_copied_over_an_event_is_refused_as_its_position_is_taken(filled: Database) -> None:
    def copy_over() -> None:
        with filled.transaction() as connection:
            (row,) = log.read(connection, 0, 1)
            log.copy_events(connection, log.Appended(1, row.recorded_at), [log.Unplaced(row.stream, 1, "one", b"x")])

    with pytest.raises(psycopg.errors.UniqueViolation):
        copy_over()


@pytest.mark.parametrize("replica", [False, True], ids=["as ever", "in a replica's session"])
@pytest.mark.parametrize("table", ["event", "event_000000000001", "event_000000000011", "inbox"])
@pytest.mark.parametrize("verb", ["update {} set position = position", "delete from {}", "truncate {}"])
def test_the_owner_is_refused_with_the_reason_and_the_way_to_correct(
    refusing: Database, verb: str, table: str, replica: bool
) -> None:
    before = state(refusing)
    with psycopg.connect(refusing.dsn, autocommit=True) as owner:
        if replica:
            owner.execute("set session_replication_role = replica")
        with pytest.raises(psycopg.DatabaseError, match=r"recorded is never altered; .*已记录的内容不可更改") as caught:
            owner.execute(sql.SQL(verb).format(sql.Identifier("ledger", table)))
    assert caught.value.sqlstate == "CQ001"
    assert "new event" in str(caught.value.diag.message_hint)
    assert "更正须追加新事件" in str(caught.value.diag.message_hint)
    assert state(refusing) == before


def test_services_of_a_login_with_no_other_rights_work_and_the_same_login_alone_may_nothing(
    filled: Database, postgres_server: Postgres, owner: psycopg.Connection
) -> None:
    owner.execute("create role plain_services login in role changqing_services")
    try:
        dsn = filled.dsn.replace("postgres@", "plain_services@")
        services = Database(dsn)
        fill(services, 3)
        with services.listen():
            pass
        services.close()
        stranger = Database(dsn, role="pg_database_owner")
        stranger._pool.timeout = 0.2
        with pytest.raises(RightsError, match="grant pg_database_owner to plain_services"), stranger.transaction():
            pass
        with pytest.raises(RightsError, match="may not act as pg_database_owner"), stranger.listen():
            pass
        stranger.close()
    finally:
        owner.execute("drop role plain_services")


def test_an_owner_who_may_not_make_roles_is_told_what_to_run(
    postgres_server: Postgres, owner: psycopg.Connection
) -> None:
    owner.execute("create role plain_owner login")
    owner.execute("create database plain owner plain_owner")
    dsn = postgres_server.dsn("plain").replace("postgres@", "plain_owner@")
    try:
        with pytest.raises(RightsError, match="grant changqing_services to plain_owner") as caught:
            migrate(dsn)
        what_to_run = str(caught.value).split("run: ")[1].split("; ")[-1]
        owner.execute(what_to_run.encode())
        migrate(dsn)
        database = Database(dsn)
        fill(database, 3)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.transaction() as connection:
            connection.execute("delete from ledger.event")
        database.close()
        with psycopg.connect(dsn) as plain, pytest.raises(psycopg.DatabaseError, match="never altered"):
            plain.execute("delete from ledger.event")
    finally:
        owner.execute("drop database plain with (force)")
        owner.execute("drop owned by plain_owner")
        owner.execute("drop role plain_owner")


def test_databases_of_a_new_cluster_are_migrated_at_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Roles are the cluster's: each migration finds none, and all but one find it made meanwhile."""
    server = Postgres(tmp_path_factory.mktemp("cq"))
    try:
        server.start()
        processes = ProcessPoolExecutor(3, get_context("spawn"))
        with processes:
            list(processes.map(migrate, [server.dsn(name) for name in ("one", "two", "three")]))
        with psycopg.connect(server.dsn("three")) as owner:
            assert owner.execute("select version_num > '0002' from alembic_version").fetchone() == (True,)
    finally:
        server.stop()


# Partitions ahead of need


def wait_for_a_lock(owner: psycopg.Connection) -> None:
    """Until some session of this database waits for a lock."""
    query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    while owner.execute(query).fetchone() == (0,):
        owner.execute("select pg_sleep(0.01), pg_stat_clear_snapshot()")


def test_a_new_log_has_room_for_a_partition_and_a_whole_one_after_it(owner: psycopg.Connection) -> None:
    assert parts(owner) == [
        ("event_000000000001", 1, 10_000_000),
        ("event_000010000001", 10_000_001, 20_000_000),
    ]
    assert owner.execute("select room from ledger.head").fetchone() == (10_000_000,)


def test_a_new_partition_is_like_the_first(filled: Database, owner: psycopg.Connection) -> None:
    make_room(filled, 100)

    def shape(table: str) -> list[object]:
        index = "select replace(indexdef, %(t)s, '') from pg_indexes where tablename = %(t)s order by 1"
        trigger = (
            "select tgname, tgenabled, tgtype from pg_trigger where tgrelid = ('ledger.' || %(t)s)::regclass order by 1"
        )
        granted = "select relacl::text from pg_class where relname = %(t)s"
        return [owner.execute(query.encode(), {"t": table}).fetchall() for query in (index, trigger, granted)]

    assert len(parts(owner)) == 11
    for name, first, _ in parts(owner):
        assert shape(name) == shape("event_000000000001")
        assert name == f"event_{first:012}"


def test_the_log_runs_on_through_partitions_and_past_the_last(dsn: str, database: Database) -> None:
    in_partitions_of(10, dsn)
    for count in (1, 9, 35, 1, 200):
        fill(database, count)
    with database.transaction() as connection:
        rows = log.read(connection, 0, 1_000)
        assert [row.position for row in rows] == list(range(1, 247))
        assert parts(connection)[-1][2] >= 256, "one whole partition is still empty"


def test_a_writer_is_not_held_up_while_a_partition_is_attached(filled: Database, owner: psycopg.Connection) -> None:
    insert = (
        b"insert into ledger.event select 16, stream, 99, name, recorded_at, state from ledger.event where position = 1"
    )
    with psycopg.connect(filled.dsn) as writer:
        writer.execute(insert)  # holds the table as an append does, and is not done
        owner.execute("set lock_timeout = '5s'")
        owner.execute("begin")
        owner.execute("select ledger.make_partitions(60)")
        with filled.transaction() as other:  # while the attaching is not done either
            other.execute("set local lock_timeout = '5s'")
            other.execute(insert.replace(b"16", b"17"))
            assert other.execute("select count(*) from ledger.event").fetchone() == (16,)
        owner.execute("commit")


def test_an_append_and_others_who_make_room_at_once_do_not_wait_in_a_circle(filled: Database) -> None:
    holds, may_end = Event(), Event()

    def appending() -> None:
        with filled.transaction() as connection:
            write(connection, 1)
            holds.set()
            assert may_end.wait(20)
            make = connection.execute("select ledger.make_partitions(200)").fetchone()
            assert make is not None

    with ThreadPoolExecutor(8) as threads:
        append = threads.submit(appending)
        assert holds.wait(20)
        others = [threads.submit(make_room, filled, 100 + 10 * n) for n in range(6)]
        may_end.set()
        append.result(20)
        assert min(other.result(20) for other in others) >= 210
    with filled.transaction() as connection:
        firsts = [first for _, first, _ in parts(connection)]
    assert firsts == list(range(1, firsts[-1] + 1, 10))


def test_many_who_append_over_the_ends_of_partitions_leave_no_hole(dsn: str, database: Database) -> None:
    in_partitions_of(5, dsn)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: fill(database, 1 + n % 9), range(60)))
    with database.transaction() as connection:
        found = [row.position for row in log.read(connection, 0, 1_000)]
    assert found == list(range(1, len(found) + 1))


def test_while_the_table_is_held_for_long_an_append_with_room_goes_on(
    filled: Database, owner: psycopg.Connection
) -> None:
    owner.execute("begin")
    owner.execute("lock table ledger.event in share update exclusive mode")  # as for an index being built
    assert make_room(filled, 25) == 30
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(make_room, filled, 31)
        wait_for_a_lock(owner)
        owner.execute("commit")
        assert waiting.result(20) == 50


def test_what_a_default_partition_held_moves_to_where_it_belongs(postgres_server: Postgres) -> None:
    dsn = postgres_server.dsn("overflown")
    config = Config()
    config.set_main_option("script_location", str(files(migrations)))
    config.attributes["dsn"] = dsn
    command.upgrade(config, "0002")
    insert = "insert into ledger.event select p, gen_random_uuid(), 1, 'old', now(), '' from unnest(%s::bigint[]) as p"
    kept = [1, 10_000_000, 10_000_001, 34_000_000]
    with psycopg.connect(dsn) as connection:
        connection.execute(insert, [kept])
        connection.execute("update ledger.head set position = 34000000")
    migrate(dsn)
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select array_agg(position order by position) from ledger.event").fetchone() == (
            kept,
        )
        assert [first for _, first, _ in parts(connection)] == [n * 10_000_000 + 1 for n in range(5)]
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as admin:
        admin.execute("drop database overflown with (force)")
