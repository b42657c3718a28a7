"""Who may do what on a secured Kafka, as rules and as a script of Kafka's own tools. The least that each needs.

A department writes its own intake topic and reads its own receipts; the agency reads alerts; each of our processes has what it
does. Consumer groups begin with the name of whoever uses them and a dot, so that nobody reads on in another's place.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from domain.facts import Department
from services.bus.outgoing import INTAKE_GROUP
from services.bus.topics import Declared

Operation = Literal["Read", "Write", "Describe", "Create", "Alter", "AlterConfigs", "DescribeConfigs"]

INTAKE, RELAY, OPERATOR = "changqing-intake", "changqing-relay", "changqing-operator"
"""The users of our own processes: `intake`; `relay`; `migrate`, `topics` and whatever else an operator runs."""
SIEM = "changqing-siem"
"""The user of whatever watches over reading."""


class Grant(Struct, frozen=True, kw_only=True):
    """What a user may do with some topics, or with some consumer groups. `prefixed`: with all that begin so."""

    user: str
    operations: tuple[Operation, ...]
    resource: Literal["topic", "group"]
    names: tuple[str, ...]
    prefixed: bool = False


def of_department(department: Department, topics: Sequence[Declared]) -> list[Grant]:
    """What a department may do."""
    own = [one for one in topics if one.department is department]
    writes = tuple(one.name for one in own if one.kind == "intake")
    reads = tuple(
        one.name for one in topics if department in one.wanted.readers or (one in own and one.kind == "receipts")
    )
    return [
        Grant(user=department, operations=("Write", "Describe"), resource="topic", names=writes),
        Grant(user=department, operations=("Read", "Describe"), resource="topic", names=reads),
        _groups(department),
    ]


def of_services(topics: Sequence[Declared]) -> list[Grant]:
    """What our own processes may do, and what watches over them."""
    taken = tuple(one.name for one in topics if one.kind == "intake")
    sent = tuple(one.name for one in topics if one.kind != "intake")
    answers = tuple(one.name for one in topics if one.kind in {"receipts", "dead-letters"})
    watched = tuple(one.name for one in topics if one.kind == "security")
    every = tuple(one.name for one in topics)
    manage: tuple[Operation, ...] = ("Create", "Alter", "Describe", "AlterConfigs", "DescribeConfigs")
    return [
        Grant(user=INTAKE, operations=("Read", "Describe"), resource="topic", names=taken),
        Grant(user=INTAKE, operations=("Write", "Describe"), resource="topic", names=answers),
        Grant(user=INTAKE, operations=("Read", "Describe"), resource="group", names=(INTAKE_GROUP,)),
        Grant(user=RELAY, operations=("Write", "Describe"), resource="topic", names=sent),
        Grant(user=OPERATOR, operations=manage, resource="topic", names=every),
        Grant(user=OPERATOR, operations=("Describe",), resource="group", names=("*",)),  # how far each is behind
        Grant(user=SIEM, operations=("Read", "Describe"), resource="topic", names=watched),
        _groups(SIEM),
    ]


def script(grants: Iterable[Grant], *, revoke: bool = False) -> str:
    """A shell script that gives the grants' users passwords and rights, or takes both away. It holds no secret."""
    given = list(grants)
    users = list(dict.fromkeys(one.user for one in given))
    lines = [_HEAD.replace("WHAT", "takes away" if revoke else "gives")]
    for user in users:
        lines.append(f"\n# {user}")
        lines += [] if revoke else [f"password {user}"]
        lines += [_rule(one, revoke=revoke) for one in given if one.user == user]
    if revoke:  # last: whoever is stopped here has a password and no right
        lines += ["\n# passwords", *(f"forget {user}" for user in users)]
    return "\n".join(lines) + "\n"


def _groups(user: str) -> Grant:
    return Grant(user=user, operations=("Read", "Describe"), resource="group", names=(f"{user}.",), prefixed=True)


def _rule(grant: Grant, *, revoke: bool) -> str:
    """One call of kafka-acls.sh. Names are ours, of letters, digits, dots and dashes; the star alone wants quotes."""
    words = ["rule", "--remove --force" if revoke else "--add", f"--allow-principal User:{grant.user}"]
    words += [f"--operation {operation}" for operation in grant.operations]
    words += [f"--{grant.resource} '{name}'" for name in grant.names]
    words += ["--resource-pattern-type prefixed"] if grant.prefixed else []
    return " ".join(words)


_HEAD = """\
#!/bin/sh
# Written by `changqing bus-access`: WHAT users of Kafka (SCRAM-SHA-512) and their rights. Safe to repeat.
#
#   BOOTSTRAP     host:port of a broker, for an administrator of Kafka
#   ADMIN_CONFIG  the administrator's settings file, as --command-config takes it
#   KAFKA_BIN     the directory of Kafka's tools; by default they are found on PATH
#   PASSWORDS     a directory, made when missing: each user's password in a file of its name; a missing one is thrown afresh
set -eu
umask 077
: "${BOOTSTRAP:?name a broker, host:port}" "${ADMIN_CONFIG:?name the settings file of an administrator}"
PASSWORDS=${PASSWORDS:-passwords}
PATH=${KAFKA_BIN:+$KAFKA_BIN:}$PATH
mkdir -p "$PASSWORDS"

# A password goes by a file, as arguments can be read by everybody on this machine.
password() {
    test -s "$PASSWORDS/$1" || head -c 32 /dev/urandom | base64 | tr -d '/+=\\n' >"$PASSWORDS/$1"
    printf 'SCRAM-SHA-512=iterations=8192,password=%s\\n' "$(cat "$PASSWORDS/$1")" >"$PASSWORDS/.config"
    kafka-configs.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --alter \\
        --entity-type users --entity-name "$1" --add-config-file "$PASSWORDS/.config"
    rm "$PASSWORDS/.config"
}

# A user without a password is one who is forgotten already: Kafka calls taking it away an error.
forget() {
    found=$(kafka-configs.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --describe \\
        --entity-type users --entity-name "$1")
    case $found in *SCRAM-SHA-512=*) ;; *) return ;; esac
    kafka-configs.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" --alter \\
        --entity-type users --entity-name "$1" --delete-config SCRAM-SHA-512
}

rule() {
    kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG" "$@"
}"""
