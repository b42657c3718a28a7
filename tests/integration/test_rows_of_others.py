"""What PostgreSQL itself shows whoever asks: of each table the rows that are an account's own, whatever a statement forgets to ask."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from typing import NamedTuple
from uuid import UUID

import msgspec
import psycopg
import pytest
from msgspec.structs import replace
from psycopg import sql

from domain.facts import DeathReported, Department
from domain.history import Entry
from domain.law import Law
from infra import codec, log
from infra.database import Database
from infra.embedded import Postgres
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.migrations import migrate
from infra.reading import READERS, Feed, Reading, seen_positions
from infra.rebuild import Rebuild
from infra.statutes import the_lineage
from services.accounts import Account, Role
from services.reading.who import who
from tests.asking import catch_up
from tests.building import number_of, retirement, submission
from tests.handing import DL, SZ

D = Department
SIBLING = f"{SZ[:6]}002001"
"""A community of the same district, in another street."""
_WHO = {
    "community": (Role.COMMUNITY, D.COMMUNITY, SZ),
    "street": (Role.COMMUNITY, D.COMMUNITY, SZ[:9]),
    "sibling": (Role.COMMUNITY, D.COMMUNITY, SIBLING[:9]),
    "elsewhere": (Role.COMMUNITY, D.COMMUNITY, DL),
    "officer": (Role.OFFICER, D.AGENCY, "4403"),
    "officer elsewhere": (Role.OFFICER, D.AGENCY, "2102"),
    "auditor": (Role.AUDITOR, D.AGENCY, "4403"),
    "auditor elsewhere": (Role.AUDITOR, D.AGENCY, "2102"),
    "guardian": (Role.GUARDIAN, D.AGENCY, "4403"),
    "guardian elsewhere": (Role.GUARDIAN, D.AGENCY, "2102"),
    "civil affairs": (Role.PUBLISHER, D.CIVIL_AFFAIRS, ""),
    "police": (Role.PUBLISHER, D.POLICE, ""),
    "administrator": (Role.ADMINISTRATOR, D.AGENCY, ""),
}
_HERE = {"community", "street", "officer", "auditor", "guardian"}
"""Who may know of somebody registered in SZ."""
_AUDITORS = {"auditor", "auditor elsewhere"}
_OF_CIVIL_AFFAIRS = {"civil affairs"}
_AGENCY = {"officer", "officer elsewhere"}
_GUARDING = _AUDITORS | {"guardian", "guardian elsewhere"}
"""Who looks into unusual reading."""


class Table(NamedTuple):
    """Which rows are looked for, and who sees some; everybody else sees none. `made`: how one comes to be there, unless by what is told."""

    wanted: str
    seen_by: set[str]
    made: str = ""


_KEPT = "values (%(retiree)s, '{{}}', '{{}}', 1, 1{})"


def _kept(table: str) -> dict[str, Table]:
    """A register that keeps facts of somebody, as it is and as it was."""
    row = f"insert into views.{table} (retiree, told, gone, position, since) {_KEPT.format('')}"
    past = f"insert into views.{table}_past (retiree, told, gone, position, since, until) {_KEPT.format(', 2')}"
    return {
        f"views.{table}": Table("retiree = %(retiree)s", _HERE, row),
        f"views.{table}_past": Table("retiree = %(retiree)s", _HERE, past),
    }


_ONE = "retiree = %(retiree)s"
_CONSUMER = """insert into ledger.consumer (consumer, terms, secrets) values ('theirs',
    '{"kind": "feed", "department": "civil-affairs", "account": "somebody"}', '[]')"""
_FLAG = """insert into views.unusual_access{} values
    ('7', 7, now(), 'volume', current_date, 'community', 'a', 300, 100, 6, null, 7{})"""
TABLES = {
    "views.roster": Table(_ONE, _HERE),
    "views.roster_past": Table(_ONE, _HERE),
    "views.lives": Table(_ONE, _HERE),
    "views.lives_past": Table(
        _ONE,
        _HERE,
        "insert into views.lives_past (retiree, facts, doubts, places, position, since, until) "
        "values (%(retiree)s, '{}', '{}', '{}', 1, 1, 2)",
    ),
    "views.handovers": Table(
        _ONE,
        _HERE,
        "insert into views.handovers (retiree, batches, handover, registers, gone, position, since) "
        "values (%(retiree)s, '{b}', '{}', '{}', '{}', 1, 1)",
    ),
    "views.handovers_past": Table(
        _ONE,
        _HERE,
        "insert into views.handovers_past (retiree, batches, handover, registers, gone, position, since, until) "
        "values (%(retiree)s, '{b}', '{}', '{}', '{}', 1, 1, 2)",
    ),
    **_kept("archives"),
    **_kept("party_relations"),
    **_kept("fees"),
    **_kept("care"),
    **_kept("verifications"),
    "views.alert_inbox": Table(_ONE, _HERE),
    "views.alert_inbox_past": Table(
        _ONE, _HERE, "insert into views.alert_inbox_past select *, since + 1 from views.alert_inbox"
    ),
    "views.audit_trail": Table(_ONE, _HERE),
    "views.audit_trail_past": Table(
        _ONE,
        _HERE,
        "insert into views.audit_trail_past select *, since + 1 from views.audit_trail",
    ),
    "views.search": Table(
        _ONE,
        _HERE - _AUDITORS,
        "insert into views.search values ('tag', %(retiree)s, '/social-insurance/x', 'i', %(retiree)s)",
    ),
    "views.source_gaps": Table(
        "source = 'gap'", _AUDITORS | _AGENCY, "insert into views.source_gaps values ('gap', 'police', '{}', 1, 1)"
    ),
    "views.source_gaps_past": Table(
        "source = 'gap'",
        _AUDITORS | _AGENCY,
        "insert into views.source_gaps_past values ('gap', 'police', '{}', 1, 1, 2)",
    ),
    "views.unusual_access": Table("flag_id = '7'", _GUARDING, _FLAG.format("", "")),
    "views.unusual_access_past": Table("flag_id = '7'", _GUARDING, _FLAG.format("_past", ", 2")),
    "views.bulletin_figure": Table(
        "measure = 'people'",
        {"community", "street", "officer", "auditor"},
        "with made as (insert into views.bulletin (first_day, last_day, law, position) "
        "values ('2024-01-01', '2024-03-31', 'l', 1) returning bulletin) "
        "insert into views.bulletin_figure select bulletin, true, community, 'people', 1, 1 from made, views.roster",
    ),
    "views.source": Table(
        "source = '/civil-affairs/here'",
        _OF_CIVIL_AFFAIRS | _AUDITORS | _AGENCY | {"administrator"},
        "insert into views.source values ('/civil-affairs/here', '{}', null, now(), 1)",
    ),
    "views.source_past": Table(
        "source = '/civil-affairs/here'",
        _OF_CIVIL_AFFAIRS | _AUDITORS | _AGENCY | {"administrator"},
        "insert into views.source_past values ('/civil-affairs/here', '{}', null, now(), 1, 2)",
    ),
    "views.source_batch": Table(
        "source = '/civil-affairs/here'",
        _OF_CIVIL_AFFAIRS | _AUDITORS | _AGENCY | {"administrator"},
        "insert into views.source_batch values ('/civil-affairs/here', 'b', '{}', null, now(), 1)",
    ),
    "views.source_batch_past": Table(
        "source = '/civil-affairs/here'",
        _OF_CIVIL_AFFAIRS | _AUDITORS | _AGENCY | {"administrator"},
        "insert into views.source_batch_past values ('/civil-affairs/here', 'b', '{}', null, now(), 1, 2)",
    ),
    "ledger.event": Table("stream = %(retiree)s", {"officer", "auditor"}),
    "ledger.inbox": Table(
        "split_part(source, '/', 2) = 'civil-affairs'",
        _OF_CIVIL_AFFAIRS | _AUDITORS,
    ),
    "ledger.refused": Table(
        "id = 'refused'",
        _OF_CIVIL_AFFAIRS | _AUDITORS,
        "insert into ledger.refused values ('key', 'civil-affairs', '/civil-affairs/here', 'refused', 1, now())",
    ),
    "ledger.dead_letter": Table(
        "place = 'here-0-1'",
        _OF_CIVIL_AFFAIRS | _AUDITORS | _AGENCY,
        "insert into ledger.dead_letter (place, channel, department, published_by, digest, size, position, recorded_at, code, path, detail) "
        "values ('here-0-1', 'kafka', 'civil-affairs', 'x', '', 1, 1, now(), 'c', '', '')",
    ),
    "ledger.consumer": Table("consumer = 'theirs'", _OF_CIVIL_AFFAIRS | _AUDITORS | {"administrator"}, _CONSUMER),
    "ledger.outlet": Table(
        "consumer = 'theirs'",
        _OF_CIVIL_AFFAIRS | _AUDITORS | {"administrator"},
        "insert into ledger.outlet (consumer, position) values ('theirs', 1)",
    ),
    "ledger.undelivered": Table(
        "consumer = 'theirs'",
        _OF_CIVIL_AFFAIRS | _AUDITORS | {"administrator"},
        "insert into ledger.undelivered (consumer, event, position, type, tries, code) values ('theirs', 'e', 1, 't', 1, 'c')",
    ),
    "ledger.source": Table(
        "source = '/civil-affairs/here'",
        _OF_CIVIL_AFFAIRS | _AUDITORS | _AGENCY | {"administrator"},
        "insert into ledger.source values ('/civil-affairs/here', 'civil-affairs', '', false, null, false)",
    ),
    "ledger.source_key": Table(
        "keyid = 'k'",
        _OF_CIVIL_AFFAIRS | _AUDITORS | _AGENCY | {"administrator"},
        "insert into ledger.source_key values ('k', '/civil-affairs/here', '', now())",
    ),
    "ledger.retiree_key": Table(_ONE, _HERE),
    "ledger.identity": Table(_ONE, _HERE - _AUDITORS),
    "ledger.led": Table(
        "leader = %(retiree)s", _HERE, "insert into ledger.led values (gen_random_uuid(), %(retiree)s)"
    ),
    "ledger.tracking": Table("true", set(_WHO)),
    "ledger.head": Table("true", set(_WHO)),
    "ledger.archive": Table(
        "true",
        _AUDITORS | _AGENCY,
        "insert into ledger.archive values (900, 901, 2, 'f', '', 1)",
    ),
    "ledger.follower_stop": Table(
        "true",
        _AUDITORS | _AGENCY | {"administrator"},
        "insert into ledger.follower_stop values ('f', 1, 'n', 'e')",
    ),
}
"""Every table that readers are shown anything of: one that is not here, or a rule that shows more, fails."""
_AS_OWNER = frozenset(
    {"was_there", "unregistered", "reads_feed", "ever_in", "standing_in", "found_in", "unverified_in"}
)
"""Functions that readers may call and that ask with their owner's rights: each is bound to the account, or says yes or no."""


