"""The eventsourcing library's own reusable suites on our log, unchanged: nothing here but what each suite asks for.

Each test of theirs gets a database of its own. Not among them: `dcb.tests`, for recorders of another model without aggregates.
"""

from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    ProcessRecorder,
    Tracking,
    TrackingRecorder,
    Transcoder,
    Transcoding,
    UUIDAsHex,
)
from eventsourcing.popo import POPOTrackingRecorder
from eventsourcing.tests import application as applications
from eventsourcing.tests import persistence as suites
from eventsourcing.tests import projection as projections
from eventsourcing.utils import Environment

from infra.aggregates import LedgerAggregateRecorder, SnapshotRecorder
from infra.database import Database
from infra.recorder import LedgerFactory, LedgerRecorder
from infra.tracking import LedgerTrackingRecorder
from infra.transcoder import ExactTranscoder

FACTORY = "infra.recorder:LedgerFactory"


class OnOurLog:
    """The test's own database."""

    _database: Database

    @pytest.fixture(autouse=True)
    def _its_database(self, database: Database) -> None:
        self._database = database


class NamedByText:
    """Aggregates whose ids are texts."""

    def new_originator_id(self) -> UUID | str:
        return f"狗-{uuid4()}"


class TestSnapshotRecorder(OnOurLog, suites.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        return SnapshotRecorder(self._database, "suite")


class TestSnapshotRecorderNamedByText(NamedByText, TestSnapshotRecorder):
    pass


class TestAggregateRecorder(OnOurLog, suites.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        return LedgerAggregateRecorder(self._database, "suite")


class TestAggregateRecorderNamedByText(NamedByText, TestAggregateRecorder):
    pass


class TestApplicationRecorder(OnOurLog, suites.ApplicationRecorderTestCase[LedgerRecorder]):
    def create_recorder(self) -> LedgerRecorder:
        return LedgerRecorder(self._database, "suite", "suite")

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestApplicationRecorderNamedByText(NamedByText, TestApplicationRecorder):
    pass


class TestApplicationRecorderOfTheLedgerItself(TestApplicationRecorder):
    def create_recorder(self) -> LedgerRecorder:
        return LedgerRecorder(self._database, "suite")


class TestTrackingRecorder(OnOurLog, suites.TrackingRecorderTestCase):
    def create_recorder(self) -> TrackingRecorder:
        return LedgerTrackingRecorder(self._database, "suite")


class TestProcessRecorder(OnOurLog, suites.ProcessRecorderTestCase):
    def create_recorder(self) -> ProcessRecorder:
        return LedgerRecorder(self._database, "suite", "suite")


class TestPositions(OnOurLog, suites.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> ApplicationRecorder:
        return LedgerRecorder(self._database, "suite", "suite")


class ViewOfOurs(LedgerTrackingRecorder):
    pass


class TestFactory(suites.InfrastructureFactoryTestCase[LedgerFactory]):
    @pytest.fixture(autouse=True)
    def _its_environment(self, dsn: str) -> None:
        self.env = Environment("suite", {"PERSISTENCE_MODULE": FACTORY, "DATABASE_URL": dsn})

    def expected_factory_class(self) -> type[LedgerFactory]:
        return LedgerFactory

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return LedgerAggregateRecorder

    def expected_application_recorder_class(self) -> type[ApplicationRecorder]:
        return LedgerRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        return LedgerTrackingRecorder

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return ViewOfOurs

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        return LedgerRecorder


class AsPlain(Transcoding):
    """A type of the suite's, as the type of JSON's that it stands on."""

    def __init__(self, own: type, plain: type) -> None:
        self.type, self.name, self._plain = own, own.__name__.lower(), plain

    def encode(self, obj: Any) -> Any:
        return self._plain(obj)

    def decode(self, data: Any) -> Any:
        return self.type(data)


class TestTranscoder(suites.TranscoderTestCase):
    def construct_transcoder(self) -> Transcoder:
        transcoder = ExactTranscoder()
        for transcoding in (UUIDAsHex(), suites.CustomType1AsDict(), suites.CustomType2AsDict()):
            transcoder.register(transcoding)
        for own, plain in ((suites.Mydict, dict), (suites.MyList, list), (suites.MyStr, str), (suites.MyInt, int)):
            transcoder.register(AsPlain(own, plain))
        return transcoder


@pytest.fixture
def configured(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """These suites make applications of nothing but the process's environment."""
    monkeypatch.setenv("PERSISTENCE_MODULE", FACTORY)
    monkeypatch.setenv("DATABASE_URL", dsn)


@pytest.mark.usefixtures("configured")
class TestExampleApplication(applications.ExampleApplicationTestCase):
    expected_factory_topic = FACTORY


@pytest.mark.usefixtures("configured")
@pytest.mark.filterwarnings("always:'log' is deprecated:DeprecationWarning")  # which the suite itself looks for
class TestApplication(applications.ApplicationTestCase):
    pass


@pytest.mark.usefixtures("configured")
class TestEventSourcedProjection(projections.EventSourcedProjectionTestCase):
    pass


class CountersOfOurs(LedgerTrackingRecorder, projections.EventCountersView):
    """A view in the ledger's database, whose rows and position commit together."""

    def __init__(self, database: Database, follower: str) -> None:
        super().__init__(database, follower)
        with self.transaction() as connection:
            connection.execute("create table if not exists views.counter (name text primary key, n int not null)")

    def get_created_event_counter(self) -> int:
        return self._count("created")

    def get_subsequent_event_counter(self) -> int:
        return self._count("subsequent")

    def incr_created_event_counter(self, tracking: Tracking) -> None:
        self._increment("created", tracking)

    def incr_subsequent_event_counter(self, tracking: Tracking) -> None:
        self._increment("subsequent", tracking)

    def _count(self, name: str) -> int:
        with self.transaction() as connection:
            row = connection.execute("select n from views.counter where name = %s", [name]).fetchone()
        return int(row[0]) if row else 0

    def _increment(self, name: str, tracking: Tracking) -> None:
        save = "insert into views.counter values (%s, 1) on conflict (name) do update set n = views.counter.n + 1"
        with self.transaction() as connection:
            connection.execute(save, [name])
            self.track(connection, tracking)


class CountersInMemory(POPOTrackingRecorder, projections.EventCountersView):
    """A view that is not in the database."""

    def __init__(self) -> None:
        super().__init__()
        self._counters = {"created": 0, "subsequent": 0}

    def get_created_event_counter(self) -> int:
        return self._counters["created"]

    def get_subsequent_event_counter(self) -> int:
        return self._counters["subsequent"]

    def incr_created_event_counter(self, tracking: Tracking) -> None:
        self._increment("created", tracking)

    def incr_subsequent_event_counter(self, tracking: Tracking) -> None:
        self._increment("subsequent", tracking)

    def _increment(self, name: str, tracking: Tracking) -> None:
        with self._database_lock:
            self.insert_tracking(tracking)
            self._counters[name] += 1


class TestView(OnOurLog, projections.EventCountersViewTestCase):
    def construct_event_counters_view(self) -> projections.EventCountersView:
        return CountersOfOurs(self._database, "suite")


@pytest.mark.usefixtures("configured")
class TestProjection(projections.AggregateEventCountersProjectionTestCase):
    view_class = CountersOfOurs


@pytest.mark.usefixtures("configured")
class TestProjectionIntoMemory(projections.AggregateEventCountersProjectionTestCase):
    view_class = CountersInMemory
    env: ClassVar = {"EVENTCOUNTERS_PERSISTENCE_MODULE": "eventsourcing.popo"}


@pytest.mark.usefixtures("configured")
class TestProjectionOfDecisions(projections.TaggedDecisionCountersProjectionTestCase):
    """Upstream is the library's recorder of decisions in memory, the view is ours."""

    view_class = CountersOfOurs
    env: ClassVar = {
        "DCBAPPLICATION_PERSISTENCE_MODULE": "eventsourcing.dcb.popo",
        "MAPPER_TOPIC": "eventsourcing.dcb.msgpack:MessagePackMapper",
    }
