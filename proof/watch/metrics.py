"""What the watch knows, as a text file for node_exporter's collector `textfile`."""

from collections.abc import Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from proof.watch.memory import Look, Memory

PREFIX = "mail_lab"


def write(
    path: Path,
    host: str,
    memory: Memory,
    look: Look,
    *,
    seconds: float,
    changes: Mapping[str, int],
) -> None:
    """Write the metrics of a host; a reader sees the old file or the new one.

    Args:
        path: ends in .prom.
        host: label of every metric.
        memory: what is known.
        look: the last one.
        seconds: how long the look took.
        changes: differences since the look before, by section.
    """
    registry = CollectorRegistry()

    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", text, ["host", *labels], registry=registry)

    green = gauge("criterion_green", "1 if the criterion is proved, 0 if it is red", "task", "criterion")
    age = gauge("criterion_evidence_age_seconds", "Seconds since it was proved last", "task", "criterion")
    for name, one in memory.criteria.items():
        task, _, rule = name.partition(" ")
        green.labels(host, task, rule).set(not one.red)
        if one.proved is not None:
            age.labels(host, task, rule).set((look.at - one.proved).total_seconds())
    gauge("host_seen", "1 if the last attempt saw the host").labels(host).set(memory.unseen is None)
    for title, name, moment in (
        ("Time of the last attempt", "last_attempt_timestamp_seconds", memory.tried),
        ("Time of the last look that saw the host", "last_look_timestamp_seconds", memory.looked),
    ):
        if moment is not None:
            gauge(name, title).labels(host).set(moment.timestamp())
    gauge("look_duration_seconds", "Seconds that the last look took").labels(host).set(seconds)
    gauge("messages_unsent", "Messages that no one could be told yet").labels(host).set(len(memory.unsent))
    for name, value in {name: value for one in look.results for name, value in one.measured.items()}.items():
        gauge(name, "Measured by a criterion").labels(host).set(value)
    changed = gauge("host_changes", "Differences of the host since the look before, by section", "section")
    for section, number in changes.items():
        changed.labels(host, section).set(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(path), registry)