@pytest.fixture(scope="module")
def town(postgres_server: Postgres, keys: KeyRing, law: Law) -> Iterator[tuple[Database, UUID]]:
    """A database with something of one retiree in every table, and who it is."""
    dsn = postgres_server.dsn("rows_of_others")
    migrate(dsn)
    database = Database(dsn)
    home = replace(retirement(), residence_division=SZ, hukou_division=SZ)
    death = DeathReported(effective=date(2026, 3, 1), document="民政〔2026〕1号")
    for fact, department in ((home, D.AGENCY), (death, D.CIVIL_AFFAIRS)):
        one = submission(fact, f"{department}", number=number_of(1), department=department)
        (receipt,) = Ledger(database, keys, law).accept([one], date(2026, 4, 1))
        assert not isinstance(receipt, Exception), receipt
    catch_up(database)
    with psycopg.connect(dsn) as owner:
        row = owner.execute("select retiree from views.roster").fetchone()
        assert row is not None
        for table in TABLES.values():
            owner.execute(table.made.encode(), {"retiree": row[0]} if "%(" in table.made else None)
    yield database, row[0]
    database.close()
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as admin:
        admin.execute("drop database rows_of_others with (force)")


def reading(database: Database, name: str) -> Reading:
    """The database as one of these sees it."""
    role, department, division = _WHO[name]
    account = Account(name=name, role=role, department=department, division=division)
    return Reading(database, who(account, the_lineage()))


def count(database: Reading, table: str, retiree: UUID) -> int:
    """How many of the rows looked for it shows."""
    query = sql.SQL("select count(*) from {} where {}").format(
        sql.Identifier(*table.split(".")),
        sql.SQL(TABLES[table].wanted),
    )
    with database.transaction() as connection:
        (found,) = connection.execute(query, {"retiree": retiree}).fetchone() or (0,)
    return int(found)


@pytest.mark.parametrize("table", TABLES)
def test_of_each_table_everybody_sees_what_is_theirs_and_nobody_else_anything(
    town: tuple[Database, UUID], table: str
) -> None:
    database, retiree = town
    found = {name for name in _WHO if count(reading(database, name), table, retiree)}
    assert found == TABLES[table].seen_by


def test_who_says_nothing_of_an_account_sees_nothing(town: tuple[Database, UUID]) -> None:
    database, _ = town
    with database.transaction() as connection:
        connection.execute("select set_config('role', %s, true)", [READERS])
        for table in TABLES:
            query = sql.SQL("select count(*) from {}").format(sql.Identifier(*table.split(".")))
            assert connection.execute(query).fetchone() == (0,), table


def test_after_a_question_the_connection_has_its_own_rights_again(town: tuple[Database, UUID]) -> None:
    _, retiree = town
    with closing(Database(town[0].dsn, max_size=1)) as one:
        assert count(reading(one, "sibling"), "views.roster", retiree) == 0
        with one.transaction() as connection:
            assert connection.execute("select current_setting('changqing.acts', true)").fetchone() in ((None,), ("",))
            assert connection.execute("select count(*) from views.roster").fetchone() == (1,)
        with pytest.raises(psycopg.errors.UndefinedTable), reading(one, "officer").transaction() as connection:
            connection.execute("table nowhere")
        with one.transaction() as connection:
            assert connection.execute("select count(*) from views.roster").fetchone() == (1,)


def test_every_table_of_readers_is_bound_by_a_rule_and_stands_here(town: tuple[Database, UUID]) -> None:
    """A table or view that is granted to readers without a rule, or without its line above, is found."""
    granted = """
        select n.nspname || '.' || c.relname, c.relkind, c.relrowsecurity, c.reloptions::text,
               exists (select from pg_policy p where p.polrelid = c.oid and p.polroles = array['changqing_readers'::regrole::oid])
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname not in ('pg_catalog', 'information_schema') and c.relkind in ('r', 'p', 'v', 'm', 'f')
          and has_table_privilege('changqing_readers', c.oid, 'select')"""
    with psycopg.connect(town[0].dsn) as owner:
        found = owner.execute(granted).fetchall()
    tables = {name for name, kind, *_ in found if kind in "rp"}
    assert tables == set(TABLES)
    for name, kind, bound, options, ruled in found:
        if kind in "rp":
            assert (bound, ruled) == (True, True), name
        else:
            assert (kind, options) == ("v", "{security_invoker=true}"), f"{name} would ask with its owner's rights"


def test_readers_own_nothing_change_nothing_and_may_not_leave_their_role(town: tuple[Database, UUID]) -> None:
    with psycopg.connect(town[0].dsn) as owner:
        writes = """select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname not in ('pg_catalog', 'information_schema') and c.relkind in ('r', 'p', 'v')
              and has_table_privilege('changqing_readers', c.oid, 'insert, update, delete, truncate')"""
        assert owner.execute(writes).fetchall() == []
        owned = "select count(*) from pg_shdepend where refobjid = 'changqing_readers'::regrole and deptype = 'o'"
        assert owner.execute(owned).fetchone() == (0,)
        role = "select rolsuper, rolbypassrls, rolcanlogin, rolcreaterole from pg_roles where rolname = 'changqing_readers'"
        assert owner.execute(role).fetchone() == (False, False, False, False)


def test_a_login_with_no_right_but_that_of_services_reads_as_readers_do(town: tuple[Database, UUID]) -> None:
    database, retiree = town
    with psycopg.connect(database.dsn, autocommit=True) as owner:
        owner.execute("create role plain_login login in role changqing_services")
        try:
            with closing(Database(database.dsn.replace("postgres@", "plain_login@"))) as plain:
                assert [count(reading(plain, name), "views.roster", retiree) for name in ("officer", "sibling")] == [
                    1,
                    0,
                ]
        finally:
            owner.execute("drop role plain_login")


def test_functions_that_ask_with_their_owners_rights_are_these(town: tuple[Database, UUID]) -> None:
    functions = """select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema') and p.prorettype <> 'trigger'::regtype
          and has_function_privilege('changqing_readers', p.oid, 'execute')"""
    with psycopg.connect(town[0].dsn) as owner:
        assert {name for (name,) in owner.execute(functions)} == _AS_OWNER
    database, retiree = town
    for name in ("sibling", "officer elsewhere", "police"):
        with reading(database, name).transaction() as connection:
            asked = connection.execute("select rights.was_there(%s), rights.reads_feed()", [retiree]).fetchone()
            ever = connection.execute("select * from views.ever_in(%s, %s, 10)", [[SZ], UUID(int=0)]).fetchall()
        assert (asked, ever) == ((False, False), []), name


@pytest.fixture
def feeding(town: tuple[Database, UUID]) -> Iterator[Database]:
    """The town, where `officer` and `civil affairs` each have a feed of their own."""
    with psycopg.connect(town[0].dsn, autocommit=True) as owner:
        for consumer, department, account in (
            ("agencys", D.AGENCY, "officer"),
            ("civils", D.CIVIL_AFFAIRS, "civil affairs"),
        ):
            terms = f'{{"kind": "feed", "department": "{department}", "account": "{account}"}}'
            owner.execute(
                "insert into ledger.consumer (consumer, terms, secrets) values (%s, %s, '[]')", [consumer, terms]
            )
        yield town[0]
        owner.execute("delete from ledger.consumer where consumer in ('agencys', 'civils')")


def names_shown(database: Database, name: str, feed: Feed | None) -> set[str]:
    """The names of all events of the log that an account is shown by a statement that asks for everything."""
    role, department, division = _WHO[name]
    account = Account(name=name, role=role, department=department, division=division)
    with Reading(database, replace(who(account), feed=feed)).transaction() as connection:
        return {event for (event,) in connection.execute("select name from ledger.event")}


def test_a_feed_shows_what_is_of_it_while_it_is_read_and_nothing_to_any_other_question(feeding: Database) -> None:
    died, joined = "death-reported.v1", "retirement-registered.v1"
    civil = Feed("civils", frozenset(), frozenset({died, joined}))
    assert names_shown(feeding, "civil affairs", None) == set(), "it has a feed, and asks for something else"
    assert names_shown(feeding, "civil affairs", civil) == {died}, "that another department registered is not told it"
    assert names_shown(feeding, "civil affairs", replace(civil, own=frozenset())) == set()
    assert names_shown(feeding, "civil affairs", replace(civil, consumer="agencys")) == set(), "another one's feed"
    assert names_shown(feeding, "civil affairs", replace(civil, consumer="")) == set()
    assert names_shown(feeding, "police", civil) == set()
    assert names_shown(feeding, "administrator", replace(civil, consumer="agencys")) == set()
    told = frozenset({died, "pension-alert-raised.v1"})
    assert {died} <= names_shown(feeding, "officer", Feed("agencys", told, frozenset()))
    assert "day-passed.v1" not in names_shown(feeding, "civil affairs", civil)
    with psycopg.connect(feeding.dsn, autocommit=True) as owner:
        owner.execute("update ledger.consumer set ended = 'over' where consumer = 'civils'")
        assert names_shown(feeding, "civil affairs", civil) == set(), "it has ended"


def test_of_what_is_archived_an_account_is_shown_no_more_than_of_what_is_not(
    feeding: Database,
) -> None:
    with feeding.transaction() as connection:
        found = [codec.decode(*row) for row in log.read(connection, 0, 1_000)]
    away = [msgspec.structs.replace(one, position=one.position - 10_000) for one in found]  # stand in no table any more

    def shown(entries: list[Entry], name: str, feed: Feed | None) -> list[str]:
        role, department, division = _WHO[name]
        account = Account(name=name, role=role, department=department, division=division)
        seen = seen_positions(Reading(feeding, replace(who(account, the_lineage()), feed=feed)), entries)
        return [one.name for one in entries if one.position in seen]

    own = Feed("civils", frozenset(), frozenset({one.name for one in found}))
    for name, feed in (
        ("officer", None),
        ("officer elsewhere", None),
        ("auditor", None),
        ("police", None),
        ("officer", Feed("agencys", frozenset({"death-reported.v1"}), frozenset())),
        ("civil affairs", own),
        ("police", own),
    ):
        assert shown(away, name, feed) == shown(found, name, feed), name
    assert shown(away, "civil affairs", own) == ["death-reported.v1"]
    assert shown(away, "officer", None)
    assert not shown(away, "officer elsewhere", None)


def test_what_was_known_is_bound_like_what_is(town: tuple[Database, UUID]) -> None:
    database, retiree = town
    for name, seen in (("community", True), ("sibling", False), ("officer elsewhere", False), ("police", False)):
        with reading(database, name).transaction() as connection:
            connection.execute("select set_config('changqing.known_at', '1', true)")
            for model in ("roster", "lives", "archives"):
                query = sql.SQL("select count(*) from {} where retiree = %s").format(sql.Identifier("known", model))
                (found,) = connection.execute(query, [retiree]).fetchone() or (0,)
                assert bool(found) is seen, (name, model)


def test_read_models_that_were_folded_anew_are_bound_as_before(dsn: str, keys: KeyRing, law: Law) -> None:
    with closing(Database(dsn)) as database, closing(Database(dsn, role=None)) as owner:
        home = replace(retirement(), residence_division=SZ, hukou_division=SZ)
        Ledger(database, keys, law).accept([submission(home, "1", department=D.AGENCY)], date(2026, 4, 1))
        catch_up(database)
        for _ in range(2):
            Rebuild(owner, lambda _: None, processes=1).run()
        for name, seen in (("community", 1), ("sibling", 0), ("officer", 1), ("officer elsewhere", 0)):
            with reading(database, name).transaction() as connection:
                for model in ("views.roster", "views.lives", "known.roster", "ledger.retiree_key"):
                    connection.execute("select set_config('changqing.known_at', '99', true)")
                    query = sql.SQL("select count(*) from {}").format(sql.Identifier(*model.split(".")))
                    assert connection.execute(query).fetchone() == (seen,), (name, model)
